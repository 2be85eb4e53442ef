// SPDX-License-Identifier: BSL-1.0
// What a message costs in system calls, counted one by one.
#include <gtest/gtest.h>

#include "speed/traced.hpp"

namespace {

using speed::Calls;

constexpr long turns_made = 200;

// What the turns cost, without the start and the end of the program.
void count_turns(const std::string& path, Calls& turns) {
    const auto run = [&](long count) {
        return speed::traced({HOT_PATHS, path, std::to_string(count)}, "UMACH_SPIN=0");
    };
    const auto one = run(1), all = run(1 + turns_made);
    if (!one || !all) GTEST_SKIP() << "tracing is not permitted here";
    ASSERT_GE(one->others, 0) << "the program failed";
    ASSERT_GE(all->others, 0) << "the program failed";
    turns = {all->futex_waits - one->futex_waits, all->futex_wakes - one->futex_wakes,
             all->others - one->others};
}

TEST(SystemCalls, ASendAndAReceiveThatNeedNotWaitMakeNone) {
    Calls turns;
    count_turns("messages", turns);
    EXPECT_EQ(turns.futex_waits, 0);
    EXPECT_EQ(turns.futex_wakes, 0);
    EXPECT_EQ(turns.others, 0);
}

TEST(SystemCalls, AnRpcBetweenFibersMakesNone) {
    Calls turns;
    count_turns("fibers", turns);
    EXPECT_EQ(turns.futex_waits + turns.futex_wakes + turns.others, 0);
}

TEST(SystemCalls, APortIsMadeAndEndedWithNone) {
    Calls turns;
    count_turns("ports", turns);
    EXPECT_EQ(turns.futex_waits + turns.futex_wakes + turns.others, 0);
}

// At most: who is slow, being traced, finds its answer there already and need not sleep.
TEST(SystemCalls, AnRpcThatSleepsMakesNoMoreThanTwoWakesAndTwoWaits) {
    Calls turns;
    count_turns("processes", turns);
    EXPECT_LE(turns.futex_wakes, 2 * turns_made);
    EXPECT_LE(turns.futex_waits, 2 * turns_made + 2);
    EXPECT_GT(turns.futex_waits, turns_made / 2) << "nobody slept";
    EXPECT_LT(turns.others, turns_made / 4);
}

}  // namespace
