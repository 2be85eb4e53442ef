// SPDX-License-Identifier: BSL-1.0
// What the others see of a member that is killed, in every kind of wait, and of the keeper itself.
#include "processes.hpp"

#include <unistd.h>
#include <chrono>
#include <fstream>

namespace umach::tests {
namespace {

using ports::WaitKind;

// A child tells its parent of a port of its own, then does `wait`, in which it is killed.
void kill_in_wait(WaitKind kind, const std::function<void(port_name_t own, port_name_t parents)>& wait) {
    const port_name_t port = new_port();
    leave_for_children(port);
    const pid_t child = start([&] {
        const port_name_t own = new_port();
        MUST(send_right(left_by_parent(), 1, own) == SEND_SUCCESS);
        wait(own, left_by_parent());
    });
    const Got got = receive(port);
    MUST(got.id == 1 && got.right != PORT_NULL);
    MUST(becomes_true([&] { return waits(child, kind); }));
    kill_and_reap(child);
    const Got news = receive(task_notify());
    MUST(news.id == NOTIFY_PORT_DELETED && news.right == got.right);
    MUST(becomes_true([child] { return tasks_of(child) == 0; }));
    MUST(violations().empty());
}

TEST(Death, MemberKilledInAReceiveIsEndedAndItsPortsDie) {
    EXPECT_TRUE(runs_well([] {
        kill_in_wait(WaitKind::receive,
                     [](port_name_t own, port_name_t) { receive(own, MSG_OPTION_NONE, 0); });
    }));
}

TEST(Death, MemberKilledInAReceiveFromASetIsEndedAndItsPortsDie) {
    EXPECT_TRUE(runs_well([] {
        kill_in_wait(WaitKind::receive_set, [](port_name_t own, port_name_t) {
            port_set_name_t set = PORT_NULL;
            MUST(port_set_allocate(task_self(), &set) == KERN_SUCCESS);
            MUST(port_set_add(task_self(), set, own) == KERN_SUCCESS);
            receive(set, MSG_OPTION_NONE, 0);
        });
    }));
}

TEST(Death, MemberKilledInASendLeavesTheLineAndItsMessageIsNeverDelivered) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t full = new_port();
        for (int i = 0; i < PORT_BACKLOG_MAX; ++i) MUST(send_plain(full, i) == SEND_SUCCESS);
        const port_name_t port = new_port();
        port_t ports[3] = {PORT_NULL, port, full};
        MUST(mach_ports_register(task_self(), ports, 3) == KERN_SUCCESS);
        const pid_t child = start([] {
            port_array_t left = nullptr;
            unsigned int count = 0;
            MUST(send_right(left_by_parent(), 1, new_port()) == SEND_SUCCESS);
            MUST(mach_ports_lookup(task_self(), &left, &count) == KERN_SUCCESS);
            send_plain(left[2], 99);
        });
        const Got got = receive(port);
        MUST(becomes_true([child] { return waits(child, WaitKind::send); }));
        kill_and_reap(child);
        const Got news = receive(task_notify());
        MUST(news.id == NOTIFY_PORT_DELETED && news.right == got.right);
        for (int i = 0; i < PORT_BACKLOG_MAX; ++i) MUST(receive(full).id == i);
        MUST(becomes_true([child] { return tasks_of(child) == 0; }));
        MUST(receive(full, RCV_TIMEOUT, 0).code == RCV_TIMED_OUT);
        MUST(violations().empty());
    }));
}

msg_return_t call(port_name_t server, port_name_t reply) {
    msg_header_t header{};
    header.msg_simple = TRUE;
    header.msg_size = sizeof header;
    header.msg_remote_port = server;
    header.msg_local_port = reply;
    return msg_rpc(&header, MSG_OPTION_NONE, sizeof header, 0, 0);
}

TEST(Death, MemberKilledWhileItWaitsForAReplyIsEndedAndItsPortsDie) {
    EXPECT_TRUE(runs_well([] {
        kill_in_wait(WaitKind::reply, [](port_name_t own, port_name_t parents) { call(parents, own); });
    }));
}

TEST(Death, ServerKilledBeforeItsReplyEndsTheCall) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        leave_for_children(port);
        Signal served;
        const pid_t server = start([&] {
            const port_name_t service = new_port();
            MUST(send_right(left_by_parent(), 1, service) == SEND_SUCCESS);
            MUST(receive(service, MSG_OPTION_NONE, 0).code == RCV_SUCCESS);
            raise(SIGKILL);
        });
        MUST(call(receive(port).right, new_port()) == MIG_SERVER_DIED);
        kill_and_reap(server);
    }));
}

