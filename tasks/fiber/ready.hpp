// SPDX-License-Identifier: BSL-1.0
// The fibers that are ready to run, and which is next: in their order, or at random but reproducibly.
#pragma once

#include "tasks/fiber/fiber.hpp"

#include <cstdint>
#include <vector>

namespace umach::tasks {

class ReadyQueue {
public:
    void push_last(Fiber& fiber) noexcept { insert(last_, fiber); }
    // Before all others, those pushed first earlier included.
    void push_first(Fiber& fiber) noexcept { insert(first_, fiber); }
    // limits: the fiber is in the queue
    void remove(Fiber& fiber) noexcept;
    // returns: the fiber whose turn it is, removed; nullptr when there is none
    Fiber* pick() noexcept;

    // Counts one fiber that runs before its turn.
    // returns: false when as many have done so as may, and somebody waits who came by push_last
    bool may_jump() noexcept;

    void clear() noexcept;

    // 0: in order; else at random, with room for so many fibers.
    void seed(std::uint64_t seed, std::size_t fibers);
    // Room for so many, so that a push never allocates.
    void reserve(std::size_t fibers);

    static constexpr unsigned most_jumps = 64;

private:
    // Both ends of a ring.
    struct Ring : Link {
        Ring() noexcept { clear(); }
        Ring(const Ring&) = delete;
        Ring& operator=(const Ring&) = delete;
        void clear() noexcept { previous = next = this; }
        bool is_empty() const noexcept { return next == this; }
    };

    void insert(Ring& ring, Fiber& fiber) noexcept;
    Fiber* pick_at_random() noexcept;

    Ring first_;                 // the last pushed runs first
    Ring last_;                  // the first pushed runs first
    std::vector<Fiber*> mixed_;  // all, in a seeded queue
    std::uint64_t random_ = 0;
    bool seeded_ = false;
    unsigned jumps_ = 0;
};

}  // namespace umach::tasks
