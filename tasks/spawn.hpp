// SPDX-License-Identifier: BSL-1.0
// Processes made as tasks of the host: the task is there before the process begins. The child of a fork is held back
// until the keeper knows it; so whatever ends it, at whatever instant, the keeper cleans up after it.
#pragma once

#include "tasks/start_thread.hpp"

#include <mutex>

namespace umach::tasks {

// Writes what stands in the buffers of the standard output and error, so that a process that is forked next does not.
// No other stream: one that a thread waits for input at would not be let go.
// waits: for who is writing there; so not in a trap
void flush_output();

// Forks a process whose first thread of control runs `work`, and names that thread to the caller. The process ends when
// `work` returns, or its last thread ends.
// returns: KERN_RESOURCE_SHORTAGE with runtime::detail(); KERN_FAILURE the host has no keeper that answers
kern_return_t start_process(const Trap& trap, ports::TaskRef parent, Work work, port_name_t* thread);

// Forks a process that becomes a program, and names its task to the caller.
// returns: as above; KERN_INVALID_ARGUMENT when the program cannot be run
kern_return_t start_program(const Trap& trap, const char* path, char* const argv[], char* const env[],
                            port_name_t* task);

// Lets the operating system forget those processes made by start_process() that have ended.
void reap_processes();

// For the handlers of fork: held while it goes on, since one may come at any time; a child has none of its parent's.
std::mutex& children_lock();
void forget_children();

}  // namespace umach::tasks
