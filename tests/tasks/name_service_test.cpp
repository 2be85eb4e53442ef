// SPDX-License-Identifier: BSL-1.0
// The name service from its clients' side, and its passing from keeper to keeper.
#include "processes.hpp"

#include <servers/netname.h>
#include <umach_inspect.h>
#include <unistd.h>
#include <cstring>
#include <string>

namespace umach::tests {
namespace {

TEST(NameService, IsThereInAHostOfOneProcess) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        port_t found = PORT_NULL;
        MUST(name_server_port != PORT_NULL && name_server_port == bootstrap_port);
        MUST(netname_check_in(name_server_port, "spooler", PORT_NULL, port) == NETNAME_SUCCESS);
        MUST(netname_look_up(name_server_port, "", "spooler", &found) == NETNAME_SUCCESS && found == port);
        MUST(violations().empty());
    }));
}

TEST(NameService, IsThereAsSoonAsAHostIsMade) {
    for (int i = 0; i < 20; ++i)
        EXPECT_TRUE(runs_well([&] {
            const std::string name = "names-" + std::to_string(getpid());
            MUST(umach_host_create(name.c_str(), nullptr) == KERN_SUCCESS);
            MUST(name_server_port != PORT_NULL);
        }));
}

TEST(NameService, FindsForOneProcessWhatAnotherCheckedIn) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        leave_for_children(port);
        Signal in;
        const pid_t server = start([&] {
            const port_name_t own = new_port();
            MUST(netname_check_in(name_server_port, "server", PORT_NULL, own) == NETNAME_SUCCESS);
            in.give();
            MUST(receive(own).id == 5);
        });
        in.await();
        MUST(runs_well([] {
            port_t found = PORT_NULL;
            MUST(netname_look_up(name_server_port, "*", "server", &found) == NETNAME_SUCCESS);
            MUST(send_plain(found, 5) == SEND_SUCCESS);
        }));
        MUST(ended_well(server));
    }));
}

TEST(NameService, EntryGoesWhenItsPortDies) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        port_t found = PORT_NULL;
        MUST(netname_check_in(name_server_port, "brief", PORT_NULL, port) == NETNAME_SUCCESS);
        MUST(port_deallocate(task_self(), port) == KERN_SUCCESS);
        MUST(netname_look_up(name_server_port, "", "brief", &found) == NETNAME_NOT_CHECKED_IN);
        MUST(netname_check_in(name_server_port, "brief", new_port(), new_port()) == NETNAME_SUCCESS);
    }));
}

TEST(NameService, OnlyTheSameSignatureReplacesOrRemovesAnEntry) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t first = new_port(), second = new_port(), mine = new_port(), other = new_port();
        port_t found = PORT_NULL;
        const port_t server = name_server_port;
        MUST(netname_check_in(server, "x", mine, first) == NETNAME_SUCCESS);
        MUST(netname_check_in(server, "x", other, second) == NETNAME_NOT_YOURS);
        MUST(netname_check_in(server, "x", PORT_NULL, second) == NETNAME_NOT_YOURS);
        MUST(netname_check_in(server, "x", mine, second) == NETNAME_SUCCESS);
        MUST(netname_look_up(server, "", "x", &found) == NETNAME_SUCCESS && found == second);
        MUST(netname_check_out(server, "x", other) == NETNAME_NOT_YOURS);
        MUST(netname_check_out(server, "x", mine) == NETNAME_SUCCESS);
        MUST(netname_check_out(server, "x", mine) == NETNAME_NOT_CHECKED_IN);
        MUST(netname_look_up(server, "", "x", &found) == NETNAME_NOT_CHECKED_IN);
        MUST(violations().empty());
    }));
}

TEST(NameService, EntryWhoseSignatureDiedCanBeChangedByNobody) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port(), signature = new_port();
        const port_t server = name_server_port;
        MUST(netname_check_in(server, "x", signature, port) == NETNAME_SUCCESS);
        MUST(port_deallocate(task_self(), signature) == KERN_SUCCESS);
        MUST(netname_check_out(server, "x", new_port()) == NETNAME_NOT_YOURS);
        MUST(netname_check_out(server, "x", PORT_NULL) == NETNAME_NOT_YOURS);
    }));
}

TEST(NameService, RefusesDeadPortsForeignHostsAndLongNames) {
    EXPECT_TRUE(runs_well([] {
        const port_t server = name_server_port;
        const std::string longest(sizeof(netname_name_t), 'n'), longer(sizeof(netname_name_t) + 1, 'n');
        port_t found = PORT_NULL;
        MUST(netname_check_in(server, "x", PORT_NULL, PORT_NULL) == NETNAME_INVALID_PORT);
        MUST(netname_look_up(server, "elsewhere", "x", &found) == NETNAME_NO_SUCH_HOST);
        MUST(netname_check_in(server, longer.c_str(), PORT_NULL, new_port()) == KERN_INVALID_ARGUMENT);
        MUST(netname_check_in(server, longest.c_str(), PORT_NULL, new_port()) == NETNAME_SUCCESS);
        MUST(netname_look_up(server, "", longest.c_str(), &found) == NETNAME_SUCCESS);
        MUST(netname_check_in(server, "x", 4711, new_port()) == SEND_INVALID_PORT);
    }));
}

TEST(NameService, SaysItsVersionAndRefusesWhatItDoesNotKnow) {
    EXPECT_TRUE(runs_well([] {
        netname_name_t version{};
        MUST(netname_version(name_server_port, version) == NETNAME_SUCCESS && std::strlen(version) > 0);
        struct {
            msg_header_t header;
            msg_type_t type;
            int code;
        } message{};
        message.header.msg_simple = TRUE;
        message.header.msg_size = sizeof message.header;
        message.header.msg_remote_port = name_server_port;
        message.header.msg_local_port = new_port();
        message.header.msg_id = 1999;
        MUST(msg_rpc(&message.header, MSG_OPTION_NONE, sizeof message, 0, 0) == RPC_SUCCESS);
        MUST(message.header.msg_id == 2099 && message.code == MIG_BAD_ID);
    }));
}

TEST(NameService, PassesWithTheKeepersRoleAndBeginsWithAFreshTable) {
    EXPECT_TRUE(runs_well([] {
        Signal ready, killed, done;
        const pid_t keeper = start([&] {
            const port_name_t port = new_port();
            leave_for_children(port);
            start([&] {
                const port_name_t own = new_port();
                port_t found = PORT_NULL;
                const port_t before = name_server_port;
                MUST(netname_check_in(before, "x", PORT_NULL, own) == NETNAME_SUCCESS);
                ready.give();
                killed.await();
                const Got news = receive(task_notify());
                MUST(news.id == NOTIFY_PORT_DELETED && news.right == before);
                while (netname_look_up(name_server_port, "", "x", &found) != NETNAME_NOT_CHECKED_IN)
                    MUST(receive(own, RCV_TIMEOUT, 50).code == RCV_TIMED_OUT);
                MUST(netname_check_in(name_server_port, "x", PORT_NULL, own) == NETNAME_SUCCESS);
                MUST(runs_well(
                    [&] { MUST(netname_look_up(name_server_port, "", "x", &found) == NETNAME_SUCCESS); }));
                MUST(violations().empty());
                done.give();
            });
            receive(port, MSG_OPTION_NONE, 0);
        });
        ready.await();
        kill_and_reap(keeper);
        killed.give();
        done.await();
    }));
}

}  // namespace
}  // namespace umach::tests
