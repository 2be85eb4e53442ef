// SPDX-License-Identifier: BSL-1.0
// Helpers of calls that hand a right between the caller's space and a task's.
#pragma once

#include "ports/caller.hpp"
#include "ports/rights.hpp"

#include <mach/kern_return.h>
#include <mach/port.h>

namespace umach::ports {

inline std::uint32_t bare(port_name_t name) { return static_cast<std::uint32_t>(name); }

// The user's number of an entry.
inline port_name_t name_of_entry(Kernel& k, TaskRecord& task, std::uint32_t index) {
    return static_cast<port_name_t>(entry(k, task, index).bits.get().name);
}

// Puts a new send right for the port into the caller's space.
// returns: PORT_NULL for no port or a dead one
kern_return_t hand_out(KernelStep& s, Caller& caller, PortRef port, port_name_t* name);

// The same for a send right that was counted already.
kern_return_t hand_on(KernelStep& s, Caller& caller, PortRef port, port_name_t* name);

// The live port that a name of the caller's can send to.
// returns: false and a detail when it is none; PORT_NULL gives a null port
bool to_send_to(KernelStep& s, Caller& caller, port_name_t name, PortRef* port);

kern_return_t no_such_name(port_name_t name);
kern_return_t wrong_right(port_name_t name, const char* wanted, kern_return_t code);

}  // namespace umach::ports
