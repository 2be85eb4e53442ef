// SPDX-License-Identifier: BSL-1.0
// The explorer itself: toys of a few words with a mistake each, in the smallest bounds in which it shows.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstring>

#include "runtime/wait.hpp"
#include "tests/explore/explorer.hpp"

namespace umach::explore {
namespace {

struct Words {
    std::array<std::atomic<std::uint32_t>, 4> word;
    std::atomic<std::uint32_t> bell, torn;
    alignas(4096) std::array<char, 4096> bytes;
};

void sleep_at(std::atomic<std::uint32_t>& word) { runtime::futex_wait(word, 0, runtime::Deadline::never()); }
void wake_at(std::atomic<std::uint32_t>& word) { runtime::futex_wake(word, 1); }

class Toy final : public Play {
public:
    using Act = std::function<void(Words&)>;
    explicit Toy(std::vector<Act> acts, Act after_death = [](Words&) {}, bool copies = false)
        : acts_(std::move(acts)), after_death_(std::move(after_death)), copies_(copies) {}

    Range shared() override { return {reinterpret_cast<std::byte*>(&words_), sizeof words_}; }
    Range copied() override {
        return copies_ ? Range{reinterpret_cast<std::byte*>(&words_.bytes), sizeof words_.bytes} : Range{};
    }
    std::vector<std::function<void()>> parts() override {
        std::vector<std::function<void()>> parts;
        told_.clear();
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
    std::string told() override { return told_; }
    void tell(const std::string& what) { told_ += what; }

private:
    Words words_{};
    std::string told_;
    std::vector<Act> acts_;
    Act after_death_;
    bool copies_;
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

// Two of three words that two write are each one's own; the third has what was written last.
TEST(Explorer, OfExecutionsThatEndAlikeOneIsJudged) {
    const auto write = [](std::size_t own, std::uint32_t last) {
        return [=](Words& words) { words.word[own].store(1), words.word[2].store(last); };
    };
    const Figures figures = explore_toy(Toy({write(0, 1), write(1, 2)}), {2, 0, true, 1000});
    EXPECT_EQ(figures.failure, "");
    EXPECT_TRUE(figures.exhausted);
    EXPECT_GT(figures.executions, 5u);
    EXPECT_EQ(figures.ends, 2u);
}

// What one of them reads, and keeps to itself.
TEST(Explorer, ExecutionsThatEndAlikeButForWhatWasToldAreBothJudged) {
    Toy* play = nullptr;
    const auto reads = [&](Words& words) { play->tell(words.word[0].load() != 0 ? "one" : "none"); };
    Toy toy({reads, store_one});
    play = &toy;
    const Figures figures = explore(toy, {1, 0, true, 100});
    EXPECT_EQ(figures.failure, "");
    EXPECT_EQ(figures.ends, 2u);
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

// ---- the memory with which each execution begins -----------------------------------------------------------------------

void copy_once(Words& words) {
    static volatile std::size_t length = 100;   // known to nobody who might make stores of it
    const std::array<char, 100> text{'a'};
    if (words.bytes[0] != 0) words.torn.store(1);
    std::memcpy(words.bytes.data(), text.data(), length);
}

TEST(Explorer, WhatWasCopiedInAnExecutionIsNotThereInTheNext) {
    const Figures figures = explore_toy(Toy({copy_once, store_one, read_twice}, [](Words&) {}, true), {0, 0, true, 100});
    EXPECT_EQ(figures.failure, "");
    EXPECT_GT(figures.executions, 1u);
}

TEST(Explorer, WhatIsWrittenUnseenElsewhereIsAnError) {
    EXPECT_NE(explore_toy(Toy({copy_once}), {0, 0, true, 100}).failure, "");
}

// ---- a search that is cut off ------------------------------------------------------------------------------------------

// The mistake shows to who is left early and comes back before the other has gone far: among 80,000 executions.
TEST(Explorer, WhatDepthFirstWouldComeToLastIsDrawnEarly) {
    const auto first = [](Words& words) {
        words.word[0].store(1);
        for (std::uint32_t i = 0; i < 200; ++i) {
            if (i < 40 && words.word[1].load() - 1 < 40) words.torn.store(1);
            words.word[2].store(i);
        }
        words.word[0].store(0);
    };
    const auto second = [](Words& words) {
        for (std::uint32_t i = 1; i < 200; ++i) words.word[1].store(words.word[0].load() == 1 ? i : 0);
    };
    const Figures figures = explore_toy(Toy({first, second}), {2, 0, true, 1000});
    EXPECT_EQ(figures.failure.substr(0, 4), "torn");
    EXPECT_GT(figures.drawn, 0u);
}

TEST(Explorer, TheSameSeedDrawsTheSameExecutions) {
    const auto count = [](Words& words) {
        for (int i = 0; i < 100; ++i) words.word[3].fetch_add(1);
    };
    const auto accesses = [&](std::uint64_t seed) {
        const auto hasty = [](Words& words) {   // how long it takes tells where it was left
            for (int i = 0; i < 100 && words.word[3].load() % 50 < 30; ++i) words.word[2].fetch_add(1);
        };
        return explore_toy(Toy({hasty, count}), {3, 0, true, 200, seed}).accesses;
    };
    EXPECT_EQ(accesses(7), accesses(7));
    EXPECT_NE(accesses(7), accesses(8));
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
