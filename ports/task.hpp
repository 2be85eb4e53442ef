// SPDX-License-Identifier: BSL-1.0
// Tasks and their threads of control: how they come and how they end. A task ends in steps that anybody can go on
// with: its record says how far its end has come.
#pragma once

#include "ports/caller.hpp"

namespace umach::ports {

// Makes a task of a process, with a kernel port, a notify port, and what it inherits of the parent's special ports
// (bootstrap, exception) and registered ports.
// takes: nothing
// parent: may be null or have ended; then the new task has the host's bootstrap port, if there is one
// returns: a null reference when a table is full; runtime::detail() says which
TaskRef create_task(Kernel& k, runtime::Carrier& carrier, std::uint32_t process, TaskRef parent, const char* program);

// Makes a thread of control of the task on the calling carrier.
// returns: a null reference when the table, or the task's quota, is full
ThreadRef begin_thread(Kernel& k, runtime::Carrier& carrier, TaskRef task);

// Ends a thread: its waiting send is withdrawn, its kept message becomes an orphan, its call is ended.
void end_thread(Kernel& k, runtime::Carrier& carrier, ThreadRef thread);

// Ends what is left of a dead or leaving carrier: mends it, pays what it owes, gives back or releases the message in
// its hand, returns its stocks, ends its thread, takes its name out of every lock, and gives the slot back.
// dead: the slot; its life word says that it is dead, or it is the caller's own that leaves
void end_carrier(Kernel& k, runtime::Carrier& keeper, std::uint32_t dead);

// Ends a task: its waits leave all lines, its ports die, its rights are released, its names go, its record is free.
// Every thread of its process must have ended, or be forbidden to call in.
// waits: never on the task itself
void end_task(Kernel& k, runtime::Carrier& keeper, TaskRef task);

// Processes: a slot each, with tasks hanging on it.
// returns: 0 when the table is full
std::uint32_t add_process(Kernel& k, runtime::Carrier& carrier, std::uint64_t pid, std::uint64_t start_time,
                          std::uint64_t pidfd_inode);
void remove_process(Kernel& k, runtime::Carrier& carrier, std::uint32_t process);

// Ends everything of a process that is gone: carriers, tasks, slot.
void end_process(Kernel& k, runtime::Carrier& keeper, std::uint32_t process);

}  // namespace umach::ports
