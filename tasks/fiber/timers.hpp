// SPDX-License-Identifier: BSL-1.0
// The deadlines of parked fibers: a heap, the earliest on top; of equal ones the first that was added.
#pragma once

#include "tasks/fiber/fiber.hpp"

#include "runtime/clock.hpp"

#include <cstdint>
#include <vector>

namespace umach::tasks {

class Timers {
public:
    // limits: the fiber has no deadline yet; room was reserved
    void add(Fiber& fiber, runtime::Instant at) noexcept;
    // Takes the fiber's deadline away, if it has one.
    void remove(Fiber& fiber) noexcept;
    runtime::Deadline earliest() const noexcept;
    // returns: a fiber whose deadline has passed, removed; nullptr when there is none
    Fiber* pop(runtime::Instant now) noexcept;
    void clear() noexcept { heap_.clear(); }

    // Room for so many, so that `add` never allocates.
    void reserve(std::size_t fibers);

private:
    struct Entry {
        runtime::Instant at;
        std::uint64_t sequence;
        Fiber* fiber;
    };
    static bool before(const Entry& a, const Entry& b) noexcept;
    void put(std::size_t place, const Entry& entry) noexcept;
    void sift_up(std::size_t place, const Entry& entry) noexcept;
    void sift_down(std::size_t place, const Entry& entry) noexcept;

    std::vector<Entry> heap_;
    std::uint64_t added_ = 0;
};

}  // namespace umach::tasks
