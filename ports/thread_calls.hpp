// SPDX-License-Identifier: BSL-1.0
// The calls on threads of control and on tasks as a whole, on records of any process of the host: what thread_suspend
// and its kin change (<mach/thread_interface.h> and <mach/task_interface.h> have the contracts). Whoever must be
// signalled, or waited for, is the business of the floor above.
#pragma once

#include "ports/caller.hpp"
#include "runtime/clock.hpp"

#include <mach/kern_return.h>
#include <mach/port.h>
#include <vector>

namespace umach::ports {

// Resolves a name in the caller's space to the thread whose kernel port it is.
// returns: a null reference when it is none
ThreadRef thread_of_name(Caller& caller, port_name_t name);

// The names of the calling thread's kernel port and reply port, and of the host's port, in its task's space.
// returns: PORT_NULL when a table is full
port_name_t thread_self_name(Caller& caller);
port_name_t reply_name(Caller& caller);
port_name_t host_name(Caller& caller);

// Send rights for the caller.
kern_return_t thread_port(Caller& caller, ThreadRef thread, port_name_t* name);
kern_return_t task_port(Caller& caller, TaskRef task, port_name_t* name);
kern_return_t threads(Caller& caller, TaskRef task, std::vector<port_name_t>* names);
std::vector<ThreadRef> threads_of(Caller& caller, TaskRef task);

// which: a number of ports::ThreadSpecial
kern_return_t get_thread_special(Caller& caller, ThreadRef thread, std::uint32_t which, port_name_t* port);
kern_return_t set_thread_special(Caller& caller, ThreadRef thread, std::uint32_t which, port_name_t port);

// Counts suspensions. The calls of a thread that is suspended end, but do not return until it is resumed.
// returns: resume: KERN_FAILURE when it is not suspended
kern_return_t suspend(Caller& caller, ThreadRef thread);
kern_return_t resume(Caller& caller, ThreadRef thread);
kern_return_t suspend(Caller& caller, TaskRef task);
kern_return_t resume(Caller& caller, TaskRef task);
bool is_suspended(Kernel& k, ThreadRef thread);
// A thread that stands still, or will at the end of its call, says so (ThreadRecord::stopped) and then looks whether it
// is suspended; who resumes or terminates it looks, once that is committed, at what it has said. So at least one of them
// sees the other. The first is for the thread's own signal handler: its promise stands while it is suspended.
void promise_to_stand(Kernel& k, ThreadRef self);
// returns: whether the thread stands still and has to be woken
bool take_back_promise(Kernel& k, ThreadRef thread);
// Waits until the calling thread is not suspended any more, or was terminated.
// returns: false when it may not wait, because it is being unwound
bool wait_until_resumed(Caller& caller);

// Ends the thread's wait, if it waits, as an interruption would.
kern_return_t abort(Caller& caller, ThreadRef thread);

// Notes that a thread, or every thread of a task, is to end at its next trap, and ends their waits.
kern_return_t begin_termination(Caller& caller, ThreadRef thread);
kern_return_t begin_termination(Caller& caller, TaskRef task);

// One token a thread: park() waits until there is one and takes it.
// returns: KERN_SUCCESS, KERN_FAILURE when the deadline has passed, KERN_ABORTED
kern_return_t park_self(Caller& caller, runtime::Deadline deadline);
kern_return_t unpark(Caller& caller, ThreadRef thread);

// Waits for the death of what a name of the caller's, a thread's or task's kernel port, stands for.
// returns: KERN_SUCCESS, also when it is dead already; KERN_FAILURE when the deadline has passed, KERN_ABORTED;
// KERN_INVALID_ARGUMENT for another name, and for the caller's own thread or task
kern_return_t join(Caller& caller, port_name_t name, runtime::Deadline deadline);

}  // namespace umach::ports
