// SPDX-License-Identifier: BSL-1.0
// umach deadlock, on processes that wait for each other, and on such that only seem to.
#include "tool.hpp"

#include <servers/netname.h>
#include <umach_threads.h>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <memory>
#include <set>

namespace umach::tests {
namespace {

using Ready = std::function<void()>;

struct ServiceName {
    explicit ServiceName(const std::string& name) { std::snprintf(text, sizeof text, "%s", name.c_str()); }
    char text[80] = {};
};

port_t check_in(const std::string& service) {
    ServiceName name(service);
    port_t port = PORT_NULL;
    must(port_allocate(task_self(), &port));
    must(netname_check_in(name_server_port, name.text, PORT_NULL, port));
    return port;
}

// Waits for the service.
port_t look_up(const std::string& service) {
    ServiceName name(service);
    char host[80] = "";
    port_t port = PORT_NULL;
    must(becomes_true(
             [&] { return netname_look_up(name_server_port, host, name.text, &port) == KERN_SUCCESS; })
             ? 0
             : 1);
    return port;
}

struct Letter {
    msg_header_t header{};
    char rest[256] = {};
};

void call(port_t to) {
    Letter letter;
    letter.header.msg_simple = TRUE;
    letter.header.msg_size = sizeof letter.header;
    letter.header.msg_remote_port = to;
    letter.header.msg_local_port = thread_reply();
    must(msg_rpc(&letter.header, MSG_OPTION_NONE, sizeof letter, 0, 0));
}

// returns: the right to answer
port_t take_call(port_t from) {
    Letter letter;
    letter.header.msg_size = sizeof letter;
    letter.header.msg_local_port = from;
    must(msg_receive(&letter.header, MSG_OPTION_NONE, 0));
    return letter.header.msg_remote_port;
}

void fill(port_t port) {
    for (;;) send_to(port);
}

using Members = std::vector<std::unique_ptr<Process>>;

struct Place {
    int index;    // from 0
    port_t own;   // where the member receives
    port_t next;  // where the next one does; of the last one's the first
};

// Members that each have a port and know the next one's.
Members ring(const ToolHost& host, int members, const std::function<void(const Place&)>& body) {
    Members all;
    for (int i = 0; i < members; ++i)
        all.push_back(std::make_unique<Process>(start_member(host.name(), [&](const Ready& ready) {
            const port_t own = check_in("member" + std::to_string(i));
            ready();
            body({i, own, look_up("member" + std::to_string((i + 1) % members))});
        })));
    return all;
}

std::set<int> pids(const Members& members) {
    std::set<int> all;
    for (const auto& member : members) all.insert(member->pid());
    return all;
}

// Whether a thread of each of them waits so, as the host sees it.
bool all_wait(ToolHost& host, const Members& members, const char* how) {
    const Json threads = host.ask({"ps", "--threads"})["threads"];
    std::set<int> waiting;
    for (const Json& thread : threads)
        if (thread["waits"] == how) waiting.insert(thread["pid"].get<int>());
    const std::set<int> wanted = pids(members);
    return std::includes(waiting.begin(), waiting.end(), wanted.begin(), wanted.end());
}

struct Found {
    int status;
    Json cycles;
};
Found look(const ToolHost& host) {
    const Ended run = run_tool({"deadlock", host.name(), "--json"});
    EXPECT_TRUE(run.status == 0 || run.status == 1) << run.status << run.err;
    return {run.status, run.json()["cycles"]};
}

bool finds_one(const ToolHost& host) {
    return becomes_true([&] { return look(host).status == 1; });
}

// Whether the cycle has these and no others, and each waits for the next.
void expect_cycle(const Json& cycle, const std::set<int>& expected, const char* how) {
    const Json& members = cycle["members"];
    std::set<int> seen;
    for (std::size_t i = 0; i < members.size(); ++i) {
        seen.insert(members[i]["pid"].get<int>());
        EXPECT_EQ(members[i]["waits"], how);
        EXPECT_EQ(members[i]["waits_for"]["pid"], members[(i + 1) % members.size()]["pid"]);
    }
    EXPECT_EQ(seen, expected) << cycle.dump(1);
    EXPECT_EQ(members.size(), expected.size());
}

class Ring : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Of, Ring, testing::Values(2, 3), testing::PrintToStringParamName());

TEST_P(Ring, OfSendersToFullPortsIsFoundWithItsPorts) {
    ToolHost host;
    const Members members = ring(host, GetParam(), [](const Place& at) { fill(at.next); });
    ASSERT_TRUE(finds_one(host));
    const Found found = look(host);
    ASSERT_EQ(found.cycles.size(), 1u);
    expect_cycle(found.cycles[0], pids(members), "send");
    std::set<std::string> ports;
    for (const Json& member : found.cycles[0]["members"]) {
        ports.insert(member["port"].get<std::string>());
        EXPECT_EQ(member["receiver"], member["waits_for"]);
        EXPECT_GT(member["name"], 0);
    }
    EXPECT_EQ(ports.size(), members.size());
}

TEST_P(Ring, OfCallsThatNobodyReceivesIsFoundWithThePortsWhereTheyAre) {
    ToolHost host;
    const Members members = ring(host, GetParam(), [](const Place& at) { call(at.next); });
    ASSERT_TRUE(finds_one(host));
    const Found found = look(host);
    ASSERT_EQ(found.cycles.size(), 1u);
    expect_cycle(found.cycles[0], pids(members), "answer");
    for (const Json& member : found.cycles[0]["members"])
        EXPECT_TRUE(member["request_at"].is_string()) << member;
}

TEST_P(Ring, OfServersThatCallOnBeforeTheyAnswerIsFound) {
    ToolHost host;
    const Members members = ring(host, GetParam(), [](const Place& at) {
        if (at.index != 0) take_call(at.own);
        call(at.next);
    });
    ASSERT_TRUE(finds_one(host));
    const Found found = look(host);
    ASSERT_EQ(found.cycles.size(), 1u);
    expect_cycle(found.cycles[0], pids(members), "answer");
    int queued = 0;  // the last one's, to the first
    for (const Json& member : found.cycles[0]["members"]) queued += member["request_at"].is_string();
    EXPECT_EQ(queued, 1);
}

TEST_P(Ring, OfTasksThatWaitForEachOthersEndIsFound) {
    ToolHost host;
    const int number = GetParam();
    Members members;
    for (int i = 0; i < number; ++i)
        members.push_back(std::make_unique<Process>(start_member(host.name(), [&](const Ready& ready) {
            ServiceName name("task" + std::to_string(i));
            must(netname_check_in(name_server_port, name.text, PORT_NULL, task_self()));
            ready();
            must(umach_task_join(look_up("task" + std::to_string((i + 1) % number)), UMACH_FOREVER));
        })));
    ASSERT_TRUE(finds_one(host));
    const Found found = look(host);
    ASSERT_EQ(found.cycles.size(), 1u);
    expect_cycle(found.cycles[0], pids(members), "end");
}

TEST(Deadlock, IsSaidInWordsWithBothSidesAndTheirPorts) {
    ToolHost host;
    const Members members = ring(host, 2, [](const Place& at) { fill(at.next); });
    ASSERT_TRUE(finds_one(host));
    const Ended run = run_tool({"deadlock", host.name()});
    EXPECT_EQ(run.status, 1);
    EXPECT_TRUE(run.out.starts_with("2 tasks wait for each other:\n")) << run.out;
    for (const int pid : pids(members))
        EXPECT_NE(run.out.find("(pid " + std::to_string(pid) + "), thread "), std::string::npos) << run.out;
    EXPECT_NE(run.out.find("sending to port "), std::string::npos) << run.out;
    EXPECT_NE(run.out.find("host " + host.name() + ": 1 cycle of tasks"), std::string::npos) << run.out;
}

TEST(Deadlock, ShowsWhoWaitsBehindTheCycle) {
    ToolHost host;
    const Members members = ring(host, 2, [](const Place& at) { fill(at.next); });
    ASSERT_TRUE(finds_one(host));
    const Process client = start_member(host.name(), [](const Ready& ready) {
        const port_t port = look_up("member0");
        ready();
        fill(port);
    });
    ASSERT_TRUE(becomes_true([&] { return look(host).cycles[0]["behind"].size() == 1; }));
    const Json cycle = look(host).cycles[0];
    EXPECT_EQ(cycle["behind"][0]["pid"], client.pid());
    EXPECT_EQ(cycle["behind"][0]["waits_for"]["pid"], members[0]->pid());
    expect_cycle(cycle, pids(members), "send");
}

TEST(Deadlock, OfATaskThatFillsItsOwnPortIsFound) {
    ToolHost host;
    const Members members = ring(host, 1, [](const Place& at) { fill(at.own); });
    ASSERT_TRUE(finds_one(host));
    expect_cycle(look(host).cycles[0], pids(members), "send");
    EXPECT_TRUE(run_tool({"deadlock", host.name()}).out.starts_with("a task waits for itself:\n"));
}

TEST(Deadlock, OfFibersOfOneTaskIsFound) {
    ToolHost host;
    const Members members = ring(host, 1, [](const Place& at) {
        port_t own = at.own;
        thread_t fibers[2];
        for (thread_t& fiber : fibers)
            must(umach_thread_create(
                task_self(), UMACH_FIBER, [](void* port) { fill(*static_cast<port_t*>(port)); }, &own,
                &fiber));
        must(umach_thread_join(fibers[0], UMACH_FOREVER));
    });
    ASSERT_TRUE(finds_one(host));
    const Json cycle = look(host).cycles[0];
    EXPECT_EQ(cycle["members"].size() + cycle["behind"].size(), 3u) << cycle.dump(1);
}

TEST(Deadlock, IsOverOnceOneOfTheTasksIsKilled) {
    ToolHost host;
    const Members members = ring(host, 2, [](const Place& at) { call(at.next); });
    ASSERT_TRUE(finds_one(host));
    members[0]->signal(SIGKILL);
    members[0]->status();
    EXPECT_TRUE(becomes_true([&] { return look(host).status == 0; }));
}

// ---- what is none -----------------------------------------------------------------------------------------

void expect_none(const ToolHost& host) {
    const Found found = look(host);
    EXPECT_EQ(found.status, 0) << found.cycles.dump(1);
}

TEST(NoDeadlock, IsFoundInAPairThatIsBusy) {
    ToolHost host;
    const Members members = ring(host, 2, [](const Place& at) {
        for (;;) {
            if (at.index == 0) {
                call(at.next);
            } else {
                Letter answer;
                answer.header.msg_simple = TRUE;
                answer.header.msg_size = sizeof answer.header;
                answer.header.msg_remote_port = take_call(at.own);
                must(msg_send(&answer.header, MSG_OPTION_NONE, 0));
            }
        }
    });
    for (int looks = 0; looks < 20; ++looks) expect_none(host);
}

TEST(NoDeadlock, IsFoundInAPairOfWhichEachSendsAndReceivesAtFullPorts) {
    ToolHost host;
    const Members members = ring(host, 2, [](const Place& at) {
        if (at.index == 0)
            for (int i = 0; i < PORT_BACKLOG_DEFAULT; ++i) send_to(at.next);
        for (;;) {
            if (at.index == 0) send_to(at.next);
            receive_from(at.own);
            if (at.index == 1) send_to(at.next);
        }
    });
    for (int looks = 0; looks < 20; ++looks) expect_none(host);
}

TEST(NoDeadlock, IsFoundAmongWaitsThatATimeOutEnds) {
    ToolHost host;
    const Members members = ring(host, 2, [](const Place& at) {
        constexpr msg_timeout_t an_hour = 3'600'000;
        for (;;) {
            msg_header_t header{};
            header.msg_simple = TRUE;
            header.msg_size = sizeof header;
            header.msg_remote_port = at.next;
            must(msg_send(&header, SEND_TIMEOUT, an_hour));
        }
    });
    ASSERT_TRUE(becomes_true([&] { return all_wait(host, members, "send"); }));
    for (int looks = 0; looks < 5; ++looks) expect_none(host);
    EXPECT_NE(run_tool({"ps", "--threads", host.name()}).out.find(" ms more at most"), std::string::npos);
}

TEST(NoDeadlock, IsFoundWhereAnotherThreadOfATaskIsFree) {
    ToolHost host;
    const Members members = ring(host, 2, [](const Place& at) {
        thread_t thread = PORT_NULL;
        if (at.index == 0)
            must(umach_thread_create(
                task_self(), UMACH_OS_THREAD, [](void*) { umach_thread_park(UMACH_FOREVER); }, nullptr,
                &thread));
        fill(at.next);
    });
    ASSERT_TRUE(becomes_true([&] { return all_wait(host, members, "send"); }));
    for (int looks = 0; looks < 5; ++looks) expect_none(host);
}

TEST(NoDeadlock, IsFoundWhereTheOneThatIsToAnswerReceives) {
    ToolHost host;
    const Members members = ring(host, 2, [](const Place& at) {
        if (at.index == 0) call(at.next);
        for (;;) take_call(at.own);
    });
    ASSERT_TRUE(becomes_true([&] {
        const Json caller = find(host.ask({"ps", "--threads"})["threads"], "waits", "answer");
        return caller.is_object() && caller["request_at"].is_null();
    }));
    for (int looks = 0; looks < 5; ++looks) expect_none(host);
}

TEST(NoDeadlock, IsWhatAnIdleHostIsSaidToHave) {
    ToolHost host;
    const Ended run = run_tool({"deadlock", host.name()});
    EXPECT_EQ(run.status, 0);
    EXPECT_TRUE(
        run.out.starts_with("host " + host.name() + ": no cycle of tasks that wait for each other, among "))
        << run.out;
}

TEST(NoDeadlock, OfAHostThatIsNotThereEndsWithTwo) {
    const Ended run = run_tool({"deadlock", "nobody-has-this-name"});
    EXPECT_EQ(run.status, 2);
    EXPECT_EQ(run.err, "umach: there is no host nobody-has-this-name\n");
}

}  // namespace
}  // namespace umach::tests
