// SPDX-License-Identifier: BSL-1.0
// Fibers that still wait, or stand still, when their OS thread ends.
#include "counting.hpp"

#include <mach/thread_interface.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <umach_threads.h>

#include <functional>
#include <thread>

namespace umach::tests {
namespace {

// What a fiber of an OS thread that ends does, and what it says.
struct Ending {
    port_name_t port = PORT_NULL;
    thread_t other = THREAD_NULL;
    int went_on = 0;
    std::atomic<int> of_destructor{-1};
    std::atomic<int> unwound{0};
};

// A fiber on an OS thread of its own, which ends when the fiber has had its turn and `before` was called.
void run_on_ending_thread(umach_function_t function, Ending& ending, const std::function<void(thread_t)>& before) {
    std::thread([&] { before(start_thread(function, &ending, UMACH_FIBER)); }).join();
}

void let_it_wait(thread_t) {
    umach_thread_yield();
}

struct Joins {
    Ending& ending;
    ~Joins() {
        ending.of_destructor.store(umach_thread_join(ending.other, 20));
        ending.unwound.fetch_add(1);
    }
};

struct Calls {
    Ending& ending;
    ~Calls() {
        port_name_t port = PORT_NULL;
        ending.of_destructor.store(port_allocate(task_self(), &port));
        ending.unwound.fetch_add(1);
    }
};

void receive_and_join(void* argument) {
    const Joins at_end{*static_cast<Ending*>(argument)};
    receive(at_end.ending.port, MSG_OPTION_NONE);
}

TEST(FiberEnds, ReceiverWhoseDestructorJoinsIsNoReceiverAnyMoreWhenItDoes) {
    EXPECT_TRUE(runs_well([] {
        Ending ending{new_port(), thread_self()};
        run_on_ending_thread(receive_and_join, ending, let_it_wait);
        MUST(ending.unwound.load() == 1 && ending.of_destructor.load() == KERN_RESOURCE_SHORTAGE);
        MUST(violations().empty());
        MUST(send_plain(ending.port, 5) == SEND_SUCCESS && receive(ending.port).id == 5);
    }));
}

void send_too_many_and_join(void* argument) {
    const Joins at_end{*static_cast<Ending*>(argument)};
    for (int i = 0; i <= PORT_BACKLOG_MAX; ++i) MUST(send_plain(at_end.ending.port, i) == SEND_SUCCESS);
}

TEST(FiberEnds, MessageOfASenderThatWaitsIsTakenBackBeforeItsDestructorsRun) {
    EXPECT_TRUE(runs_well([] {
        Ending ending{new_port(), thread_self()};
        run_on_ending_thread(send_too_many_and_join, ending, let_it_wait);
        MUST(ending.unwound.load() == 1 && violations().empty());
        for (int i = 0; i < PORT_BACKLOG_MAX; ++i) MUST(receive(ending.port).id == i);
        MUST(receive(ending.port, RCV_TIMEOUT, 0).code == RCV_TIMED_OUT);
    }));
}

void join_and_call(void* argument) {
    const Calls at_end{*static_cast<Ending*>(argument)};
    MUST(umach_thread_join(at_end.ending.other, UMACH_FOREVER) == KERN_RESOURCE_SHORTAGE);
    at_end.ending.went_on = 1;
    umach_thread_yield();
    at_end.ending.went_on = 2;
}

TEST(FiberEnds, JoinThatWaitsEndsWithAFailureAndTheFiberIsUnwoundAtItsNextCall) {
    EXPECT_TRUE(runs_well([] {
        Ending ending{new_port(), thread_self()};
        run_on_ending_thread(join_and_call, ending, let_it_wait);
        MUST(ending.unwound.load() == 1 && ending.went_on == 1 && violations().empty());
    }));
}

// ---- suspended --------------------------------------------------------------------------------------------

void suspend_it(thread_t fiber) {
    umach_thread_yield();
    MUST(thread_suspend(fiber) == KERN_SUCCESS);
    umach_thread_yield();
}

void call_on_and_on(void* argument) {
    const Calls at_end{*static_cast<Ending*>(argument)};
    for (;;) {
        static_cast<void>(task_self());
        umach_thread_yield();
    }
}

TEST(FiberEnds, SuspendedFiberThatStandsStillIsUnwound) {
    EXPECT_TRUE(runs_well([] {
        Ending ending;
        run_on_ending_thread(call_on_and_on, ending, suspend_it);
        MUST(ending.unwound.load() == 1 && violations().empty());
    }));
}

void suspend_itself(void* argument) {
    const Calls at_end{*static_cast<Ending*>(argument)};
    MUST(thread_suspend(thread_self()) == KERN_SUCCESS);
    at_end.ending.went_on = 1;
}

TEST(FiberEnds, FiberThatSuspendedItselfIsUnwoundAndDoesNotGoOn) {
    EXPECT_TRUE(runs_well([] {
        Ending ending;
        run_on_ending_thread(suspend_itself, ending, let_it_wait);
        MUST(ending.unwound.load() == 1 && ending.went_on == 0 && violations().empty());
    }));
}

// Stands still at the end of task_self(), a call that unwinds nobody.
void stand_in_held_call(void* argument) {
    const Calls at_end{*static_cast<Ending*>(argument)};
    {
        const tasks::Trap trap;
        MUST(ports::suspend(trap.caller(), trap.caller().thread) == KERN_SUCCESS);
    }
    static_cast<void>(task_self());
    at_end.ending.went_on = 1;
    umach_thread_yield();
    at_end.ending.went_on = 2;
}

TEST(FiberEnds, SuspendedFiberInACallThatUnwindsNobodyIsUnwoundAtTheNextThatDoes) {
    EXPECT_TRUE(runs_well([] {
        Ending ending;
        run_on_ending_thread(stand_in_held_call, ending, [&](thread_t) {
            umach_thread_yield();
            MUST(ending.went_on == 0);
        });
        MUST(ending.unwound.load() == 1 && ending.went_on == 1 && violations().empty());
    }));
}

void park_and_call(void* argument) {
    const Calls at_end{*static_cast<Ending*>(argument)};
    umach_thread_park(UMACH_FOREVER);
}

TEST(FiberEnds, SuspendedFiberWhoseDestructorCallsDoesNotStandStillThere) {
    EXPECT_TRUE(runs_well([] {
        Ending ending;
        run_on_ending_thread(park_and_call, ending, suspend_it);
        MUST(ending.unwound.load() == 1 && ending.of_destructor.load() != KERN_SUCCESS);
        MUST(violations().empty());
    }));
}

// ---- those that will not, or never began ------------------------------------------------------------------

TEST(FiberEnds, FiberThatNeverBeganIsDeadToThoseWhoJoinIt) {
    EXPECT_TRUE(runs_well([] {
        Ending ending;
        thread_t fiber = THREAD_NULL;
        run_on_ending_thread([](void*) {}, ending, [&](thread_t made) { fiber = made; });
        MUST(umach_thread_join(fiber, 5'000) == KERN_SUCCESS && violations().empty());
    }));
}

void swallow_every_end(void* argument) {
    for (;;) {
        try {
            receive(static_cast<Ending*>(argument)->port, MSG_OPTION_NONE);
        } catch (...) {
        }
    }
}

TEST(FiberEnds, FiberThatCatchesItsEndAgainAndAgainEndsTheProcess) {
    const pid_t child = start([] {
        const rlimit no_core{0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        Ending ending{new_port()};
        run_on_ending_thread(swallow_every_end, ending, let_it_wait);
    });
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

}  // namespace
}  // namespace umach::tests
