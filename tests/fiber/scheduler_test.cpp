// SPDX-License-Identifier: BSL-1.0
// Whose turn it is: order, idling, hand-offs, deadlines.
#include "owner.hpp"

#include <algorithm>
#include <chrono>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace umach::tests {
namespace {

using tasks::Fiber;
using tasks::Guard;
using tasks::Scheduler;
using tasks::Woken;
using namespace std::chrono_literals;

runtime::Deadline at(std::chrono::nanoseconds time) {
    return runtime::Deadline::at(runtime::Instant(time));
}

TEST(Scheduler, RunsFibersInTheOrderOfTheirSpawning) {
    TestScheduler s;
    std::string trace;
    for (const char c : {'a', 'b', 'c'}) {
        s.spawn([&s, &trace, c] {
            trace += c;
            s.yield();
            trace += c;
        });
    }
    EXPECT_EQ(trace, "");
    s.run_all();
    EXPECT_EQ(trace, "abcabc");
    EXPECT_EQ(s.fibers(), 0u);
}

TEST(Scheduler, SwitchesStraightFromFiberToFiber) {
    TestScheduler s;
    for (int i = 0; i < 10; ++i)
        s.spawn([&s] {
            for (int k = 0; k < 5; ++k) s.yield();
        });
    s.yield();
    EXPECT_EQ(s.switches(), 11u);
    s.yield();
    EXPECT_EQ(s.switches(), 22u);
}

TEST(Scheduler, YieldWithNobodyElseReadyIsNoSwitch) {
    TestScheduler s;
    s.yield();
    EXPECT_EQ(s.switches(), 0u);
}

TEST(Scheduler, TwoFibersThatWakeEachOtherTakeOneSwitchATurn) {
    TestScheduler s;
    Fiber* pong = nullptr;
    Fiber* ping = s.spawn([&] {
        for (int i = 0; i < 1000; ++i) {
            s.make_ready(*pong);
            s.switch_away();
        }
        s.make_ready(s.main());
    });
    pong = s.spawn([&] {
        for (int i = 0; i < 1000; ++i) {
            s.make_ready(*ping);
            s.switch_away();
        }
    });
    s.switch_away();
    EXPECT_EQ(s.switches(), 2002u);
    EXPECT_EQ(s.owner().idled, 0);
}

TEST(Scheduler, MakeReadyOfAFiberThatIsNotParkedIsNotNoted) {
    TestScheduler s;
    int turns = 0;
    Fiber* fiber = s.spawn([&] {
        for (;; ++turns) s.switch_away();
    });
    s.make_ready(*fiber);
    s.yield();
    EXPECT_EQ(turns, 0);
    s.make_ready(*fiber);
    s.make_ready(*fiber);
    s.yield();
    s.yield();
    EXPECT_EQ(turns, 1);
}

TEST(Scheduler, WhoParksLastIsIdleOnItsOwnStackWithoutASwitch) {
    TestScheduler s;
    Fiber* last = nullptr;
    const Fiber* idler = nullptr;
    s.owner().when_idle = [&] {
        idler = &s.current();
        s.make_ready(*last);
    };
    last = s.spawn([&] {
        const auto before = s.switches();
        EXPECT_EQ(s.switch_away(), Woken::ready);
        EXPECT_EQ(s.switches(), before);
        s.make_ready(s.main());
    });
    s.switch_away();
    EXPECT_EQ(s.owner().idled, 1);
    EXPECT_EQ(idler, last);
}

TEST(Scheduler, OwnerIsAskedAgainUntilSomebodyIsReady) {
    TestScheduler s;
    s.owner().when_idle = [&] {
        if (s.owner().idled == 5) s.make_ready(s.main());
    };
    EXPECT_EQ(s.switch_away(), Woken::ready);
    EXPECT_EQ(s.owner().idled, 5);
}

TEST(Scheduler, FiberThatEndsLastLetsTheOwnerIdle) {
    TestScheduler s;
    s.owner().when_idle = [&] { s.make_ready(s.main()); };
    s.spawn([] {});
    s.switch_away();
    EXPECT_EQ(s.owner().idled, 1);
    EXPECT_EQ(s.fibers(), 0u);
}

TEST(Scheduler, OwnerLooksAroundWhileFibersKeepRunning) {
    TestScheduler s;
    for (unsigned i = 0; i < 10 * Scheduler::look_every; ++i) s.yield();
    EXPECT_EQ(s.owner().looked, 10);
}

TEST(Scheduler, OwnerIsToldOfEverySwitch) {
    class Listener : public tasks::FiberOwner {
    public:
        std::string trace;
        void idle() noexcept override { std::abort(); }
        void on_switch(Fiber& from, Fiber& to) noexcept override { trace += name(from) + name(to) + ' '; }
        static std::string name(Fiber& fiber) {
            const auto* text = static_cast<const char*>(Scheduler::owned(fiber));
            return text != nullptr ? text : "m";
        }
    };
    Listener listener;
    Scheduler s(listener);
    char a[] = "a", b[] = "b";
    s.spawn([&] { s.yield(); }, a);
    s.spawn([] {}, b);
    while (s.fibers() != 0) s.yield();
    EXPECT_EQ(listener.trace, "ma ab bm ma am ");
}

TEST(Scheduler, FibersOfTwoOsThreadsRunApart) {
    const auto count_to = [](int turns) {
        TestScheduler s;
        int sum = 0;
        for (int i = 0; i < 10; ++i)
            s.spawn([&] {
                for (int k = 0; k < turns; ++k, ++sum) s.yield();
            });
        s.run_all();
        EXPECT_EQ(sum, 10 * turns);
    };
    std::thread other(count_to, 1000);
    count_to(2000);
    other.join();
}

// Resident memory in bytes. A sanitizer's own cannot be told from ours, so nothing is asked of it.
bool is_below(long limit, long bytes) {
    return is_sanitized || bytes < limit;
}

void park_and_wake(TestScheduler& s, std::size_t count) {
    const long before = resident_bytes();
    std::vector<Fiber*> fibers(count);
    std::size_t parked = 0, woken = 0;
    for (Fiber*& fiber : fibers) {
        fiber = s.spawn([&] {
            ++parked;
            if (s.switch_away() == Woken::ready) ++woken;
        });
        ASSERT_NE(fiber, nullptr);
    }
    s.yield();
    EXPECT_EQ(parked, count);
    EXPECT_EQ(s.fibers(), count);
    const long each = (resident_bytes() - before) / static_cast<long>(count);
    EXPECT_PRED2(is_below, 6 * 1024, each);
    for (Fiber* fiber : fibers) s.make_ready(*fiber);
    s.yield();
    EXPECT_EQ(woken, count);
    EXPECT_EQ(s.fibers(), 0u);
    // The stacks had 4 KiB each; what the heap keeps of freed memory is not asked about.
    EXPECT_PRED2(is_below, static_cast<long>(count) * 320, resident_bytes() - before);
}

TEST(Scheduler, AHundredThousandFibersParkAndAreWokenAndLeaveNothingResident) {
    TestScheduler s;
    if (s.stacks().guard() != Guard::light) GTEST_SKIP() << "this kernel has no light guards";
    park_and_wake(s, is_sanitized ? 2'000 : 100'000);
}

TEST(Scheduler, SixteenThousandFibersWithGuardPagesParkAndAreWokenAndLeaveNothingResident) {
    TestScheduler s(Guard::page);
    park_and_wake(s, is_sanitized ? 2'000 : tasks::ordinary_guards);
}

TEST(Scheduler, FibersThatComeAndGoReuseTheirStacks) {
    TestScheduler s;
    const long before = resident_bytes();
    int ended = 0;
    for (int i = 0; i < 20'000; ++i) {
        s.spawn([&] { ++ended; });
        s.yield();
    }
    EXPECT_EQ(ended, 20'000);
    EXPECT_PRED2(is_below, 4'000'000, resident_bytes() - before);
}

// ---- out of turn --------------------------------------------------------------------------------------

TEST(HandOff, NamedFiberRunsNextAndTheCallerIsFirstAfterIt) {
    TestScheduler s;
    std::string trace;
    Fiber* named = s.spawn([&] {
        s.switch_away();
        trace += "named ";
    });
    s.yield();
    for (const char* name : {"a ", "b "}) s.spawn([&trace, name] { trace += name; });
    s.hand_off(*named);
    trace += "caller ";
    s.run_all();
    EXPECT_EQ(trace, "named caller a b ");
}

TEST(HandOff, ReadyFiberComesBeforeItsTurnAndNotAgain) {
    TestScheduler s;
    std::string trace;
    Fiber* named = nullptr;
    for (const char* name : {"a ", "b ", "c "}) named = s.spawn([&trace, name] { trace += name; });
    s.hand_off(*named);
    s.run_all();
    EXPECT_EQ(trace, "c a b ");
}

TEST(HandOff, PairThatHandsOffForEverDoesNotStarveTheOthers) {
    TestScheduler s;
    Fiber* left = nullptr;
    Fiber* right = nullptr;
    unsigned turns = 0;
    bool had_its_turn = false;
    const auto play = [&](Fiber*& other) {
        return [&] {
            while (!had_its_turn && turns < 10'000) {
                ++turns;
                s.hand_off(*other);
            }
        };
    };
    left = s.spawn(play(right));
    right = s.spawn(play(left));
    s.spawn([&] { had_its_turn = true; });
    s.yield();
    EXPECT_TRUE(had_its_turn);
    EXPECT_LE(turns, 70u);
}

TEST(HandOff, FibersMadeNextForEverDoNotStarveTheOthers) {
    TestScheduler s;
    Fiber* left = nullptr;
    Fiber* right = nullptr;
    unsigned turns = 0;
    const auto play = [&](Fiber*& other) {
        return [&] {
            for (;; ++turns) {
                s.make_next(*other);
                s.switch_away();
            }
        };
    };
    left = s.spawn(play(right));
    right = s.spawn(play(left));
    s.yield();
    EXPECT_LE(turns, 70u);
}

TEST(MakeNext, FiberRunsBeforeThoseThatAreReady) {
    TestScheduler s;
    std::string trace;
    std::vector<Fiber*> fibers;
    for (const char* name : {"a ", "b ", "c "}) {
        fibers.push_back(s.spawn([&s, &trace, name] {
            s.switch_away();
            trace += name;
        }));
    }
    s.yield();
    s.make_ready(*fibers[0]);
    s.make_ready(*fibers[1]);
    s.make_next(*fibers[2]);
    s.yield();
    EXPECT_EQ(trace, "c a b ");
}

// ---- deadlines ----------------------------------------------------------------------------------------

TEST(Deadlines, PassInTheirOrderAndEqualOnesInTheOrderOfParking) {
    TestScheduler s;
    std::string trace;
    const auto park = [&](const char* name, std::chrono::nanoseconds when) {
        s.spawn([&s, &trace, name, when] {
            EXPECT_EQ(s.park_until(at(when)), Woken::timed_out);
            trace += name;
        });
    };
    park("third ", 30ns);
    park("first ", 10ns);
    park("second ", 20ns);
    park("fourth ", 30ns);
    s.spawn([&] {
        s.park_until(at(40ns));
        s.make_ready(s.main());
    });
    s.switch_away();
    EXPECT_EQ(trace, "first second third fourth ");
}

TEST(Deadlines, FiberWokenBeforeItsDeadlineHasNoneAnyMore) {
    TestScheduler s;
    Woken end = Woken::ending;
    Fiber* fiber = s.spawn([&] { end = s.park_until(at(10ns)); });
    s.yield();
    EXPECT_EQ(s.earliest_deadline(), at(10ns));
    s.make_ready(*fiber);
    EXPECT_TRUE(s.earliest_deadline().is_never());
    EXPECT_EQ(s.expire(runtime::Instant(20ns)), 0u);
    s.run_all();
    EXPECT_EQ(end, Woken::ready);
}

TEST(Deadlines, TimedOutParkIsForgottenByTheNext) {
    TestScheduler s;
    std::vector<Woken> ends;
    Fiber* fiber = s.spawn([&] {
        ends.push_back(s.park_until(at(10ns)));
        ends.push_back(s.switch_away());
    });
    s.yield();
    EXPECT_EQ(s.expire(runtime::Instant(9ns)), 0u);
    EXPECT_EQ(s.expire(runtime::Instant(10ns)), 1u);
    s.yield();
    s.make_ready(*fiber);
    s.run_all();
    EXPECT_EQ(ends, (std::vector{Woken::timed_out, Woken::ready}));
}

TEST(Deadlines, ThousandAtRandomPassInOrderAlthoughEveryThirdIsTakenBack) {
    TestScheduler s;
    std::mt19937 random(1);
    std::vector<long> passed;
    std::vector<Fiber*> fibers;
    for (int i = 0; i < 1000; ++i) {
        const long when = static_cast<long>(random() % 5000) + 1;
        fibers.push_back(s.spawn([&s, &passed, when] {
            if (s.park_until(at(std::chrono::nanoseconds(when))) == Woken::timed_out) passed.push_back(when);
        }));
    }
    s.yield();
    std::shuffle(fibers.begin(), fibers.end(), random);
    for (std::size_t i = 0; i < 333; ++i) s.make_ready(*fibers[i]);
    s.spawn([&] {
        s.park_until(at(6000ns));
        s.make_ready(s.main());
    });
    s.switch_away();
    EXPECT_EQ(passed.size(), 667u);
    EXPECT_TRUE(std::is_sorted(passed.begin(), passed.end()));
    EXPECT_EQ(s.fibers(), 0u);
}

}  // namespace
}  // namespace umach::tests