TEST(Keeper, KilledKeeperIsSucceededWithinASecondAndTheOthersGoOn) {
    EXPECT_TRUE(runs_well([] {
        Signal ready, killed, done, leave;
        const pid_t keeper = start([&] {
            const port_name_t port = new_port();
            leave_for_children(port);
            for (int i = 0; i < 2; ++i) {
                start([&] {
                    const port_name_t own = new_port();
                    MUST(send_right(left_by_parent(), 1, own) == SEND_SUCCESS);
                    const pid_t first = getppid();
                    // The keeper makes the two known to each other
                    const port_name_t other = receive(own).right;
                    MUST(other != PORT_NULL);
                    ready.give();
                    killed.await();
                    const auto begin = std::chrono::steady_clock::now();
                    MUST(send_plain(other, 2) == SEND_SUCCESS);
                    MUST(receive(own).id == 2);
                    // Only waits look for the keeper.
                    while (!tasks::current_host()->keeper_is_alive())
                        MUST(receive(own, RCV_TIMEOUT, 50).code == RCV_TIMED_OUT);
                    MUST(std::chrono::steady_clock::now() - begin < std::chrono::seconds(1));
                    MUST(becomes_true([first] { return tasks_of(first) == 0; }));
                    MUST(runs_well([] { MUST(new_port() != PORT_NULL && live_tasks() >= 3); }));
                    MUST(violations().empty());
                    done.give();
                    leave.await();
                });
            }
            const port_name_t a = receive(port).right, b = receive(port).right;
            MUST(send_right(a, 1, b) == SEND_SUCCESS && send_right(b, 1, a) == SEND_SUCCESS);
            receive(port, MSG_OPTION_NONE, 0);
        });
        ready.await();
        ready.await();
        kill_and_reap(keeper);
        for (int i = 0; i < 2; ++i) killed.give();
        for (int i = 0; i < 2; ++i) done.await();
        for (int i = 0; i < 2; ++i) leave.give();
    }));
}

TEST(Keeper, MemberThatExecsAfterASuccessionIsStillFoundOut) {
    EXPECT_TRUE(runs_well([] {
        Signal ready, killed, done, exec;
        const pid_t keeper = start([&] {
            const port_name_t port = new_port();
            leave_for_children(port);
            start([&] {  // will succeed
                const port_name_t own = new_port();
                MUST(send_right(left_by_parent(), 1, own) == SEND_SUCCESS);
                const port_name_t other = receive(own).right;
                ready.give();
                killed.await();
                while (tasks::current_host()->kernel().header().keeper_epoch.get() != 2)
                    MUST(receive(own, RCV_TIMEOUT, 50).code == RCV_TIMED_OUT);
                exec.give();
                for (Got news{}; news.right != other;) {
                    news = receive(task_notify());
                    MUST(news.id == NOTIFY_PORT_DELETED);
                }
                done.give();
            });
            start([&] {
                const port_name_t own = new_port();
                MUST(send_right(left_by_parent(), 2, own) == SEND_SUCCESS);
                exec.await();
                while (!tasks::current_host()->is_connected())
                    MUST(receive(own, RCV_TIMEOUT, 150).code == RCV_TIMED_OUT);
                execlp("sleep", "sleep", "2", nullptr);
            });
            Got first = receive(port), second = receive(port);
            if (first.id == 2) std::swap(first, second);
            MUST(send_right(first.right, 1, second.right) == SEND_SUCCESS);
            receive(port, MSG_OPTION_NONE, 0);
        });
        ready.await();
        kill_and_reap(keeper);
        killed.give();
        done.await();
    }));
}

std::string line_count_of(const char* file) {
    std::ifstream lines(file);
    return std::to_string(std::count(std::istreambuf_iterator<char>(lines), {}, '\n'));
}

TEST(Death, HostWhoseMembersAreAllKilledAtOnceLeavesNothing) {
    const std::string shared_memory = line_count_of("/proc/sysvipc/shm"),
                      sets = line_count_of("/proc/sysvipc/sem");
    std::string name(33, '\0');
    int told[2];
    ASSERT_EQ(pipe(told), 0);
    const pid_t first = start([&] {
        setpgid(0, 0);
        const port_name_t port = new_port();
        leave_for_children(port);
        for (int i = 0; i < 3; ++i)
            start([] {
                MUST(send_plain(left_by_parent(), 1) == SEND_SUCCESS);
                receive(new_port(), MSG_OPTION_NONE, 0);
            });
        for (int i = 0; i < 3; ++i) MUST(receive(port).id == 1);
        const std::string& own = tasks::current_host()->name();
        MUST(write(told[1], own.data(), own.size()) == static_cast<ssize_t>(own.size()));
        receive(port, MSG_OPTION_NONE, 0);
    });
    const ssize_t length = read(told[0], name.data(), name.size());
    ASSERT_GT(length, 0);
    name.resize(static_cast<std::size_t>(length));
    EXPECT_TRUE(name_is_taken(name));
    kill(-first, SIGKILL);
    kill_and_reap(first);
    EXPECT_TRUE(becomes_true([&] { return !name_is_taken(name); }));
    EXPECT_EQ(line_count_of("/proc/sysvipc/shm"), shared_memory);
    EXPECT_EQ(line_count_of("/proc/sysvipc/sem"), sets);
    close(told[0]);
    close(told[1]);
}

}  // namespace
}  // namespace umach::tests
