// SPDX-License-Identifier: BSL-1.0
// A section: a region that no task has, but a memory object's port holds for all who have a right to it. Who has a send
// right can map it (ports/view.hpp); a view holds such a right, too. With the last right the port and the region go, in
// the same step: nothing else can hang on a port that nobody receives from.
//
// A proxy is a memory object for the same section with which less may be done. It holds a send right to the object that
// it stands for, where other ports have their backup.
#pragma once

#include "ports/region.hpp"

#include <mach/kern_return.h>
#include <mach/port.h>

#include <optional>

namespace umach::ports {

// What a memory object stands for.
struct Section {
    RegionRef region;
    std::uint64_t pages = 0;
    int protection = 0;   // vm_prot_t: the most that may be done
};

// returns: nothing when the port is no memory object, or is gone
std::optional<Section> section_of_port(Kernel& k, PortRef port);

// The memory object that a name of the caller's can send to.
// returns: null, and runtime::detail() says so, when it is none
PortRef memory_object_of_name(Caller& caller, port_name_t name);

// Gives the caller a send right to a memory object, of which it has learnt from a view.
// returns: KERN_SUCCESS, with PORT_NULL for none or one that has gone meanwhile; KERN_RESOURCE_SHORTAGE no room for a name
kern_return_t name_memory_object(Caller& caller, PortRef object, port_name_t* name);

// Makes a section of zeros, and gives the caller a send right to its memory object.
// takes: task: whose quota it counts against
// returns: KERN_SUCCESS; KERN_INVALID_ARGUMENT the task has ended; KERN_RESOURCE_SHORTAGE with runtime::detail()
kern_return_t create_section(Caller& caller, TaskRef task, std::uint64_t bytes, port_name_t* name);

// Makes a proxy of a memory object, and gives the caller a send right to it.
// returns: KERN_PROTECTION_FAILURE the object allows less; KERN_INVALID_ARGUMENT it is gone; KERN_RESOURCE_SHORTAGE
kern_return_t create_proxy(Caller& caller, PortRef object, int protection, port_name_t* name);

// ---- parts of steps ------------------------------------------------------------------------------------------------

// The last right to a memory object has gone, under the lock of its root. The object that a proxy stood for may go as well.
void end_memory_object(KernelStep& s, PortRef object);

}  // namespace umach::ports
