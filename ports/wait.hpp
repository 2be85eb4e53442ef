// SPDX-License-Identifier: BSL-1.0
// How a thread of control waits. A step begins the wait (under the lock of what it waits at); then, with no lock held,
// the thread parks. Whoever ends the wait writes its result in a step and owes a ring, which names the epoch of the
// wait: a late ring for an earlier wait is harmless, and a thread that has been rung knows that the step committed.
#pragma once

#include "ports/caller.hpp"
#include "runtime/clock.hpp"

namespace umach::ports {

enum class Parked { rung, timed_out, interrupted };

// A wait is cut into slices of at most this length; without a deadline, a handler with SA_RESTART would hide signals.
inline constexpr std::chrono::milliseconds slice{100};

// Called at the end of every slice by the thread that waits, with no lock held; nullptr: nothing. May end a slice only.
extern void (*slice_hook)(Kernel& kernel);

// Begins a wait of the caller's thread, as part of a step.
// returns: its epoch
std::uint32_t begin_wait(KernelStep& s, std::uint32_t thread, WaitKind kind, PortRef at);

// Ends a wait of another thread, as part of a step that may still owe a ring. The thread is in no list any more.
void end_wait(KernelStep& s, std::uint32_t thread, int result);

// The calling thread's own wait is over without anybody's help.
void cancel_wait(KernelStep& s, std::uint32_t thread);

// Waits until the wait of this epoch is ended, the deadline has passed or (if asked for) a signal has arrived. The
// latter two do not end the wait: the caller takes the lock, and finds the wait ended after all, or cancels it. What
// nobody rang for is found at the end of the second slice, done by this thread, and counted.
Parked park(Caller& caller, std::uint32_t epoch, runtime::Deadline deadline, bool interruptible);

}  // namespace umach::ports
