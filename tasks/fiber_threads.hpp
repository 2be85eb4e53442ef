// SPDX-License-Identifier: BSL-1.0
// Threads of control as fibers: what joins the kernel's waits to a scheduler of fibers. There is one for each OS thread
// that has made fibers, and the OS thread's own thread of control takes its turn among them.
//
// A fiber that waits makes way for its siblings. A ring from a sibling makes it ready at once; one from another carrier
// comes by the carrier's doorbell and is found by the word `rung_classes`. When all wait, the OS thread sleeps at its
// one doorbell.
#pragma once

#include "tasks/membership.hpp"

#include <functional>

namespace umach::tasks {

// Makes a fiber that runs a thread of control, on the calling OS thread; it begins when its turn comes.
// returns: false when there is no memory for it
bool start_fiber(Seat& own, ports::ThreadRef thread, std::function<void()> work);

// Terminates and unwinds all fibers of the OS thread, whose own seat this is. They wait for nothing any more while they
// are unwound, and calls that their destructors make fail.
void end_fibers(Seat& own);

// For the child of a fork: of all fibers only the calling one is there.
void forget_siblings(Seat& own);

// Throws FiberEnds in the calling fiber; at the 64th time, swallowed so often, the process ends with a message.
[[noreturn]] void unwind_fiber(Seat& fiber);

// Lets the others run; only the scheduler of the operating system is asked when there are none.
void yield_to_siblings(Seat* own);

// A fiber that the call just made has rung runs before the caller goes on.
void switch_to_rung(Seat& own);

// From now on the OS thread's fibers take turns by chance, by the same chance for the same seed; 0: in order again.
void seed_fibers(Seat& own, std::uint64_t seed);

// Switches from one fiber to another on this OS thread so far.
std::uint64_t switches_of_fibers(const Seat& own);

// Which guard a fiber made now would get, in words.
const char* guard_of_fibers(const Seat& own);

}  // namespace umach::tasks
