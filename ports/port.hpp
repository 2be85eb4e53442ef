// SPDX-License-Identifier: BSL-1.0
// A port's record: how one comes, and the names of rights on the 2.5 face.
#pragma once

#include "ports/caller.hpp"
#include "ports/death.hpp"

#include <mach/kern_return.h>
#include <mach/port.h>

namespace umach::ports {

// Makes a port that the task receives from; it has no name yet.
// returns: a null reference when the host has no port left
PortRef new_port(KernelStep& s, TaskRef task, PortKind kind);

// What port_type says of an entry.
port_type_t type_of(EntryBits bits);

// Removes every right under a name, as port_deallocate does; of a set only the name is meant elsewhere.
void remove_name(KernelStep& s, TaskRef task, std::uint32_t index);

// Runs a body on a live task, under its lock, as one step of the caller. The step is undone unless it ends with
// KERN_SUCCESS.
template <class Body>
kern_return_t on_task(Caller& caller, TaskRef task, Body&& body) {
    return caller.step([&](KernelStep& s) {
        if (!s.lock(task) || s.k.task(task.index).identity.get().life != Life::live) return s.undo(KERN_INVALID_ARGUMENT);
        const kern_return_t code = body(s, s.k.task(task.index));
        return code == KERN_SUCCESS ? s.keep(code) : s.undo(code);
    });
}

}  // namespace umach::ports
