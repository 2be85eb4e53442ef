// SPDX-License-Identifier: BSL-1.0
// Threads that count as long as they run, in memory that forked processes share, and what the kernel says of them.
#pragma once

#include "processes.hpp"

#include "ports/thread_calls.hpp"

#include <mach/thread_interface.h>
#include <umach_threads.h>

#include <sys/mman.h>
#include <atomic>

namespace umach::tests {

// Made before the processes that share it are forked; lives as long as the scenario.
template <class T>
T& shared() {
    void* page = mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    MUST(page != MAP_FAILED);
    return *new (page) T;
}

struct Counting {
    std::atomic<std::uint64_t> count{0};
    std::atomic<bool> over{false};
    std::atomic<bool> ended{false};

    void run() {
        while (!over.load(std::memory_order_relaxed)) count.fetch_add(1, std::memory_order_relaxed);
        ended.store(true);
    }
    bool goes_on() {
        const std::uint64_t now = count.load();
        return becomes_true([&] { return count.load() > now; });
    }
};

inline void count_on(void* counting) {
    static_cast<Counting*>(counting)->run();
}

inline thread_t start_thread(void (*function)(void*), void* argument, umach_carrier_t carrier = UMACH_OS_THREAD) {
    thread_t thread = THREAD_NULL;
    MUST(umach_thread_create(task_self(), carrier, function, argument, &thread) == KERN_SUCCESS);
    return thread;
}

// A thread that counts, and has begun to.
inline thread_t start_counting(Counting& counting) {
    const thread_t thread = start_thread(count_on, &counting);
    MUST(counting.goes_on());
    return thread;
}

inline bool ends(Counting& counting) {
    counting.over.store(true);
    return becomes_true([&] { return counting.ended.load(); });
}

// While the calling thread itself counts to a million.
inline bool stands_still(const Counting& counting) {
    const std::uint64_t before = counting.count.load();
    Counting measure;
    while (measure.count.fetch_add(1) < 1'000'000) {
    }
    return counting.count.load() == before;
}

inline ports::ThreadRef ref_of(thread_t thread) {
    const tasks::Trap trap;
    return ports::thread_of_name(trap.caller(), thread);
}

inline ports::ThreadRecord& record_of(thread_t thread) {
    return kernel().thread(ref_of(thread).index);
}

inline bool is_stopped(thread_t thread) {
    return record_of(thread).stopped.load() == ports::stands_still;
}

inline bool waits_in(thread_t thread, ports::WaitKind kind) {
    const ports::Wait wait = record_of(thread).wait;
    return wait.kind == kind && wait.state == ports::WaitState::waiting;
}

}  // namespace umach::tests
