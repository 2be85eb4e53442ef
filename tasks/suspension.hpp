// SPDX-License-Identifier: BSL-1.0
// How a thread of control is made to stand still, and goes on.
//
// One that computes on an OS thread is sent a signal, whose handler stands still with it: its registers are then in its
// record. One that is in a call stands still at the call's end. Of several on one OS thread nobody is sent anything:
// they stop at the end of their next call.
#pragma once

#include "tasks/membership.hpp"

#include <csignal>

namespace umach::tasks {

// A signal that harms nobody: a program without a handler for it does not notice it, so it may even come too late, when
// the process has exec'd. It says nothing by itself: whoever gets it looks at the records.
inline constexpr int suspension_signal = SIGURG;

// To be called once in a process, before any of its threads can be suspended. Signals that are not ours go to the
// handler that was there.
void prepare_suspension();

// Between a trap and the program: the calling thread is suspended and waits to be resumed.
void stand_still(Seat& seat);

// Sees to it that a thread which was just suspended stops, and one which was resumed or terminated goes on.
// waits: until the suspended thread stands still, or is in a call, from which it will not return; at most 100 ms, for
// one that blocks the signal or is one of several on its OS thread
void carry_out(ports::Caller& caller, ports::ThreadRef thread);

// The same in the handler of a fault, whose context the thread will go on with.
// takes: nothing when the thread is not suspended
void stand_still_in(Seat& seat, void* context);

// The calling thread works for the kernel outside a trap: it does not stop before this is over.
class Unstoppable {
public:
    Unstoppable() { begin(); }
    ~Unstoppable() { end(); }
    Unstoppable(const Unstoppable&) = delete;
    Unstoppable& operator=(const Unstoppable&) = delete;

    static void begin();
    static void end();
};

// Whether the calling thread is in a trap, or unstoppable: it may hold locks.
bool is_at_work();

}  // namespace umach::tasks
