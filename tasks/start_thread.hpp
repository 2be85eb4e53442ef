// SPDX-License-Identifier: BSL-1.0
// How a thread of control gets a carrier in this process, or a process of its own.
#pragma once

#include "tasks/membership.hpp"

#include <mach/kern_return.h>

#include <functional>

namespace umach::tasks {

using Work = std::function<void()>;

// Makes a thread of a task of this process, starts it as a fiber of the calling OS thread or as an OS thread, and
// names it to the caller.
// returns: KERN_INVALID_ARGUMENT the task is another process's; KERN_RESOURCE_SHORTAGE with runtime::detail()
kern_return_t start_thread(const Trap& trap, ports::TaskRef task, ports::CarrierKind kind, Work work,
                           port_name_t* name);

// Starts a thread that was made without a carrier, once its state says what it is to run and nothing holds it back; in
// another process, by its service thread.
// waits: until it has begun
// returns: KERN_SUCCESS also when there is nothing to start; KERN_FAILURE it has no state, or as order() (service.hpp)
kern_return_t start_if_resumed(Host& host, ports::ThreadRef thread);

// Takes a name back that was given for what cannot be started after all.
void take_back(ports::Caller& caller, port_name_t name);

// Whether the task lives in this process.
bool is_of_this_process(Host& host, ports::TaskRef task);

}  // namespace umach::tasks
