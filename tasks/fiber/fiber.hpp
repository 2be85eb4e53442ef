// SPDX-License-Identifier: BSL-1.0
// A fiber, as its scheduler sees it.
//
//   fresh --first turn--> running <--> ready, parked ...  --> over
//
// `ending` may be set in any of them; a fresh fiber is dropped instead.
#pragma once

#include "tasks/fiber/context.hpp"

#include <cstdint>
#include <functional>
#include <new>

namespace umach::tasks {

struct Link {
    Link* previous = nullptr;
    Link* next = nullptr;
};

enum class FiberState : std::uint8_t { ready, running, parked };

class Scheduler;

class Fiber : public Link {
public:
    // Of the OS thread that calls.
    Fiber() = default;
    // Stands itself at the top of its stack: what has no stack any more leaves nothing behind.
    static Fiber* make(Stack stack, void (*entry)(void*) noexcept, Scheduler* scheduler) noexcept;

    // What a switch touches stands first.
    Context context;
    FiberState state = FiberState::ready;
    bool begun = false;      // has run, or is an OS thread's own
    bool ending = false;     // is to be unwound
    bool over = false;       // its function has returned or been unwound
    bool timed_out = false;  // the end of its last park
    std::uint32_t swallowed = 0;
    std::uint64_t serial = 0;
    void* owned = nullptr;
    std::size_t number = 0;  // among the scheduler's
    std::size_t place = 0;   // in a seeded queue
    std::size_t timer = 0;   // its place in the heap of deadlines, from 1; 0: none
    Stack stack;
    std::function<void()> run;

private:
    Fiber(Stack on, void (*entry)(void*) noexcept, Scheduler* scheduler) noexcept
        : context(on, reinterpret_cast<std::byte*>(this), entry, scheduler), stack(on) {}
};

inline Fiber* Fiber::make(Stack stack, void (*entry)(void*) noexcept, Scheduler* scheduler) noexcept {
    constexpr std::size_t line = 64, room = (sizeof(Fiber) + line - 1) / line * line;
    return new (stack.top() - room) Fiber(stack, entry, scheduler);
}

}  // namespace umach::tasks
