// SPDX-License-Identifier: BSL-1.0
// Threads of control and the carriers that run them: how they come and how they end. A thread may be made before it has
// a carrier; then it starts when a carrier takes it up.
#pragma once

#include "ports/caller.hpp"

namespace umach::ports {

// Makes a thread of the task that has no carrier yet, with a kernel port.
// suspended: its suspend count begins at 1
// returns: a null reference when the table, or the task's quota, is full; runtime::detail() says which
ThreadRef make_thread(Kernel& k, runtime::Carrier& by, TaskRef task, CarrierKind kind, bool suspended);

// Lets the calling carrier run a thread that has none.
// returns: false when the thread has ended, or has a carrier
bool take_up(Kernel& k, runtime::Carrier& carrier, ThreadRef thread);

// Makes a thread of the task on the calling carrier; its kernel port is made when it is first asked for.
// returns: as make_thread
ThreadRef begin_thread(Kernel& k, runtime::Carrier& carrier, TaskRef task);

// The kernel port of a thread, made now if it has none, as part of a step that holds its task's lock.
// returns: null when the host has no port left
PortRef kernel_port_of(KernelStep& s, std::uint32_t thread);

// Ends a thread: its wait is over, its waiting send is withdrawn, its kept message becomes an orphan, its call is ended,
// its reply port and its kernel port die.
// may_stay: if a living carrier runs it its record stays, dying, until it is ended again without this: a thread that others
// end may still look at it; if it waits it is rung
void end_thread(Kernel& k, runtime::Carrier& carrier, ThreadRef thread, bool may_stay = false);

// A thread says that it is inside and then looks whether it was terminated; who terminates it looks, once that is
// committed, whether it may be inside. So at least one of them sees the other.
inline void come_inside(ThreadRecord& self) { self.inside.store(1); }
inline void go_outside(ThreadRecord& self) { self.inside.store(0, std::memory_order_release); }
inline bool may_be_inside(const ThreadRecord& thread) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return thread.inside.load() != 0;
}

// Whether the thread was terminated, so that its own carrier must not go on for it in the kernel.
inline bool is_terminated(Kernel& k, ThreadRef thread) {
    const Identity now = k.thread(thread.index).identity.look();
    return now.generation != thread.generation || now.life != Life::live || now.detail == thread_ends;
}

// The thread's wait is over without anybody's help, as part of a step; if it was told of news the next one is.
void withdraw_wait(KernelStep& s, std::uint32_t thread);

// Ends what is left of an earlier call of the caller's thread, which was held up (runtime::HeldUp): its wait, the msg_rpc,
// the answer; an unsent message the step puts aside for discard_put_aside() after it.
void end_earlier(KernelStep& s, Caller& caller);
void discard_put_aside(Caller& caller);
// Both, at the beginning of the thread's next call, if there is anything left.
void end_earlier_call(Caller& caller, runtime::Deadline until);

// Whether a living carrier runs the thread.
bool is_carried(Kernel& k, std::uint32_t thread);

// Takes the thread out of whatever it waits in, as part of a step that holds its task's lock; its wait ends with the
// code for an interruption, and it is rung. Nothing if it does not wait.
void abort_wait(KernelStep& s, std::uint32_t thread);

// Ends what is left of a dead or leaving carrier: mends it, takes its name out of every lock, pays what it owes, gives
// back or releases the message in its hand, ends its threads, returns its stocks, and gives the slot back.
// dead: the slot; its life word says that it is dead, or it is the caller's own that leaves
void end_carrier(Kernel& k, runtime::Carrier& keeper, std::uint32_t dead);

}  // namespace umach::ports
