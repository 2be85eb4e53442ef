// SPDX-License-Identifier: BSL-1.0
// How often a carrier yields before it sleeps, where a yield takes as long as a test says.
#include "ports/spin.hpp"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace std::chrono_literals;

namespace umach::test {
namespace {

constexpr auto a_slice = 4ms;
thread_local runtime::Instant now_here{};
thread_local unsigned yields = 0;
thread_local unsigned dear_ones = 0;   // each that many; 0: none
thread_local unsigned others = 0;      // that look, too

void pass_a_yield() {
    ++yields;
    now_here += dear_ones != 0 && yields % dear_ones == 0 ? std::chrono::nanoseconds(a_slice) : 1us;
}

}  // namespace
}  // namespace umach::test

// In place of the C library's, for the whole program.
extern "C" int sched_yield() noexcept {
    umach::test::pass_a_yield();
    return static_cast<int>(syscall(SYS_sched_yield));
}

namespace umach::test {
namespace {

class Spinning : public testing::Test {
protected:
    Spinning() {
        now_here = runtime::Instant(1h);
        yields = others = 0;
        former_ = runtime::replace_clock([]() noexcept { return now_here; });
    }
    ~Spinning() override {
        runtime::replace_clock(former_);
        set_policy(SCHED_OTHER);
    }
    void SetUp() override {
        ASSERT_TRUE(set_policy(SCHED_OTHER));
    }

    // returns: whether this thread may have it
    static bool set_policy(int policy) {
        sched_param param{};
        param.sched_priority = sched_get_priority_min(policy);
        return sched_setscheduler(0, policy, &param) == 0;
    }

    // A wait that ends in a sleep.
    // returns: whether it yielded before
    bool wait(std::chrono::nanoseconds sleep) {
        const unsigned before = yields;
        spin_.until([] { return false; }, [] { return others; });
        spin_.slept(sleep);
        now_here += sleep;
        return yields != before;
    }

    unsigned waits_that_yield(int waits, std::chrono::nanoseconds sleep) {
        unsigned count = 0;
        for (int i = 0; i < waits; ++i) count += wait(sleep) ? 1 : 0;
        return count;
    }

private:
    ports::Spin spin_;
    runtime::ClockFunction former_ = nullptr;
};

TEST_F(Spinning, WhoWaitsSeldomBesideAProgramThatComputesYieldsInFewOfItsWaits) {
    dear_ones = 1;
    const unsigned found = waits_that_yield(1'000, 10s);
    EXPECT_GT(found, 0U);
    EXPECT_LT(found, 20U);
}

TEST_F(Spinning, WhoWaitsOftenBesideAProgramThatComputesSpendsLittleOfItsTimeInYields) {
    for (unsigned each : {1U, 13U}) {
        dear_ones = each;
        const runtime::Instant begun = now_here;
        yields = 0;
        while (now_here - begun < 10s) wait(100us);
        EXPECT_GE(yields, each);
        EXPECT_LT(yields / each * a_slice, (now_here - begun) / 30) << "of " << each << " yields one is dear";
    }
}

TEST_F(Spinning, ADearYieldAmidCheapOnesEndsThemForAShortTimeOnly) {
    dear_ones = 100;
    for (int time = 0; time < 5; ++time) {
        while (wait(100us)) {
        }
        const runtime::Instant begun = now_here;
        while (!wait(100us) && now_here - begun < 1s) {
        }
        EXPECT_LT(now_here - begun, 50ms) << "the time " << time;
    }
}

TEST_F(Spinning, InACrowdThatLooksEachWaitYieldsHoweverDearThatIs) {
    dear_ones = 1;
    others = 8;
    EXPECT_EQ(waits_that_yield(100, 100us), 100U);
}

TEST_F(Spinning, UnderARealTimePolicyEachWaitYieldsHoweverDearThatIs) {
    if (!set_policy(SCHED_FIFO)) GTEST_SKIP() << "it takes a privilege";
    dear_ones = 1;
    EXPECT_EQ(waits_that_yield(100, 100us), 100U);
}

}  // namespace
}  // namespace umach::test
