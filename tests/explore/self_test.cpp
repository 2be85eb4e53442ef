// SPDX-License-Identifier: BSL-1.0
// The explorer itself: toys of a few words with a mistake each, in the smallest bounds in which it shows.
#include <gtest/gtest.h>

#include <array>
#include <atomic>

#include "runtime/wait.hpp"
#include "tests/explore/explorer.hpp"

namespace umach::explore {
namespace {

struct Words {
    std::array<std::atomic<std::uint32_t>, 4> word;
    std::atomic<std::uint32_t> bell, torn;
};

void sleep_at(std::atomic<std::uint32_t>& word) { runtime::futex_wait(word, 0, runtime::Deadline::never()); }
void wake_at(std::atomic<std::uint32_t>& word) { runtime::futex_wake(word, 1); }

class Toy final : public Play {
public:
    using Act = std::function<void(Words&)>;
    explicit Toy(std::vector<Act> acts, Act after_death = [](Words&) {})
        : acts_(std::move(acts)), after_death_(std::move(after_death)) {}

    Range shared() override { return {reinterpret_cast<std::byte*>(&words_), sizeof words_}; }
    std::vector<std::function<void()>> parts() override {
        std::vector<std::function<void()>> parts;
        for (const Act& act : acts_) parts.emplace_back([this, &act] { act(words_); });
        return parts;
    }
    Range own_log(std::size_t) override { return {}; }
    void has_died(std::size_t) override {}
    bool oversleeps(std::size_t) override { return false; }
    std::function<void()> after_death() override {
        return [this] { after_death_(words_); };
    }
    std::function<void()> when_quiet(bool) override { return {}; }
    std::string verdict() override { return words_.torn.load() != 0 ? "torn" : ""; }

private:
    alignas(64) Words words_{};
    std::vector<Act> acts_;
    Act after_death_;
};

Figures explore_toy(Toy toy, const Bounds& bounds) { return explore(toy, bounds); }

// ---- accesses ----------------------------------------------------------------------------------------------------------

void store_one(Words& words) { words.word[0].store(1); }
void read_twice(Words& words) {
    const std::uint32_t first = words.word[0].load();
    if (words.word[0].load() != first) words.torn.store(1);
}

TEST(Explorer, AWordThatIsFetchedTwiceIsSeenToChangeInBetween) {
    EXPECT_EQ(explore_toy(Toy({read_twice, store_one}), {1, 0, true, 100}).failure.substr(0, 4), "torn");
}

TEST(Explorer, OfLooksInVainOnlyTheFirstTwoAreChoices) {
    const auto spin = [](Words& words) {
        for (int turn = 0; turn < 1000 && words.word[0].load() == 0; ++turn) {}
    };
    const Figures figures = explore_toy(Toy({spin, store_one}), {1, 0, true, 1000});
    EXPECT_EQ(figures.failure, "");
    EXPECT_TRUE(figures.exhausted);
    EXPECT_LT(figures.executions, 10u);
}

// ---- sleeping and waking -----------------------------------------------------------------------------------------------

TEST(Explorer, ASleeperThatWasToBeWokenBeforeItSleptIsFound) {
    const auto sleeps = [](Words& words) {
        if (words.word[0].load() == 0) sleep_at(words.bell);
    };
    const auto wakes = [](Words& words) {
        words.word[0].store(1);
        wake_at(words.bell);
    };
    EXPECT_NE(explore_toy(Toy({sleeps, wakes}), {1, 0, false, 100}).failure, "");
}

void ring(Words& words) {
    if (words.bell.exchange(1) == 0) wake_at(words.bell);
}
void wait_for_ring(Words& words) {
    while (words.bell.load() == 0) sleep_at(words.bell);
}

TEST(Explorer, ADeathBetweenTheRingAndTheWakeIsFound) {
    EXPECT_NE(explore_toy(Toy({wait_for_ring, ring}, ring), {0, 1, false, 100}).failure, "");
}

TEST(Explorer, WhoWakesOnceMoreForTheDeadLeavesNobodyAsleep) {
    const auto ring_again = [](Words& words) {
        words.bell.store(1);
        wake_at(words.bell);
    };
    const Figures figures = explore_toy(Toy({wait_for_ring, ring}, ring_again), {1, 1, true, 10'000});
    EXPECT_EQ(figures.failure, "");
    EXPECT_TRUE(figures.exhausted);
}

// ---- what follows a death ----------------------------------------------------------------------------------------------

TEST(Explorer, WhatFollowsADeathGetsIntoTheWayOfTheLiving) {
    const auto count = [](Words& words) {   // as if nobody else did
        const std::uint32_t before = words.word[1].load();
        words.word[1].store(before + 1);
        if (words.word[1].load() != before + 1) words.torn.store(1);
    };
    const auto count_twice = [=](Words& words) { count(words), count(words); };
    EXPECT_EQ(explore_toy(Toy({store_one, count_twice}, count), {1, 1, true, 1000}).failure.substr(0, 4), "torn");
}

}  // namespace
}  // namespace umach::explore
