// SPDX-License-Identifier: BSL-1.0
// The stacks of fibers: cut from slabs (one mapping, many stacks), reused when they are free, each with a
// guard below its low end. A pool belongs to one OS thread.
#pragma once

#include "tasks/fiber/sanitizer.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace umach::tasks {

// What stands below a stack's low end, the best first.
enum class Guard : std::uint8_t {
    light,   // a page marked in the page table (MADV_GUARD_INSTALL, Linux 6.13): any number of them
    page,    // a page without access: each splits the mapping in two, and a process has some 65,000 mappings
    canary,  // a pattern, looked at whenever the fiber is switched away from: an overflow is seen late
};

const char* name(Guard guard) noexcept;

// Of one fiber: twice what the hungriest call of the C library that we know takes (printf of a long double,
// 27 KiB; of a double 4 KiB; a signal's frame 3 KiB; a throw 5 KiB). What is not touched costs addresses
// only: 100,000 stacks take 6.5 GiB of 128 TiB. The sanitizers' frames are larger.
inline constexpr std::size_t stack_bytes =
    (UMACH_ADDRESS_SANITIZER || UMACH_THREAD_SANITIZER ? std::size_t{256} : std::size_t{64}) << 10;

// How many guards of kind `page` a process makes before it goes on with canaries: half of its mappings, by
// Linux's default of vm.max_map_count.
inline constexpr std::size_t ordinary_guards = 16'000;

class Slab;

// Bytes [low, low + stack_bytes).
struct Stack {
    std::byte* low = nullptr;
    Slab* slab = nullptr;
    Guard guard = Guard::light;

    std::byte* top() const noexcept { return low + stack_bytes; }
};

// Ends the process with a message if the stack, on which the caller runs, has a canary and has overflowed.
void check_canary(const Stack& stack) noexcept;
inline void check(const Stack& stack) noexcept {
    if (stack.guard == Guard::canary) [[unlikely]]
        check_canary(stack);
}

class StackPool {
public:
    // `best`: the strongest guard that is tried; what the kernel has not gives way to the next kind.
    explicit StackPool(Guard best = Guard::light, std::size_t most_ordinary = ordinary_guards);
    // limits: every stack has been given back, or is not used any more.
    ~StackPool();
    StackPool(const StackPool&) = delete;
    StackPool& operator=(const StackPool&) = delete;

    // returns: a stack with its guard; nothing when the system has no memory for one
    std::optional<Stack> take();
    // Nobody runs on it any more. A few stay warm for the next; the others' memory goes back at once.
    void give(Stack stack) noexcept;

    // returns: the guard of the next stack that is taken anew
    Guard guard() const noexcept;

    // Leaves the slabs mapped when the pool is destroyed: somebody still runs on one.
    void abandon() noexcept { abandoned_ = true; }

    // Free stacks that keep their memory, for programs whose fibers come and go.
    static constexpr std::size_t warm_stacks = 32;

private:
    Slab* new_slab();
    void unmap(Slab* slab) noexcept;
    void enter_list(Slab* slab) noexcept;
    void leave_list(Slab* slab) noexcept;

    Guard best_;
    std::size_t most_ordinary_;
    std::vector<Stack> warm_;
    std::vector<std::unique_ptr<Slab>> slabs_;
    Slab* with_room_ = nullptr;  // the first of a list
    bool abandoned_ = false;
};

}  // namespace umach::tasks
