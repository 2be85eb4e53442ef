// SPDX-License-Identifier: BSL-1.0
// Tasks and the processes that they live in: how they come and how they end. A task ends in steps that anybody can go
// on with: its record says how far its end has come.
#pragma once

#include "ports/caller.hpp"

namespace umach::ports {

// Makes a task of a process, with a kernel port, a notify port, and what it inherits of the parent's special ports
// (bootstrap, exception) and registered ports.
// takes: nothing
// parent: may be null or have ended; then the new task has the host's bootstrap port, if there is one
// returns: a null reference when a table is full, or the process has ended; runtime::detail() says which
TaskRef create_task(Kernel& k, runtime::Carrier& carrier, ProcessRef process, TaskRef parent, const char* program);
// The same for a process that is sure to be there, above all the caller's own; 0: of none.
TaskRef create_task(Kernel& k, runtime::Carrier& carrier, std::uint32_t process, TaskRef parent, const char* program);

// Ends a task: its waits leave all lines, its ports die, its rights are released, its names go, its record is free.
// None of its threads may be running in the kernel, except the caller; those whose carriers live are told at their next
// trap.
// waits: never on the task itself
void end_task(Kernel& k, runtime::Carrier& keeper, TaskRef task);

// The host's own kernel port, which dies with the host; it is received by a task of no process that is made for it when
// the port is first asked for.
// returns: null when a table is full; runtime::detail() says which
PortRef host_port(Kernel& k, runtime::Carrier& carrier);

// Goes on with terminations whose callers died in the middle, as somebody who ended may have done.
// returns: false when one is left for the next time: its thread is running in the kernel
bool finish_terminations(Kernel& k, runtime::Carrier& keeper);

// Processes: a slot each, with tasks hanging on it.
// sponsored: a member made it; until it calls in itself, see call_in()
// returns: 0 when the table is full
std::uint32_t add_process(Kernel& k, runtime::Carrier& carrier, std::uint64_t pid, std::uint64_t start_time,
                          std::uint64_t pidfd_inode, bool sponsored = false);
void call_in(Kernel& k, runtime::Carrier& carrier, std::uint32_t process);
void remove_process(Kernel& k, runtime::Carrier& carrier, std::uint32_t process);

inline ProcessRef ref_of_process(Kernel& k, std::uint64_t index) {
    const auto slot = static_cast<std::uint32_t>(index);
    return {slot, k.process(slot).identity.get().generation};
}

// Ends everything of a process that is gone: carriers, tasks, slot. From its beginning on the process gets no task.
void end_process(Kernel& k, runtime::Carrier& keeper, std::uint32_t process);

}  // namespace umach::ports
