// SPDX-License-Identifier: BSL-1.0
// umach link as people run it: three hosts in a row, and a right that is passed from one end to the other.
#include <fcntl.h>
#include <mqueue.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "tests/netmsg/hosts.hpp"
#include "tests/netmsg/running_tool.hpp"

namespace umach::netmsg::test {
namespace {

TEST(LinkTool, JoinsThreeHostsAndARightThatTheMiddlePassesOnWorks) {
    const std::string a = own_name("a"), b = own_name("b"), c = own_name("c"), address = "unix:@" + a;
    Tool hosts[] = {Tool({"host", a}), Tool({"host", b}), Tool({"host", c})};
    for (Tool& host : hosts) ASSERT_TRUE(host.says("is ready"));
    {
        Tool middle({"link", a, "--listen", address});
        ASSERT_TRUE(middle.says("listening at"));
        Tool left({"link", b, "--connect", address}), right({"link", c, "--connect", address});
        ASSERT_TRUE(left.says("joined with " + a));
        ASSERT_TRUE(right.says("joined with " + a));
        const pid_t answers = member(b, [] {
            Letter got = next(service("answers"));
            EXPECT_EQ(got->msg_id, 41);
            EXPECT_EQ(Letter(got->msg_remote_port, 42).send(), SEND_SUCCESS);
        });
        const pid_t asks = member(c, [] {
            const port_t to = next(service("asks")).name();
            Letter call(to, 41, service("reply"));
            EXPECT_EQ(call.rpc(SEND_TIMEOUT | RCV_TIMEOUT, patience, patience), RPC_SUCCESS);
            EXPECT_EQ(call->msg_id, 42);
        });
        const pid_t passes = member(a, [&] {
            const port_t to = looked_up(b, "answers");
            EXPECT_EQ(Letter(looked_up(c, "asks")).item(MSG_TYPE_PORT, {to}).send(SEND_TIMEOUT, patience),
                      SEND_SUCCESS);
            EXPECT_TRUE(told(NOTIFY_PORT_DELETED, to));
        });
        for (const pid_t one : {answers, asks, passes}) expect_well(one);
    }
    for (const std::string& host : {a, b, c}) {
        Tool check({"check", host});
        EXPECT_TRUE(check.says("no rule broken"));
        EXPECT_EQ(check.status(), 0);
    }
}

TEST(LinkTool, LinksAreShownAndWhereProxiesLead) {
    const std::string a = own_name("e"), b = own_name("f");
    Tool hosts[] = {Tool({"host", a}), Tool({"host", b})};
    for (Tool& host : hosts) ASSERT_TRUE(host.says("is ready"));
    EXPECT_TRUE(Tool({"links", a}).says("is linked to no other"));
    Tool one({"link", a, "--listen", "udp:127.0.0.1:0", "--insecure"});
    const std::string listens = one.line_with("listening at ");
    Tool other({"link", b, "--connect", listens.substr(listens.rfind(' ') + 1), "--insecure"});
    ASSERT_TRUE(other.says("joined with " + a));
    const pid_t serves = member(a, [] { EXPECT_EQ(next(service("shown"))->msg_id, 8); });
    const pid_t looks = member(b, [&] {
        const port_t to = looked_up(a, "shown");
        EXPECT_TRUE(Tool({"ports", b}).says("a proxy: leads to host " + a));
        EXPECT_TRUE(Tool({"ports", b, "--json"}).says("\"leads_to\": \"" + a + "\""));
        const std::string row = Tool({"links", b}).line_with(a);
        EXPECT_NE(row.find("udp:127.0.0.1:"), std::string::npos) << row;
        EXPECT_NE(row.find(" ms"), std::string::npos) << "the round trip is measured: " << row;
        EXPECT_TRUE(Tool({"links", b, "--json"}).says("\"proxies\": 1"));
        EXPECT_EQ(Letter(to, 8).send(SEND_TIMEOUT, patience), SEND_SUCCESS);
    });
    for (const pid_t one_of_them : {looks, serves}) expect_well(one_of_them);
}

bool is_queue(const std::string& address) {
    const std::string place = address.substr(address.find(':') + 1);
    if (place[0] != '/') return msgget(std::stoi(place), 0) >= 0;
    const mqd_t queue = mq_open(place.c_str(), O_RDONLY | O_CLOEXEC);
    if (queue >= 0) mq_close(queue);
    return queue >= 0;
}

TEST(LinkTool, KilledWithItsPeerLeavesNoQueue) {
    const std::string a = own_name("g"), b = own_name("h");
    Tool hosts[] = {Tool({"host", a}), Tool({"host", b})};
    for (Tool& host : hosts) ASSERT_TRUE(host.says("is ready"));
    for (const std::string& address : {"posix:/" + a, "sysv:" + std::to_string(0x2A000000 + getpid())}) {
        Tool listens({"link", a, "--listen", address});
        ASSERT_TRUE(listens.says("listening at"));
        Tool connects({"link", b, "--connect", address});
        ASSERT_TRUE(connects.says("joined with " + a));
        EXPECT_TRUE(is_queue(address));
        for (Tool* one : {&listens, &connects}) one->end(SIGKILL);
        const auto late = runtime::Deadline::in(std::chrono::seconds(20));
        while (is_queue(address) && !late.passed()) sched_yield();
        EXPECT_FALSE(is_queue(address));
    }
}

TEST(LinkTool, SaysWhatKeepsItFromItsWork) {
    Tool host({"host", own_name("d")});
    ASSERT_TRUE(host.says("is ready"));
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"link", own_name("nobody"), "--listen", "unix:@x"},
          {"link", own_name("d")},
          {"link", own_name("d"), "--listen", "smoke:x"},
          {"link", own_name("d"), "--connect", "unix:@umach-nobody", "--wait", "0"},
          {"link", own_name("d"), "--listen", "unix:@" + own_name("x"), "--allow", "everybody"}}) {
        Tool link(words);
        EXPECT_EQ(link.status(), 2) << words.back();
    }
}

}  // namespace
}  // namespace umach::netmsg::test
