// SPDX-License-Identifier: BSL-1.0
// Timeouts run on the monotonic clock and survive signals; a signal ends a wait only where that was asked
// for.
#include "parties.hpp"

#include <signal.h>
#include <sys/time.h>

#include <atomic>
#include <chrono>

namespace umach::tests {
namespace {

std::atomic<int> signals_seen{0};
void count_signal(int) {
    ++signals_seen;
}

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

class Interrupt : public Mach25, public ::testing::WithParamInterface<int> {
protected:
    void SetUp() override {
        Mach25::SetUp();
        struct sigaction action {};
        action.sa_handler = count_signal;
        action.sa_flags = GetParam();
        sigaction(SIGUSR1, &action, &old_user_);
        sigaction(SIGALRM, &action, &old_alarm_);
        signals_seen = 0;
    }
    void TearDown() override {
        sigaction(SIGUSR1, &old_user_, nullptr);
        sigaction(SIGALRM, &old_alarm_, nullptr);
        Mach25::TearDown();
    }
    // Sends signals every 5 ms while a call runs. returns: how long it took
    milliseconds under_fire(const std::function<void()>& call) {
        const itimerval often{{0, 5000}, {0, 5000}};
        const itimerval off{};
        const auto start = Clock::now();
        setitimer(ITIMER_REAL, &often, nullptr);
        call();
        setitimer(ITIMER_REAL, &off, nullptr);
        return std::chrono::duration_cast<milliseconds>(Clock::now() - start);
    }

private:
    struct sigaction old_user_ {};
    struct sigaction old_alarm_ {};
};

TEST_P(Interrupt, EndsAReceiveThatGaveTheOption) {
    const Port port;
    Party receiver([&] { return Letter().receive(port, RCV_INTERRUPT); });
    receiver.asleep();
    receiver.signal(SIGUSR1);
    EXPECT_EQ(RCV_INTERRUPTED, receiver.result());
    EXPECT_EQ(1, signals_seen);
}

TEST_P(Interrupt, EndsASendThatGaveTheOptionAndNothingWasTaken) {
    const Port port;
    const Port carried;
    fill(port);
    Party sender(
        [&] { return Letter(port, 1).item(MSG_TYPE_PORT_ALL, {carried}, true).send(SEND_INTERRUPT); });
    sender.asleep();
    sender.signal(SIGUSR1);
    EXPECT_EQ(SEND_INTERRUPTED, sender.result());
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(carried));
    EXPECT_EQ((std::vector<int>{100, 101, 102, 103, 104, 105, 106, 107}), all_ids(port));
}

TEST_P(Interrupt, DoesNotEndAReceiveWithoutTheOption) {
    const Port port;
    Party receiver([&] { return next_id(port, patience); });
    receiver.asleep();
    receiver.signal(SIGUSR1);
    receiver.asleep();
    EXPECT_FALSE(receiver.ended());
    EXPECT_EQ(SEND_SUCCESS, Letter(port, 3).send());
    EXPECT_EQ(3, receiver.result());
}

TEST_P(Interrupt, DoesNotEndASendWithoutTheOption) {
    const Port port;
    fill(port);
    Party sender([&] { return Letter(port, 1).send(MSG_OPTION_NONE); });
    sender.asleep();
    sender.signal(SIGUSR1);
    sender.asleep();
    EXPECT_FALSE(sender.ended());
    EXPECT_EQ(100, next_id(port));
    EXPECT_EQ(SEND_SUCCESS, sender.result());
}

TEST_P(Interrupt, AnInterruptedReceiveGoesOnForTheTimeThatIsLeft) {
    const Port port;
    msg_return_t code = 0;
    const auto took = under_fire([&] { code = Letter().receive(port, RCV_TIMEOUT, 100); });
    EXPECT_EQ(RCV_TIMED_OUT, code);
    EXPECT_GE(took, milliseconds(100));
    EXPECT_LT(took, milliseconds(1000)) << "the time did not begin anew at each signal";
    EXPECT_GT(signals_seen, 2);
}

TEST_P(Interrupt, AnInterruptedSendGoesOnForTheTimeThatIsLeft) {
    const Port port;
    fill(port);
    msg_return_t code = 0;
    const auto took = under_fire([&] { code = Letter(port).send(SEND_TIMEOUT, 100); });
    EXPECT_EQ(SEND_TIMED_OUT, code);
    EXPECT_GE(took, milliseconds(100));
    EXPECT_LT(took, milliseconds(1000));
    EXPECT_GT(signals_seen, 2);
}

TEST_P(Interrupt, EndsTheReceiveHalfOfACallAndALateReplyFails) {
    const Port service;
    const Port reply;
    Party client([&] { return Letter(service, 1, reply).rpc(RCV_INTERRUPT, 0, 0); });
    Letter request;
    ASSERT_EQ(RCV_SUCCESS, request.receive(service, RCV_TIMEOUT, patience));
    client.asleep();
    client.signal(SIGUSR1);
    EXPECT_EQ(RCV_INTERRUPTED, client.result());
    const port_t late = request->msg_remote_port;
    EXPECT_EQ(SEND_INVALID_PORT, Letter(late).send());
    port_deallocate(self_, late);
    while (next_notice()) {
    }
}

TEST_P(Interrupt, EndsTheSendHalfOfACall) {
    const Port service;
    const Port reply;
    fill(service);
    Party client([&] { return Letter(service, 1, reply).rpc(SEND_INTERRUPT, 0, 0); });
    client.asleep();
    client.signal(SIGUSR1);
    EXPECT_EQ(SEND_INTERRUPTED, client.result());
    EXPECT_EQ(8, waiting_at(service));
}

TEST_P(Interrupt, DoesNotEndTheReceiveHalfOfACallWithoutTheOption) {
    const Port service;
    const Port reply;
    Party client([&] { return Letter(service, 1, reply).rpc(); });
    Letter request;
    ASSERT_EQ(RCV_SUCCESS, request.receive(service, RCV_TIMEOUT, patience));
    client.asleep();
    client.signal(SIGUSR1);
    client.asleep();
    EXPECT_EQ(SEND_SUCCESS, Letter(request->msg_remote_port, 2).send());
    EXPECT_EQ(RPC_SUCCESS, client.result());
}

TEST_P(Interrupt, TakesAMessageThatIsThereWithoutWaiting) {
    const Port port;
    fill(port, 1);
    EXPECT_EQ(RCV_SUCCESS, Letter().receive(port, RCV_INTERRUPT));
}

std::string flag_name(const ::testing::TestParamInfo<int>& info) {
    return info.param == SA_RESTART ? "WithRestart" : "WithoutRestart";
}
INSTANTIATE_TEST_SUITE_P(Handlers, Interrupt, ::testing::Values(0, SA_RESTART), flag_name);

UMACH_SUITE(Timeout);

TEST_F(Timeout, OfZeroNeverWaits) {
    const Port port;
    const auto start = Clock::now();
    for (int i = 0; i < 1000; ++i) Letter().receive(port, RCV_TIMEOUT, 0);
    fill(port);
    for (int i = 0; i < 1000; ++i) Letter(port).send(SEND_TIMEOUT, 0);
    EXPECT_LT(Clock::now() - start, milliseconds(1000));
}

TEST_F(Timeout, OfManyWeeksDoesNotEndAtOnce) {
    const Port port;
    Party receiver([&] { return Letter().receive(port, RCV_TIMEOUT, 0xffff'ffff); });
    receiver.asleep();
    EXPECT_FALSE(receiver.ended());
    EXPECT_EQ(SEND_SUCCESS, Letter(port).send());
    EXPECT_EQ(RCV_SUCCESS, receiver.result());
}

class TimeoutOf : public Mach25, public ::testing::WithParamInterface<msg_timeout_t> {};
TEST_P(TimeoutOf, EndsNotBeforeAndSoonAfter) {
    const Port port;
    const auto start = Clock::now();
    EXPECT_EQ(RCV_TIMED_OUT, Letter().receive(port, RCV_TIMEOUT, GetParam()));
    const auto took = Clock::now() - start;
    EXPECT_GE(took, milliseconds(GetParam()));
    EXPECT_LT(took, milliseconds(GetParam() + 1000));
}
INSTANTIATE_TEST_SUITE_P(Milliseconds, TimeoutOf, ::testing::Values(1u, 7u, 40u, 130u, 260u));

}  // namespace
}  // namespace umach::tests
