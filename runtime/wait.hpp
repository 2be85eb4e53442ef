// SPDX-License-Identifier: BSL-1.0
// Waiting on a word of shared memory: the only place with the futex call. All of it is for words that several
// processes map (never FUTEX_PRIVATE).
#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/clock.hpp"

namespace umach::runtime {

enum class WaitEnd {
    rung,         // woken, or there was nothing to wait for: look again
    deadline,     // the deadline passed
    interrupted,  // a signal arrived (its handler has run)
};

// How many of the calling thread's signals were the library's own: whoever waits for the program's takes no notice of
// an interruption in which this has grown. Their handler counts them.
extern constinit thread_local std::atomic<std::uint32_t> quiet_interruptions [[gnu::tls_model("initial-exec")]];

// Sleeps while `word` is `expected`.
// waits: until woken, until `deadline`, or until a signal; also with `never()` a signal ends it, whatever
// SA_RESTART says (the kernel restarts only a futex wait that has no time-out, so it is always given one).
// returns: `rung` also when the word had another value, and at times for no reason: look again.
WaitEnd futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                   Deadline deadline) noexcept;

// Wakes at most `count` sleepers of `word`.
// returns: how many were woken.
int futex_wake(const std::atomic<std::uint32_t>& word, int count) noexcept;

// How often a thread that waits looks whether it was woken before it sleeps, at most.
// returns: UMACH_SPIN, as it was when the library was loaded; without it 4800, about as long as a sleep and a wake take
// where a core must be woken. 0: it sleeps at once.
unsigned longest_spin() noexcept;

}  // namespace umach::runtime
