// SPDX-License-Identifier: BSL-1.0
// umach ps and umach ports, looking at members that wait, queue and hold rights.
#include "tool.hpp"

#include <servers/netname.h>
#include <umach.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <set>

namespace umach::tests {
namespace {

// A server that receives from one port by the name of a service, and queues nothing.
Process start_server(const std::string& host, const char* service, bool receives) {
    char name[80] = {};
    std::snprintf(name, sizeof name, "%s", service);
    return start_member(host, [&](const std::function<void()>& ready) {
        port_t port = PORT_NULL;
        must(port_allocate(task_self(), &port));
        must(netname_check_in(name_server_port, name, PORT_NULL, port));
        ready();
        while (receives) receive_from(port);
    });
}

port_t look_up(const char* service) {
    char host[80] = "", name[80] = {};
    std::snprintf(name, sizeof name, "%s", service);
    port_t port = PORT_NULL;
    must(netname_look_up(name_server_port, host, name, &port));
    return port;
}

Json thread_of(ToolHost& host, pid_t pid) {
    const Json task = find(host.ask({"ps"})["tasks"], "pid", pid);
    return task.is_null() || task["threads"].empty() ? Json() : task["threads"][0];
}

bool waits(ToolHost& host, pid_t pid, const char* how) {
    const Json thread = thread_of(host, pid);
    return !thread.is_null() && thread["waits"] == how;
}

TEST(Ps, ShowsProgramAndPidOfEveryMember) {
    ToolHost host;
    const Process server = start_server(host.name(), "server", false);
    const Json task = find(host.ask({"ps"})["tasks"], "pid", server.pid());
    ASSERT_FALSE(task.is_null());
    EXPECT_EQ(task["program"], std::string(program_invocation_short_name).substr(0, 15));
    EXPECT_EQ(task["receive_rights"], 2);  // its own port and the notify port
    EXPECT_EQ(task["threads"].size(), 1u);
    EXPECT_EQ(task["threads"][0]["tid"], server.pid());
    EXPECT_TRUE(task["threads"][0]["waits"].is_null());
}

TEST(Ps, ShowsAReceiverWithTheNameOfItsPort) {
    ToolHost host;
    const Process server = start_server(host.name(), "server", true);
    ASSERT_TRUE(becomes_true([&] { return waits(host, server.pid(), "receive"); }));
    const Json thread = thread_of(host, server.pid());
    EXPECT_GT(thread["name"], 0);
    EXPECT_EQ(thread["receiver"]["pid"], server.pid());
    const Ended text = run_tool({"ps", host.name()});
    EXPECT_NE(text.out.find("receiving from port " + std::to_string(thread["name"].get<int>())),
              std::string::npos)
        << text.out;
}

TEST(Ps, ShowsABlockedSenderAndWhoItWaitsFor) {
    ToolHost host;
    const Process server = start_server(host.name(), "server", false);
    const Process client = start_member(host.name(), [&](const std::function<void()>& ready) {
        const port_t port = look_up("server");
        ready();
        for (;;) send_to(port);
    });
    ASSERT_TRUE(becomes_true([&] { return waits(host, client.pid(), "send"); }));
    EXPECT_EQ(thread_of(host, client.pid())["receiver"]["pid"], server.pid());
    const std::string expected = "received by " + std::string(program_invocation_short_name).substr(0, 15) +
                                 " (pid " + std::to_string(server.pid()) + ")";
    EXPECT_NE(run_tool({"ps", host.name()}).out.find(expected), std::string::npos);
}

TEST(Ps, ShowsACallerThatWaitsForAnAnswer) {
    ToolHost host;
    const Process server = start_server(host.name(), "server", false);
    const Process client = start_member(host.name(), [&](const std::function<void()>& ready) {
        msg_header_t header{};
        header.msg_simple = TRUE;
        header.msg_size = sizeof header;
        header.msg_remote_port = look_up("server");
        must(port_allocate(task_self(), &header.msg_local_port));
        ready();
        must(msg_rpc(&header, MSG_OPTION_NONE, sizeof header, 0, 0));
    });
    ASSERT_TRUE(becomes_true([&] { return waits(host, client.pid(), "answer"); }));
    EXPECT_NE(run_tool({"ps", host.name()}).out.find("waiting for an answer at port"), std::string::npos);
}

TEST(Ps, DoesNotShowTheToolItselfAndLeavesNoTask) {
    ToolHost host;
    const Process server = start_server(host.name(), "server", false);
    const auto pids = [&] {
        std::set<int> all;
        const Json seen = host.ask({"ps"});
        for (const Json& task : seen["tasks"]) all.insert(task["pid"].get<int>());
        return all;
    };
    const std::set<int> expected{host.process().pid(), server.pid()};
    EXPECT_TRUE(becomes_true([&] { return pids() == expected; })) << host.ask({"ps"}).dump(1);
}

TEST(Ps, ShowsTheMemoryOfATaskItsSectionsAndWhatItHasInFlight) {
    ToolHost host({"--task-in-flight", "16K"});
    const Process member = start_member(host.name(), [&](const std::function<void()>& ready) {
        struct {
            msg_header_t header{};
            msg_type_t type{};
            const char* data = nullptr;
        } message;
        vm_address_t at = 0;
        memory_object_t object = MEMORY_OBJECT_NULL;
        must(vm_allocate(task_self(), &at, 100, TRUE));
        must(memory_object_create(task_self(), 8192, &object));
        for (vm_address_t view = 0; const vm_size_t size : {4096U, 8192U})
            must(vm_map(task_self(), &view, size, 0, TRUE, object, 0, FALSE, VM_PROT_READ, VM_PROT_READ, VM_INHERIT_NONE));
        must(port_allocate(task_self(), &message.header.msg_remote_port));
        message.header.msg_size = sizeof message;
        message.type = {MSG_TYPE_BYTE, 8, 4000, 0, 0, 0, 0};
        message.data = reinterpret_cast<const char*>(at);
        while (msg_send(&message.header, SEND_TIMEOUT, 0) == SEND_SUCCESS) {}
        ready();
    });
    const Json task = find(host.ask({"ps"})["tasks"], "pid", member.pid());
    ASSERT_FALSE(task.is_null());
    EXPECT_EQ(task["regions"], 1);
    EXPECT_EQ(task["sections"], 1);
    EXPECT_EQ(task["section_bytes"], 8192);
    EXPECT_EQ(task["views"], 2);
    EXPECT_EQ(task["view_bytes"], 12288);
    EXPECT_EQ(task["bytes_in_flight"], 16384) << "its quota";
    EXPECT_NE(run_tool({"ps", host.name(), "--memory"}).out.find("SECTIONS"), std::string::npos);
    const std::string ports = run_tool({"ports", host.name(), std::to_string(member.pid())}).out;
    EXPECT_NE(ports.find("receives: the kernel, for a section of 8 KiB; 2 send in views, proxies or messages"), std::string::npos) << ports;
}

TEST(Ps, UsesTheHostOfTheEnvironment) {
    ToolHost host, other;
    EXPECT_EQ(run_tool({"ps", "--json"}, host.name()).json()["host"], host.name());
    const Ended torn = run_tool({"ps"});
    EXPECT_EQ(torn.status, 2);
    EXPECT_NE(torn.err.find("several hosts run, say which: "), std::string::npos) << torn.err;
    EXPECT_NE(torn.err.find(other.name()), std::string::npos) << torn.err;
}

TEST(Ps, OfAHostThatIsNotThereIsRefused) {
    const Ended run = run_tool({"ps", "nobody-has-this-name"});
    EXPECT_EQ(run.status, 2);
    EXPECT_EQ(run.err, "umach: there is no host nobody-has-this-name\n");
}

TEST(Ports, ShowsRightsQueueAndWhoHasTheOthers) {
    ToolHost host;
    const Process server = start_server(host.name(), "server", false);
    const Process client = start_member(host.name(), [&](const std::function<void()>& ready) {
        const port_t port = look_up("server");
        for (int i = 0; i < 3; ++i) send_to(port);
        ready();
    });
    const Json tasks = host.ask({"ports"})["tasks"];
    const Json names = find(tasks, "pid", server.pid())["names"];
    Json port;
    for (const Json& name : names)
        if (name.value("messages", 0) == 3) port = name;
    ASSERT_FALSE(port.is_null()) << names.dump(1);
    EXPECT_EQ(port["rights"], Json::array({"receive", "own"}));
    EXPECT_EQ(port["ordinary"], 3);
    EXPECT_EQ(port["backlog"], 8);
    EXPECT_EQ(port["receiver"]["pid"], server.pid());
    const Json holder = find(port["others"], "pid", client.pid());
    ASSERT_FALSE(holder.is_null()) << port.dump(1);
    EXPECT_EQ(holder["rights"], Json::array({"send"}));
    const Json seen = find(find(tasks, "pid", client.pid())["names"], "port", port["port"]);
    EXPECT_EQ(seen["name"], holder["name"]);
    EXPECT_GE(seen["references"], 1);
}

TEST(Ports, ShowsOnlyTheTaskThatWasAskedFor) {
    ToolHost host;
    const Process server = start_server(host.name(), "server", false);
    const Process other = start_server(host.name(), "other", false);
    const Json tasks = host.ask({"ports", std::to_string(server.pid())})["tasks"];
    ASSERT_EQ(tasks.size(), 1u);
    EXPECT_EQ(tasks[0]["pid"], server.pid());
    EXPECT_TRUE(
        run_tool({"ports", host.name(), "--task", std::to_string(other.pid())}).out.starts_with("task "));
    const Ended nobody = run_tool({"ports", host.name(), "nobody"});
    EXPECT_EQ(nobody.status, 2);
    EXPECT_NE(nobody.err.find("no task of the host"), std::string::npos) << nobody.err;
}

TEST(Ports, ShowsAPortSetAndItsMember) {
    ToolHost host;
    const Process member = start_member(host.name(), [&](const std::function<void()>& ready) {
        port_t port = PORT_NULL;
        port_set_name_t set = PORT_NULL;
        must(port_allocate(task_self(), &port));
        must(port_set_allocate(task_self(), &set));
        must(port_set_add(task_self(), set, port));
        send_to(port);
        ready();
    });
    const Json names = find(host.ask({"ports"})["tasks"], "pid", member.pid())["names"];
    const Json set = find(names, "rights", Json::array({"set"}));
    ASSERT_FALSE(set.is_null()) << names.dump(1);
    const Json port = find(names, "set", set["name"]);
    ASSERT_FALSE(port.is_null()) << names.dump(1);
    EXPECT_EQ(port["messages"], 1);
}

TEST(Ports, ShowsADeadNameOnceTheReceiverIsKilled) {
    ToolHost host;
    Process server = start_server(host.name(), "server", false);
    const Process client = start_member(host.name(), [&](const std::function<void()>& ready) {
        look_up("server");
        ready();
    });
    server.signal(SIGKILL);
    server.status();
    EXPECT_TRUE(becomes_true([&] {
        const Json names = find(host.ask({"ports"})["tasks"], "pid", client.pid())["names"];
        return !find(names, "rights", Json::array({"dead name"})).is_null();
    }));
}

}  // namespace
}  // namespace umach::tests
