// SPDX-License-Identifier: BSL-1.0
// umach ps --threads: carriers, states and waits of each kind.
#include "tool.hpp"

#include <umach_threads.h>

namespace umach::tests {
namespace {

using Ready = std::function<void()>;

void nothing(void*) {}
[[noreturn]] void compute(void*) {
    for (volatile unsigned count = 0;;) count = count + 1;
}
void wait_for_token(void*) {
    umach_thread_park(UMACH_FOREVER);
}

thread_t make(umach_carrier_t carrier, umach_function_t function) {
    thread_t thread = PORT_NULL;
    must(umach_thread_create(task_self(), carrier, function, nullptr, &thread));
    return thread;
}

Json threads_of(ToolHost& host, const Process& process) {
    Json found = Json::array();
    const Json all = host.ask({"ps", "--threads"})["threads"];
    for (const Json& thread : all)
        if (thread["pid"] == process.pid()) found.push_back(thread);
    return found;
}

// The one of the process's threads that has come to wait so.
Json thread_that_waits(ToolHost& host, const Process& process, const char* how) {
    Json found;
    EXPECT_TRUE(becomes_true([&] {
        return !(found = find(threads_of(host, process), "waits", how)).is_null();
    })) << host.ask({"ps"}).dump(1);
    return found;
}

TEST(PsThreads, ShowsAMemberThatRunsOnItsOsThread) {
    ToolHost host;
    const Process member = start_member(host.name(), [](const Ready& ready) {
        task_self();
        ready();
    });
    const Json threads = threads_of(host, member);
    ASSERT_EQ(threads.size(), 1u);
    EXPECT_EQ(threads[0]["carrier"], "OS thread");
    EXPECT_EQ(threads[0]["tid"], member.pid());
    EXPECT_EQ(threads[0]["state"], "runs");
    EXPECT_EQ(threads[0]["suspends"], 0);
    EXPECT_TRUE(threads[0]["waits"].is_null());
    const std::string line = "OS thread " + std::to_string(member.pid());
    EXPECT_NE(run_tool({"ps", "--threads", host.name()}).out.find(line), std::string::npos);
}

TEST(PsThreads, ShowsFibersWithTheOsThreadThatTheyAreOnAndThoseThatHaveNotBegun) {
    ToolHost host;
    const Process member = start_member(host.name(), [](const Ready& ready) {
        make(UMACH_FIBER, wait_for_token);
        umach_thread_yield();  // it parks
        make(UMACH_FIBER, nothing);
        ready();
    });
    const Json parked = thread_that_waits(host, member, "token");
    EXPECT_EQ(parked["carrier"], "fiber");
    EXPECT_EQ(parked["tid"], member.pid());
    EXPECT_EQ(parked["state"], "waits");
    const Json fresh = find(threads_of(host, member), "state", "not begun");
    ASSERT_TRUE(fresh.is_object()) << threads_of(host, member).dump(1);
    EXPECT_EQ(fresh["carrier"], "fiber");
    EXPECT_TRUE(fresh["tid"].is_null());
    const std::string text = run_tool({"ps", "--threads", host.name()}).out;
    EXPECT_NE(text.find("fiber on " + std::to_string(member.pid())), std::string::npos) << text;
    EXPECT_NE(text.find("not begun"), std::string::npos) << text;
}

TEST(PsThreads, ShowsTheThreadWhoseEndAnotherWaitsFor) {
    ToolHost host;
    const Process member = start_member(host.name(), [](const Ready& ready) {
        const thread_t parked = make(UMACH_OS_THREAD, wait_for_token);
        ready();
        umach_thread_join(parked, UMACH_FOREVER);
    });
    const Json parked = thread_that_waits(host, member, "token");
    const Json joins = thread_that_waits(host, member, "end");
    EXPECT_EQ(joins["end_of"]["thread"], parked["thread"]);
    EXPECT_EQ(joins["end_of"]["pid"], member.pid());
    const std::string words =
        "waiting for the end of thread " + std::to_string(parked["thread"].get<int>()) + " of ";
    EXPECT_NE(run_tool({"ps", "--threads", host.name()}).out.find(words), std::string::npos);
}

TEST(PsThreads, ShowsTheTaskWhoseEndAnotherWaitsForAndHowLong) {
    ToolHost host;
    const Process member = start_member(host.name(), [](const Ready& ready) {
        task_t child = PORT_NULL;
        must(task_create(task_self(), FALSE, &child));
        ready();
        umach_task_join(child, 3'600'000);
    });
    const Json joins = thread_that_waits(host, member, "end");
    EXPECT_EQ(joins["end_of"]["pid"], member.pid());
    EXPECT_NE(joins["end_of"]["task"], joins["task"]);
    EXPECT_TRUE(
        becomes_true([&] { return thread_that_waits(host, member, "end")["ends_in_ms"].is_number(); }));
    EXPECT_LE(thread_that_waits(host, member, "end")["ends_in_ms"], 3'600'000);
}

TEST(PsThreads, ShowsWhoIsSuspendedAndWhoHasNotBegun) {
    ToolHost host;
    const Process member = start_member(host.name(), [](const Ready& ready) {
        thread_t fresh = PORT_NULL;
        must(thread_create(task_self(), &fresh));
        must(thread_suspend(fresh));
        ready();
    });
    const Json fresh = find(threads_of(host, member), "state", "not begun");
    ASSERT_TRUE(fresh.is_object());
    EXPECT_EQ(fresh["suspends"], 2);
    EXPECT_NE(run_tool({"ps", "--threads", host.name()}).out.find("not begun, suspended"), std::string::npos);
}

TEST(PsThreads, ShowsThatAThreadWhichWasSuspendedStandsStill) {
    ToolHost host;
    const Process member = start_member(host.name(), [](const Ready& ready) {
        must(thread_suspend(make(UMACH_OS_THREAD, compute)));
        ready();
    });
    Json thread;
    EXPECT_TRUE(becomes_true([&] {
        return !(thread = find(threads_of(host, member), "state", "stands still")).is_null();
    })) << threads_of(host, member).dump(1);
    EXPECT_EQ(thread["suspends"], 1);
    EXPECT_EQ(thread["carrier"], "OS thread");
    EXPECT_NE(run_tool({"ps", "--threads", host.name()}).out.find("stands still, suspended"),
              std::string::npos);
}

TEST(PsThreads, ShowsWhoHasTheRequestThatACallerWaitsForTheAnswerOf) {
    ToolHost host;
    const Process caller = start_member(host.name(), [](const Ready& ready) {
        msg_header_t header{};
        header.msg_simple = TRUE;
        header.msg_size = sizeof header;
        must(port_allocate(task_self(), &header.msg_remote_port));
        must(port_allocate(task_self(), &header.msg_local_port));
        ready();
        must(msg_rpc(&header, MSG_OPTION_NONE, sizeof header, 0, 0));
    });
    const Json waits = thread_that_waits(host, caller, "answer");
    EXPECT_TRUE(waits["request_at"].is_string()) << waits;
    EXPECT_EQ(waits["answerer"]["pid"], caller.pid());  // the port is its own
    EXPECT_NE(run_tool({"ps", "--threads", host.name()}).out.find("; the request is at port "),
              std::string::npos);
}

TEST(Ps, ShowsTheTaskOfTheHostItself) {
    ToolHost host;
    const Process member = start_member(host.name(), [](const Ready& ready) {
        must(host_self() != PORT_NULL ? 0 : 1);
        ready();
    });
    const Json own = find(host.ask({"ps"})["tasks"], "program", "host");
    ASSERT_TRUE(own.is_object());
    EXPECT_TRUE(own["pid"].is_null());
    EXPECT_NE(run_tool({"ps", host.name()}).out.find("the host"), std::string::npos);
    const std::string ports = run_tool({"ports", host.name(), std::to_string(member.pid())}).out;
    EXPECT_NE(ports.find("receives: the kernel, for the host"), std::string::npos) << ports;
}

}  // namespace
}  // namespace umach::tests
