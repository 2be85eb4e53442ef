// SPDX-License-Identifier: BSL-1.0
// Threads that are aborted and terminated at every moment: while they change from one wait to another, end by
// themselves, or terminate each other.
#include "processes.hpp"

#include "ports/kernel_port.hpp"
#include "ports/thread_calls.hpp"

#include <mach/thread_interface.h>
#include <sys/wait.h>
#include <umach_threads.h>

#include <atomic>
#include <thread>
#include <vector>

namespace umach::tests {
namespace {

// How often a race is run: so that each of the defects that these cases are about had shown itself.
constexpr int rounds = 400;

void ends_within_patience(const std::function<bool()>& condition) {
    MUST(becomes_true(condition));
}

// ---- aborted between two waits ----------------------------------------------------------------------------

struct Ports {
    port_name_t own[2];
    std::atomic<bool> stop{false};
    std::atomic<thread_t> sender{THREAD_NULL};
};

void send_by_turns(Ports& ports) {
    ports.sender.store(thread_self());
    for (unsigned n = 0; !ports.stop.load(); ++n) {
        const msg_return_t code = send_plain(ports.own[n % 2], 1);
        const bool says_why = std::string(mach_error_detail()).find("aborted") != std::string::npos;
        MUST(code == SEND_SUCCESS || (code == SEND_INTERRUPTED && says_why));
    }
}

void drain(Ports& ports, int which) {
    while (!ports.stop.load()) static_cast<void>(receive(ports.own[which], RCV_TIMEOUT, 10));
}

TEST(TerminationRace, AnAbortMeetsTheWaitThatItLookedAtOrNone) {
    EXPECT_TRUE(runs_well([] {
        Ports ports{{new_port(), new_port()}};
        for (const port_name_t port : ports.own) MUST(port_set_backlog(task_self(), port, 1) == KERN_SUCCESS);
        std::vector<std::thread> threads;
        threads.emplace_back([&] { drain(ports, 0); });
        threads.emplace_back([&] { drain(ports, 1); });
        std::thread sender([&] { send_by_turns(ports); });
        while (ports.sender.load() == THREAD_NULL) std::this_thread::yield();
        for (int i = 0; i < 20'000; ++i) MUST(thread_abort(ports.sender.load()) == KERN_SUCCESS);
        ports.stop.store(true);
        for (std::thread& thread : threads) thread.join();
        while (waits(getpid(), ports::WaitKind::send)) MUST(thread_abort(ports.sender.load()) == KERN_SUCCESS);
        sender.join();
        MUST(violations().empty());
    }));
}

// ---- terminating each other -------------------------------------------------------------------------------

struct Pair {
    std::atomic<int> ready{0}, ended{0};
    thread_t names[2] = {THREAD_NULL, THREAD_NULL};
};

struct CountsItsEnd {
    Pair& pair;
    ~CountsItsEnd() { ++pair.ended; }
};

void terminate_the_other(Pair& pair, int own) {
    const CountsItsEnd end{pair};
    pair.names[own] = thread_self();
    ++pair.ready;
    while (pair.ready.load() < 2) std::this_thread::yield();
    static_cast<void>(thread_terminate(pair.names[1 - own]));
    static_cast<void>(task_self());
}

TEST(TerminationRace, TwoThreadsThatTerminateEachOtherBothEnd) {
    EXPECT_TRUE(runs_well([] {
        static_cast<void>(task_self());
        for (int i = 0; i < rounds; ++i) {
            Pair pair;
            std::thread first([&] { terminate_the_other(pair, 0); }), second([&] { terminate_the_other(pair, 1); });
            ends_within_patience([&] { return pair.ended.load() >= 1; });
            first.join();
            second.join();
        }
        MUST(violations().empty());
    }));
}

struct SharedEnd {
    std::atomic<int> ready{0}, unwound{0};
};

void terminate_own_task(void* argument) {
    auto* end = static_cast<SharedEnd*>(argument);
    struct Unwound {
        SharedEnd& end;
        ~Unwound() { ++end.unwound; }
    } const unwound{*end};
    const task_t own = task_self();
    ++end->ready;
    while (end->ready.load() < 2) std::this_thread::yield();
    static_cast<void>(task_terminate(own));
}

TEST(TerminationRace, TwoThreadsThatBothTerminateTheirTaskBothEndAndSoDoesTheTask) {
    EXPECT_TRUE(runs_well([] {
        for (int i = 0; i < rounds; ++i) {
            SharedEnd end;
            task_t task = TASK_NULL;
            MUST(task_create(task_self(), FALSE, &task) == KERN_SUCCESS);
            for (int n = 0; n < 2; ++n) {
                thread_t thread = THREAD_NULL;
                MUST(umach_thread_create(task, UMACH_OS_THREAD, terminate_own_task, &end, &thread) == KERN_SUCCESS);
                MUST(port_deallocate(task_self(), thread) == KERN_SUCCESS);
            }
            ends_within_patience([&] { return end.unwound.load() == 2; });
            MUST(umach_task_join(task, 5'000) == KERN_SUCCESS);
            MUST(port_deallocate(task_self(), task) == KERN_SUCCESS);
        }
        MUST(violations().empty());
    }));
}

// ---- ending by itself -------------------------------------------------------------------------------------

TEST(TerminationRace, AThreadThatEndsWhileItIsTerminatedLeavesNoRecord) {
    EXPECT_TRUE(runs_well([] {
        setenv("UMACH_THREADS", "60", 1);
        static_cast<void>(task_self());
        for (int i = 0; i < 4 * rounds; ++i) {
            std::atomic<thread_t> name{THREAD_NULL};
            std::thread thread([&] {
                name.store(thread_self());
                MUST(name.load() != THREAD_NULL);  // with a record lost each time there would be none left soon
                for (int spin = 0; spin < i % 64 * 15; ++spin) std::atomic_signal_fence(std::memory_order_seq_cst);
            });
            while (name.load() == THREAD_NULL) std::this_thread::yield();
            static_cast<void>(thread_terminate(name.load()));
            thread.join();
            MUST(port_deallocate(task_self(), name.load()) == KERN_SUCCESS);
        }
        MUST(violations().empty());
    }));
}

// ---- left in the middle -----------------------------------------------------------------------------------

struct Computing {
    std::atomic<bool> runs{false}, stop{false};
};

void compute(void* argument) {
    auto* computing = static_cast<Computing*>(argument);
    computing->runs.store(true);
    while (!computing->stop.load()) std::this_thread::yield();
}

// Begins what task_terminate() and thread_terminate() do, on the kernel port that it gets, and dies.
void begin_to_terminate_and_die() {
    const port_name_t own = new_port();
    MUST(send_right(left_by_parent(), 1, own) == SEND_SUCCESS);
    const port_name_t victim = receive(own).right;
    ports::Caller& caller = tasks::seated()->caller;
    const ports::KernelObject object = ports::object_of_name(caller, victim);
    MUST((object.thread ? ports::begin_termination(caller, object.thread) : ports::begin_termination(caller, object.task)) ==
         KERN_SUCCESS);
    raise(SIGKILL);
}

void have_terminated_by_one_that_dies(port_name_t home, port_name_t victim) {
    const pid_t child = start(begin_to_terminate_and_die);
    MUST(send_right(receive(home).right, 1, victim) == SEND_SUCCESS);
    int status = 0;
    MUST(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

TEST(TerminationRace, WhatATerminatorThatDiesHasBegunIsFinishedForAThreadAndForATaskThatNeverCall) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t home = new_port();
        leave_for_children(home);
        Computing first, second;
        thread_t thread = THREAD_NULL, other = THREAD_NULL;
        task_t task = TASK_NULL;
        MUST(umach_thread_create(task_self(), UMACH_OS_THREAD, compute, &first, &thread) == KERN_SUCCESS);
        MUST(task_create(task_self(), FALSE, &task) == KERN_SUCCESS);
        MUST(umach_thread_create(task, UMACH_OS_THREAD, compute, &second, &other) == KERN_SUCCESS);
        ends_within_patience([&] { return first.runs.load() && second.runs.load(); });
        have_terminated_by_one_that_dies(home, thread);
        MUST(umach_thread_join(thread, 5'000) == KERN_SUCCESS);
        have_terminated_by_one_that_dies(home, task);
        MUST(umach_task_join(task, 5'000) == KERN_SUCCESS);
        MUST(umach_thread_join(other, 5'000) == KERN_SUCCESS);
        MUST(violations().empty());
        first.stop.store(true);
        second.stop.store(true);
    }));
}

// ---- joins ------------------------------------------------------------------------------------------------

void wait_for_ever(void*) {
    static_cast<void>(receive(new_port(), MSG_OPTION_NONE));
}

TEST(TerminationRace, AJoinIsNotEndedByWhatIsSentToTheKernelPort) {
    EXPECT_TRUE(runs_well([] {
        thread_t thread = THREAD_NULL;
        MUST(umach_thread_create(task_self(), UMACH_OS_THREAD, wait_for_ever, nullptr, &thread) == KERN_SUCCESS);
        std::atomic<bool> joined{false};
        std::thread joiner([&] {
            MUST(umach_thread_join(thread, UMACH_FOREVER) == KERN_SUCCESS);
            joined.store(true);
        });
        ends_within_patience([] { return waits(getpid(), ports::WaitKind::join); });
        const port_name_t backed = new_port();
        port_t before = PORT_NULL;
        static_cast<void>(port_set_backup(task_self(), backed, thread, &before));
        MUST(port_deallocate(task_self(), backed) == KERN_SUCCESS);
        MUST(task_set_special_port(task_self(), TASK_NOTIFY_PORT, thread) == KERN_SUCCESS);
        MUST(port_deallocate(task_self(), new_port()) == KERN_SUCCESS);
        MUST(!joined.load() && waits(getpid(), ports::WaitKind::join));
        MUST(thread_terminate(thread) == KERN_SUCCESS);
        joiner.join();
        MUST(violations().empty());
    }));
}

}  // namespace
}  // namespace umach::tests
