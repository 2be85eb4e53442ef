// SPDX-License-Identifier: BSL-1.0
// How long who finds a lock taken looks for it before it naps: longer than anybody who runs holds one.
#include "runtime/nap.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

namespace umach::runtime::test {
namespace {

using Clock = std::chrono::steady_clock;

// Of many tries the shortest: others make it only longer.
template <class Act>
Clock::duration shortest_time(Act act) {
    Clock::duration shortest = std::chrono::seconds(1);
    for (int i = 0; i < 200; ++i) {
        const auto begun = Clock::now();
        act();
        shortest = std::min(shortest, Clock::now() - begun);
    }
    return shortest;
}

TEST(Nap, IsTakenOnlyAfterDozensOfLooksAndHundredsOfPauses) {
    int looks = 0;
    const auto looking = shortest_time([&] {
        Nap nap;
        for (looks = 0; looks < 45; ++looks) nap.next();
        EXPECT_EQ(nap.naps(), 0u);
    });
    const auto pauses = shortest_time([] {
        for (int i = 0; i < 400; ++i) cpu_pause();
    });
    EXPECT_GT(looking, pauses);
    Nap nap;
    while (nap.naps() == 0) nap.next(), ++looks;
    EXPECT_LT(looks, 200);
}

TEST(Nap, IsNotTakenBeforeItIsTimeToAskWhetherTheHolderLives) {
    Nap nap;
    int looks = 0;
    while (!nap.patient()) nap.next(), ++looks;
    EXPECT_EQ(nap.naps(), 0u);
    EXPECT_GT(looks, 10);
}

}  // namespace
}  // namespace umach::runtime::test
