// SPDX-License-Identifier: BSL-1.0
// Notices: what the kernel tells a task about its rights. A notice needs no memory: its cell is part of the record that
// it is about (the dead name, the sending thread, the port), so it can be neither refused nor lost. Notices stand in a
// list of their own at the notify port and are received before any message.
#pragma once

#include "ports/kernel.hpp"

#include <mach/notify.h>

namespace umach::ports {

// Puts a cell that stands nowhere into the list of a notify port.
// returns: false when that port is dead or none: the notice is dropped
bool post(KernelStep& s, CellRef cell, PortRef notify);

// Takes a cell out of the list that it stands in; nothing if it stands nowhere.
void withdraw(KernelStep& s, CellRef cell);

// Whether the cell stands at a notify port.
bool stands_somewhere(Kernel& k, CellRef cell);

// The cell behind this one in its list; 0 for the last.
std::uint32_t next_notice(Kernel& k, CellRef cell);

// A notice as it is delivered.
struct Notice {
    int id = 0;
    std::uint32_t name = 0;
    PortRef port;              // PORT_DESTROYED: whose rights come with it
};

// Takes the first notice off the notify port, as part of the receiver's step, with what that entails: the name of a
// deleted port is freed, a thread may have another message kept.
// returns: id 0 when the notice turned out to be void
Notice take_first(KernelStep& s, PortRecord& notify);

// The task's notify port; null when it has none.
PortRef notify_port(Kernel& k, TaskRef task);

}  // namespace umach::ports
