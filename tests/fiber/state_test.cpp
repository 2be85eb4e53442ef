// SPDX-License-Identifier: BSL-1.0
// Interleavings by seed; and that each fiber has its own of what it should.
#include "owner.hpp"

#include <algorithm>
#include <cerrno>
#include <cfenv>
#include <exception>
#include <string>
#include <vector>

namespace umach::tests {
namespace {

using tasks::Fiber;

struct Played {
    std::string trace;
    std::uint64_t history;
    bool operator==(const Played&) const = default;
};

// Eight fibers that yield, park, hand off and wake each other.
Played play(std::uint64_t seed) {
    TestScheduler s;
    s.seed(seed);
    std::string trace;
    std::vector<Fiber*> fibers;
    for (std::size_t i = 0; i < 8; ++i) {
        fibers.push_back(s.spawn([&, i] {
            for (std::size_t k = 0; k < 5; ++k) {
                trace += static_cast<char>('a' + i);
                s.yield();
                if (k == 1 && i != 7) s.switch_away();
                if (i == 7) s.make_ready(*fibers[k]);
            }
            if (i == 7)
                for (std::size_t other : {0u, 5u, 6u}) s.make_ready(*fibers[other]);
        }));
    }
    for (int i = 0; i < 500; ++i) s.yield();
    return {trace, s.history()};
}

TEST(Seed, SameSeedGivesTheSameInterleaving) {
    for (std::uint64_t seed = 1; seed < 20; ++seed) EXPECT_EQ(play(seed), play(seed));
}

TEST(Seed, OtherSeedsGiveOtherInterleavings) {
    std::vector<std::string> traces;
    std::vector<std::uint64_t> histories;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        const Played played = play(seed);
        traces.push_back(played.trace);
        histories.push_back(played.history);
    }
    std::sort(traces.begin(), traces.end());
    std::sort(histories.begin(), histories.end());
    EXPECT_EQ(std::unique(traces.begin(), traces.end()), traces.end());
    EXPECT_EQ(std::unique(histories.begin(), histories.end()), histories.end());
}

TEST(Seed, EveryOrderOfThreeFibersComesUp) {
    std::vector<std::string> orders;
    for (std::uint64_t seed = 1; seed < 100; ++seed) {
        TestScheduler s;
        s.seed(seed);
        std::string order;
        for (const char c : {'a', 'b', 'c'}) s.spawn([&order, c] { order += c; });
        s.run_all();
        orders.push_back(order);
    }
    std::sort(orders.begin(), orders.end());
    EXPECT_EQ(std::unique(orders.begin(), orders.end()) - orders.begin(), 6);
}

TEST(Seed, FibersThatAreReadyWhenItIsSetOrTakenAwayAllRunOnce) {
    TestScheduler s;
    std::string trace;
    const auto spawn = [&](const char* names) {
        for (const char* c = names; *c != '\0'; ++c) s.spawn([&trace, c] { trace += *c; });
    };
    spawn("abcd");
    s.seed(7);
    spawn("efgh");
    s.seed(0);
    s.run_all();
    EXPECT_EQ(trace, "abcdefgh");
}

TEST(Seed, HandOffStaysExact) {
    for (std::uint64_t seed = 1; seed < 20; ++seed) {
        TestScheduler s;
        s.seed(seed);
        std::string trace;
        Fiber* named = nullptr;
        for (const char c : {'a', 'b', 'c', 'd'}) named = s.spawn([&trace, c] { trace += c; });
        s.hand_off(*named);
        EXPECT_EQ(trace.substr(0, 1), "d");
        s.run_all();
        EXPECT_EQ(trace.size(), 4u);
    }
}

// ---- a fiber's own ------------------------------------------------------------------------------------

TEST(FiberState, ExceptionsThatAreBeingHandledBelongToTheirFiber) {
    TestScheduler s;
    int caught = 0;
    for (int i = 1; i <= 3; ++i) {
        s.spawn([&, i] {
            try {
                throw i;
            } catch (int) {
                s.yield();
                try {
                    throw;  // what this one handles, not what a sibling threw last
                } catch (int again) {
                    EXPECT_EQ(again, i);
                    s.yield();
                    caught += again;
                }
            }
        });
    }
    s.run_all();
    EXPECT_EQ(caught, 6);
    EXPECT_EQ(std::current_exception(), nullptr);
}

TEST(FiberState, ExceptionUnderWayIsNotSeenByTheSiblings) {
    struct Yields {
        TestScheduler& s;
        int& seen;
        ~Yields() {
            s.yield();
            seen = std::uncaught_exceptions();
        }
    };
    TestScheduler s;
    int seen = -1, siblings = -1;
    s.spawn([&] {
        try {
            const Yields yields{s, seen};
            throw 1;
        } catch (int) {
        }
    });
    s.spawn([&] { siblings = std::uncaught_exceptions(); });
    s.run_all();
    EXPECT_EQ(seen, 1);
    EXPECT_EQ(siblings, 0);
}

TEST(FiberState, ErrnoBelongsToItsFiber) {
    TestScheduler s;
    int first = 0, second = 0, fresh = -1;
    errno = EXDEV;
    s.spawn([&] {
        errno = ENOENT;
        s.yield();
        first = errno;
    });
    s.spawn([&] {
        fresh = errno;
        errno = EPERM;
        s.yield();
        second = errno;
    });
    s.run_all();
    EXPECT_EQ(errno, EXDEV);
    EXPECT_EQ(first, ENOENT);
    EXPECT_EQ(second, EPERM);
    EXPECT_EQ(fresh, 0);
}

TEST(FiberState, RoundingModeBelongsToItsFiber) {
    TestScheduler s;
    int mode = -1;
    s.spawn([&] {
        std::fesetround(FE_UPWARD);
        s.yield();
        mode = std::fegetround();
    });
    s.run_all();
    EXPECT_EQ(mode, FE_UPWARD);
    EXPECT_EQ(std::fegetround(), FE_TONEAREST);
}

}  // namespace
}  // namespace umach::tests
