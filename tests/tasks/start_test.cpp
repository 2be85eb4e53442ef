// SPDX-License-Identifier: BSL-1.0
// Threads and processes that are started while others suspend, resume, fork, reap, read or run out of memory.
#include "counting.hpp"

#include "ports/calls.hpp"
#include "tasks/start_thread.hpp"

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <barrier>
#include <cstring>
#include <thread>
#include <vector>

namespace umach::tests {
namespace {

// Where a thread that takes its seat is stopped, with the lock of its process held.
struct Place {
    enum class State { open, closed, reached };
    std::atomic<State> state{State::open};

    void pass() {
        State closed = State::closed;
        if (!state.compare_exchange_strong(closed, State::reached)) return;
        while (state.load() == State::reached) sched_yield();
    }
};
constinit Place takes_seat;

}  // namespace
}  // namespace umach::tests

// A thread notes in this way, last of all, that it has a seat.
extern "C" int pthread_setspecific(pthread_key_t key, const void* value) noexcept {
    using Function = int (*)(pthread_key_t, const void*);
    static const auto system_one = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "pthread_setspecific"));
    if (value != nullptr) umach::tests::takes_seat.pass();
    return system_one(key, value);
}

namespace umach::tests {
namespace {

void nothing(void*) {}

[[noreturn]] void pause_for_ever(void*) {
    for (;;) pause();
}

unsigned names() {
    port_name_array_t found = nullptr;
    port_type_array_t types = nullptr;
    unsigned count = 0, count_of_types = 0;
    MUST(port_names(task_self(), &found, &count, &types, &count_of_types) == KERN_SUCCESS);
    return count;
}

TEST(Start, AThreadThatTheSystemDoesNotGiveLeavesItsMakerNoName) {
    EXPECT_TRUE(runs_well([] {
        static_cast<void>(task_self());
        static_cast<void>(mach_error_detail());
        const unsigned before = names();
        rlimit memory{};
        MUST(getrlimit(RLIMIT_AS, &memory) == 0);
        const rlimit none{1, memory.rlim_max};
        for (int i = 0; i < 10; ++i) {
            MUST(setrlimit(RLIMIT_AS, &none) == 0);
            thread_t thread = THREAD_NULL;
            const kern_return_t code =
                umach_thread_create(task_self(), UMACH_OS_THREAD, nothing, nullptr, &thread);
            MUST(setrlimit(RLIMIT_AS, &memory) == 0);
            MUST(code == KERN_RESOURCE_SHORTAGE);
        }
        MUST(names() == before);
        MUST(violations().empty());
    }));
}

// One that stood still with the process's lock would keep every other thread from its first call.
TEST(Start, AThreadThatIsSuspendedWhileItTakesItsSeatHoldsNobodyUp) {
    EXPECT_TRUE(runs_well([] {
        task_t beside = TASK_NULL;
        MUST(task_create(task_self(), FALSE, &beside) == KERN_SUCCESS);
        std::thread maker([&] {
            static_cast<void>(thread_self());
            takes_seat.state.store(Place::State::closed);
            thread_t thread = THREAD_NULL;
            MUST(umach_thread_create(beside, UMACH_OS_THREAD, nothing, nullptr, &thread) == KERN_SUCCESS);
            MUST(umach_thread_join(thread, 5'000) == KERN_SUCCESS);
        });
        MUST(becomes_true([] { return takes_seat.state.load() == Place::State::reached; }));
        MUST(task_suspend(beside) == KERN_SUCCESS);
        takes_seat.state.store(Place::State::open);
        std::thread([] { MUST(thread_self() != THREAD_NULL); }).join();
        MUST(task_resume(beside) == KERN_SUCCESS);
        maker.join();
    }));
}

std::atomic<int> begun{0};
void begin(std::uintptr_t) {
    begun.fetch_add(1);
}

thread_t ready_to_begin() {
    thread_t thread = THREAD_NULL;
    MUST(thread_create(task_self(), &thread) == KERN_SUCCESS);
    x86_thread_state64_t state;
    std::memset(&state, 0, sizeof state);
    state.rip = reinterpret_cast<std::uintptr_t>(&begin);
    MUST(thread_set_state(thread, x86_THREAD_STATE64, reinterpret_cast<thread_state_t>(&state),
                          x86_THREAD_STATE64_COUNT) == KERN_SUCCESS);
    return thread;
}

// Takes the suspension away without starting the thread: the two that resumed it are to do so at once.
ports::ThreadRef resumed(thread_t thread) {
    const tasks::Trap trap;
    const ports::ThreadRef which = ports::thread_of_name(trap.caller(), thread);
    MUST(ports::resume(trap.caller(), which) == KERN_SUCCESS);
    return which;
}

TEST(Start, TwoThatResumeAThreadAtOnceStartItOnceAndBothSucceed) {
    EXPECT_TRUE(runs_well([] {
        constexpr int rounds = 200;
        std::barrier together(2);
        for (int round = 1; round <= rounds; ++round) {
            const thread_t name = ready_to_begin();
            const ports::ThreadRef thread = resumed(name);
            const auto start_it = [&] {
                const tasks::Trap trap;
                together.arrive_and_wait();
                MUST(tasks::start_if_resumed(trap.host(), thread) == KERN_SUCCESS);
            };
            std::thread first(start_it), second(start_it);
            first.join();
            second.join();
            MUST(becomes_true([&] { return begun.load() == round; }));
            MUST(port_deallocate(task_self(), name) == KERN_SUCCESS);
        }
        MUST(begun.load() == rounds);
    }));
}

TEST(Start, AThreadThatWaitsForInputDoesNotHoldUpTheStartOfAProcess) {
    EXPECT_TRUE(runs_well([] {
        static_cast<void>(task_self());
        int input[2];
        MUST(pipe(input) == 0 && dup2(input[0], STDIN_FILENO) == STDIN_FILENO);
        std::thread([] { static_cast<void>(std::getchar()); }).detach();
        MUST(becomes_true([] {
            const bool reads = ftrylockfile(stdin) != 0;
            if (!reads) funlockfile(stdin);
            return reads;
        }));
        const thread_t thread = start_thread(nothing, nullptr, UMACH_PROCESS);
        MUST(umach_thread_join(thread, 5'000) == KERN_SUCCESS);
    }));
}

TEST(Start, WhatIsInTheStandardOutputsBufferIsWrittenOnce) {
    EXPECT_TRUE(runs_well([] {
        static_cast<void>(task_self());
        int output[2];
        std::fflush(stdout);
        MUST(pipe(output) == 0 && dup2(output[1], STDOUT_FILENO) == STDOUT_FILENO);
        std::fputs("once", stdout);
        const thread_t thread = start_thread(nothing, nullptr, UMACH_PROCESS);
        MUST(umach_thread_join(thread, 5'000) == KERN_SUCCESS);
        std::fputs(".", stdout);
        MUST(std::fflush(stdout) == 0);
        char text[16] = {};
        MUST(read(output[0], text, sizeof text) == 5 && std::string(text) == "once.");
    }));
}

// The child of a fork would wait for ever for a lock that one of its parent's threads held.
TEST(Start, AChildForkedWhileItsParentReapsProcessesCanJoin) {
    EXPECT_TRUE(runs_well([] {
        const thread_t ended = start_thread(nothing, nullptr);
        MUST(umach_thread_join(ended, 5'000) == KERN_SUCCESS);
        std::vector<thread_t> processes;
        for (int i = 0; i < 40; ++i)
            processes.push_back(start_thread(pause_for_ever, nullptr, UMACH_PROCESS));
        std::atomic<bool> stop{false};
        const auto reap = [&] {
            while (!stop.load()) MUST(umach_thread_join(ended, 0) == KERN_SUCCESS);
        };
        std::thread first(reap), second(reap);
        for (int i = 0; i < 40; ++i)
            MUST(runs_well([] {
                const thread_t thread = start_thread(nothing, nullptr);
                MUST(umach_thread_join(thread, 5'000) == KERN_SUCCESS);
            }));
        stop.store(true);
        first.join();
        second.join();
        for (const thread_t process : processes) MUST(thread_terminate(process) == KERN_SUCCESS);
    }));
}

}  // namespace
}  // namespace umach::tests
