// SPDX-License-Identifier: BSL-1.0
// How a thread or a task is ended by a call: its records go as if it had died.
#pragma once

#include "ports/caller.hpp"

#include <mach/kern_return.h>

namespace umach::tasks {

// Ends a thread. What still runs of it is unwound at its next trap.
// waits: while it is running in the kernel
// returns: also for the caller's own, which after_trap() then unwinds
kern_return_t terminate(ports::Caller& caller, ports::ThreadRef thread);

// Ends a task: with its process, if the program has no other task there; else its records only, and its threads unwind.
// waits: as above; for another process until its records are gone, at most five seconds
kern_return_t terminate(ports::Caller& caller, ports::TaskRef task);

}  // namespace umach::tasks
