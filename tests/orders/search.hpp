// SPDX-License-Identifier: BSL-1.0
// Searches what a few threads of checked code can do: relacy runs them as fibers, in every order of their accesses or
// in many, and lets each load see what C++'s memory model lets it see. Known to be left out: a value older than the last
// but one, and a change or comparison that fails on an old value.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/orders/checked_atomic.hpp"

namespace umach::orders {

// What a check looks at, again and again. What stands in words when the search begins stands there at the beginning of
// each execution; no thread may change anything else that lasts.
struct Scene {
    std::vector<std::function<void()>> threads;
    std::function<void()> before{};   // an execution, seen by all threads
    std::function<bool()> after{};    // whether all is as it must be once they have ended
};

// An order of the kernel's that is made weaker: in a function, each access that has it.
struct Weakening {
    const char* function;
    std::memory_order right, wrong;
};

// preemptions: all executions with at most so many; -1: all; -2: as many as `executions` at random.
inline constexpr int all = -1, at_random = -2;
struct Bounds {
    int preemptions;
    std::uint64_t executions;   // at most
};

struct Found {
    std::string failure;        // of the first execution that failed; "": none did
    std::string history;        // what was accessed in it
    std::uint64_t executions = 0;
    std::uint64_t weakened = 0; // accesses
    bool exhausted = false;     // there are no others within the bounds
};
Found search(Scene& scene, Bounds bounds, const Weakening* weakening = nullptr);

// ---- for the threads of a scene

// That must hold.
void require(bool condition, const char* what);
// One of so many, each of which is tried.
unsigned choose(unsigned choices);
// Data that is not atomic: two threads that access it without order between them are a failure.
class Plain {
public:
    void write(int value);
    int read() const;

private:
    mutable History history_ = 0;
};
// This thread dies before one of its accesses; none of them takes place from there on. The number of the access may be
// larger than that of all: it lives. The operating system marks the life word.
void die_before(unsigned access, std::checked_atomic<std::uint32_t>& life);

}  // namespace umach::orders
