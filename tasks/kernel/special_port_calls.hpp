// SPDX-License-Identifier: BSL-1.0
// Calls on the special and registered ports of a task; <mach/task_interface.h> has their contracts.
#pragma once

#include "tasks/kernel/calls.hpp"

namespace umach::tasks {

extern const Calls special_port_calls;

namespace calls {

using ports::Caller;
using ports::TaskRef;

kern_return_t mach_ports_register(Caller& caller, TaskRef task, List<Port> list);
kern_return_t mach_ports_lookup(Caller& caller, TaskRef task, Array<Port>* list);
kern_return_t task_get_special_port(Caller& caller, TaskRef task, Int which, Port* special_port);
kern_return_t task_set_special_port(Caller& caller, TaskRef task, Int which, Port special_port);

}  // namespace calls
}  // namespace umach::tasks
