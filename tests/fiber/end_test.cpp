// SPDX-License-Identifier: BSL-1.0
// How fibers end: by themselves, by others, with their OS thread; and that their stacks are unwound.
#include "owner.hpp"

#include <unistd.h>
#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace umach::tests {
namespace {

using tasks::Fiber;
using tasks::Woken;

// Says in a trace that it has been destroyed.
class Witness {
public:
    Witness(std::string& trace, const char* name) : trace_(&trace), name_(name) {}
    Witness(const Witness&) = delete;
    Witness& operator=(const Witness&) = delete;
    ~Witness() { *trace_ += name_; }

private:
    std::string* trace_;
    const char* name_;
};

TEST(FiberEnd, ParkedFiberIsUnwoundFromTheInnermostFrameOutwards) {
    TestScheduler s;
    std::string trace;
    Fiber* fiber = s.spawn([&] {
        const Witness outer(trace, "outer ");
        [&] {
            const Witness inner(trace, "inner ");
            s.switch_away();
            trace += "woken ";
        }();
        trace += "returned ";
    });
    s.yield();
    EXPECT_TRUE(s.end(*fiber));
    EXPECT_EQ(trace, "");
    s.yield();
    EXPECT_EQ(trace, "inner outer ");
    EXPECT_EQ(s.fibers(), 0u);
}

TEST(FiberEnd, FiberThatNeverRanIsDroppedWithWhatItHolds) {
    TestScheduler s;
    const auto held = std::make_shared<int>(1);
    bool ran = false;
    Fiber* fiber = s.spawn([&ran, held] { ran = true; });
    EXPECT_EQ(held.use_count(), 2);
    EXPECT_FALSE(s.end(*fiber));
    EXPECT_EQ(held.use_count(), 1);
    EXPECT_EQ(s.fibers(), 0u);
    s.yield();
    EXPECT_FALSE(ran);
}

TEST(FiberEnd, FunctionOfAFiberIsDestroyedWhenItHasReturned) {
    TestScheduler s;
    const auto held = std::make_shared<int>(1);
    s.spawn([held] {});
    s.run_all();
    EXPECT_EQ(held.use_count(), 1);
}

TEST(FiberEnd, ReadyFiberIsUnwoundInsteadOfGoingOn) {
    TestScheduler s;
    std::string trace;
    Fiber* fiber = s.spawn([&] {
        const Witness witness(trace, "unwound");
        s.yield();
        trace += "went on ";
    });
    s.yield();
    s.end(*fiber);
    s.run_all();
    EXPECT_EQ(trace, "unwound");
}

TEST(FiberEnd, DeadlineOfAnEndedFiberIsGone) {
    TestScheduler s;
    Fiber* fiber = s.spawn([&] { s.park_until(runtime::Deadline::at(runtime::Instant::min())); });
    s.yield();
    s.end(*fiber);
    EXPECT_TRUE(s.earliest_deadline().is_never());
    s.run_all();
    EXPECT_EQ(s.expire(runtime::Instant::max()), 0u);
}

TEST(FiberEnd, FiberThatEndsItselfIsUnwoundAtItsNextWait) {
    TestScheduler s;
    std::string trace;
    s.spawn([&] {
        const Witness witness(trace, "unwound");
        s.end(s.current());
        trace += "goes on, ";
        s.switch_away();
        trace += "waited ";
    });
    s.run_all();
    EXPECT_EQ(trace, "goes on, unwound");
}

TEST(FiberEnd, HandOffToAFiberThatIsToEndUnwindsIt) {
    TestScheduler s;
    std::string trace;
    Fiber* fiber = s.spawn([&] {
        const Witness witness(trace, "unwound");
        s.switch_away();
    });
    s.yield();
    s.end(*fiber);
    s.hand_off(*fiber);
    EXPECT_EQ(trace, "unwound");
}

TEST(FiberEnd, CatchAllThatSwallowsItMeetsItAgainAtTheNextWait) {
    TestScheduler s;
    int swallowed = 0;
    Fiber* fiber = s.spawn([&] {
        for (int i = 0; i < 3; ++i) {
            try {
                s.switch_away();
            } catch (...) {
                ++swallowed;
            }
        }
        s.switch_away();
        swallowed = -1;
    });
    s.yield();
    s.end(*fiber);
    s.run_all();
    EXPECT_EQ(swallowed, 3);
}

TEST(FiberEnd, CatchAllThatSwallowsItForEverEndsTheProcessWithAMessage) {
    const auto swallow_for_ever = [] {
        TestScheduler s;
        Fiber* fiber = s.spawn([&] {
            for (;;) {
                try {
                    s.switch_away();
                } catch (...) {
                }
            }
        });
        s.yield();
        s.end(*fiber);
        s.run_all();
    };
    EXPECT_DEATH(swallow_for_ever(), "its catch \\(...\\) must throw on");
}

TEST(FiberEnd, HandlerOfStandardExceptionsDoesNotSeeIt) {
    TestScheduler s;
    bool seen = false;
    Fiber* fiber = s.spawn([&] {
        try {
            s.switch_away();
        } catch (const std::exception&) {
            seen = true;
        }
    });
    s.yield();
    s.end(*fiber);
    s.run_all();
    EXPECT_FALSE(seen);
}

TEST(FiberEnd, DestructorThatWaitsDuringTheUnwindingDoesNotWait) {
    struct Waits {
        TestScheduler& s;
        Woken& end;
        ~Waits() {
            s.yield();
            end = s.switch_away();
        }
    };
    TestScheduler s;
    Woken end = Woken::ready;
    Fiber* fiber = s.spawn([&] {
        const Waits waits{s, end};
        s.switch_away();
    });
    s.yield();
    s.end(*fiber);
    s.run_all();
    EXPECT_EQ(end, Woken::ending);
}

TEST(FiberEnd, FiberEndedInAHandlerOfAnotherExceptionIsUnwoundAndFreesBoth) {
    TestScheduler s;
    const auto held = std::make_shared<int>(1);
    Fiber* fiber = s.spawn([&] {
        try {
            throw std::shared_ptr<int>(held);
        } catch (const std::shared_ptr<int>&) {
            s.switch_away();
        }
    });
    s.yield();
    EXPECT_EQ(held.use_count(), 2);
    s.end(*fiber);
    s.run_all();
    EXPECT_EQ(held.use_count(), 1);
}

TEST(FiberEnd, ExceptionThatLeavesItsFunctionEndsTheProcess) {
    const auto throw_out = [] {
        TestScheduler s;
        s.spawn([] { throw std::runtime_error("nobody catches this"); });
        s.run_all();
    };
    EXPECT_DEATH(throw_out(), "nobody catches this");
}

TEST(FiberEnd, AllFibersOfAnOsThreadAreUnwoundAtItsEnd) {
    std::string trace;
    std::thread([&trace] {
        TestScheduler s;
        for (int i = 0; i < 3; ++i)
            s.spawn([&] {
                const Witness witness(trace, "y");
                s.switch_away();
            });
        s.yield();
        s.spawn([&] { trace += "never runs"; });
    }).join();
    EXPECT_EQ(trace, "yyy");
}

TEST(FiberEnd, FiberSpawnedByADestructorDuringTheUnwindingIsDroppedToo) {
    struct Spawns {
        TestScheduler& s;
        ~Spawns() {
            s.spawn([] { std::abort(); });
        }
    };
    TestScheduler s;
    s.spawn([&] {
        const Spawns spawns{s};
        s.switch_away();
    });
    s.yield();
}

TEST(FiberEnd, ProcessThatExitsInAFiberUnwindsTheOthers) {
    const auto exit_in_fiber = [] {
        static thread_local std::unique_ptr<TestScheduler> scheduler;
        scheduler = std::make_unique<TestScheduler>();
        struct Says {
            ~Says() { std::fputs("sibling unwound\n", stderr); }
        };
        scheduler->spawn([] {
            const Says says;
            scheduler->switch_away();
        });
        scheduler->spawn([] { std::exit(7); });
        scheduler->switch_away();
    };
    EXPECT_EXIT(exit_in_fiber(), testing::ExitedWithCode(7), "sibling unwound");
}

// What a child writes that forks in a fiber, forgets the others and leaves its scheduler.
std::string written_by_child_forked_in_a_fiber() {
    static thread_local std::unique_ptr<TestScheduler> scheduler;
    struct SaysInChild {
        int to;
        pid_t parent = getpid();
        ~SaysInChild() {
            if (getpid() != parent) dprintf(to, "unwound ");
        }
    };
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    scheduler = std::make_unique<TestScheduler>();
    scheduler->spawn([&] {
        const SaysInChild says{ends[1]};
        scheduler->switch_away();
    });
    scheduler->spawn([&] {
        if (fork() != 0) return;
        scheduler->forget_others();
        scheduler->spawn([&] { dprintf(ends[1], "child "); });
        scheduler->yield();
        scheduler.reset();
        _exit(0);
    });
    scheduler->yield();
    scheduler.reset();
    close(ends[1]);
    std::string text(100, '\0');
    EXPECT_GT(wait(nullptr), 0);
    const ssize_t length = read(ends[0], text.data(), text.size());
    close(ends[0]);
    return text.substr(0, static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
}

TEST(FiberEnd, ForkedChildThatForgetsTheOthersUnwindsNoneOfThem) {
    EXPECT_EQ(written_by_child_forked_in_a_fiber(), "child ");
}

TEST(FiberEnd, HundredFibersEndedInEveryStateLeaveNone) {
    TestScheduler s;
    std::string trace;
    std::vector<Fiber*> fibers;
    for (int i = 0; i < 100; ++i) {
        if (i == 75) s.yield();
        fibers.push_back(s.spawn([&, i] {
            const Witness witness(trace, "x");
            if (i % 3 == 0)
                s.park_until(runtime::Deadline::at(runtime::Instant(std::chrono::nanoseconds(i))));
            if (i % 3 == 1) s.switch_away();
            for (;;) s.yield();
        }));
    }
    int dropped = 0;
    for (Fiber* fiber : fibers) dropped += s.end(*fiber) ? 0 : 1;
    EXPECT_EQ(dropped, 25);
    s.run_all();
    EXPECT_EQ(trace.size(), 75u);
    EXPECT_TRUE(s.earliest_deadline().is_never());
}

}  // namespace
}  // namespace umach::tests
