// SPDX-License-Identifier: BSL-1.0
// The owner of a scheduler whose fibers wait for nothing but each other and the time, which jumps on when all
// wait.
#pragma once

#include "tasks/fiber/scheduler.hpp"

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace umach::tests {

class TestOwner : public tasks::FiberOwner {
public:
    tasks::Scheduler* scheduler = nullptr;
    runtime::Instant now{};
    int idled = 0;
    int looked = 0;
    std::function<void()> when_idle;  // before the time jumps

    void idle() noexcept override {
        ++idled;
        if (when_idle) return when_idle();
        const auto next = scheduler->earliest_deadline();
        if (next.is_never()) {
            std::fputs("all fibers wait, and nobody will wake them\n", stderr);
            std::abort();
        }
        now = next.instant();
        scheduler->expire(now);
    }
    void look() noexcept override { ++looked; }
};

// Fibers and the owner that they need, which is there first.
class TestScheduler final : private TestOwner, public tasks::Scheduler {
public:
    explicit TestScheduler(tasks::Guard best = tasks::Guard::light) : Scheduler(*this, best) {
        scheduler = this;
    }
    TestOwner& owner() { return *this; }
    // `main` lets all others run until they are gone.
    void run_all() {
        while (fibers() != 0) yield();
    }
};

constexpr bool is_sanitized = UMACH_ADDRESS_SANITIZER || UMACH_THREAD_SANITIZER;

// Ended as a process does that touches what it may not.
inline bool of_a_fault(int status) {
    if (is_sanitized && WIFEXITED(status)) return WEXITSTATUS(status) != 0;
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

inline long resident_bytes() {
    long all = 0, resident = 0;
    std::ifstream("/proc/self/statm") >> all >> resident;
    return resident * 4096;
}

}  // namespace umach::tests
