// SPDX-License-Identifier: BSL-1.0
// Two hosts that flood each other through full queues: both get on, all the time.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "tests/netmsg/hosts.hpp"

namespace umach::netmsg::test {
namespace {

class Flood : public testing::TestWithParam<LinkInTest> {};
INSTANTIATE_TEST_SUITE_P(, Flood, testing::ValuesIn(links_in_test()),
                         [](const auto& param) { return std::string(param.param.name); });

std::chrono::seconds duration() {
    return std::chrono::seconds(std::getenv("UMACH_FULL") != nullptr ? 60 : 2);
}

// Another task of this host, which sends as fast as it is let, large messages and small ones, until it is killed.
pid_t flood(const char* peer) {
    const pid_t process = fork();
    if (process != 0) return process;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    port_t there = PORT_NULL;
    if (netname_look_up(name_server_port, peer, "service", &there) != NETNAME_SUCCESS) _exit(1);
    const std::string large(7000, 'L');
    for (int i = 0;; ++i) {
        Letter letter(there, i);
        if (i % 3 == 0) letter.text(large);
        if (letter.send(MSG_OPTION_NONE) != SEND_SUCCESS) _exit(0);
    }
}

void take_for_a_while(Side& side, const char* peer) {
    const port_t service = side.checked_in("service");
    side.tell();
    side.hear();
    const pid_t sender = flood(peer);
    const auto late = runtime::Deadline::in(duration());
    int taken = 0;
    for (; !late.passed(); ++taken) {
        Letter got = next(service);
        ASSERT_EQ(got->msg_id, taken) << "of what a flood brings nothing is lost, doubled or overtaken";
    }
    EXPECT_GT(taken, 2);
    side.tell();
    side.hear();
    kill(sender, SIGKILL);
    EXPECT_EQ(waitpid(sender, nullptr, 0), sender);
}

TEST_P(Flood, OfBothSidesAtOnceNeverStopsForEither) {
    on_two_hosts(
        GetParam(), [](Side& side) { take_for_a_while(side, "there"); },
        [](Side& side) { take_for_a_while(side, "here"); });
}

}  // namespace
}  // namespace umach::netmsg::test
