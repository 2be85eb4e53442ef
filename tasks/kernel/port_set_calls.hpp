// SPDX-License-Identifier: BSL-1.0
// Calls on the port sets of a task; <mach/port_set_interface.h> has their contracts.
#pragma once

#include "tasks/kernel/calls.hpp"

namespace umach::tasks {

extern const Calls port_set_calls;

namespace calls {

using ports::Caller;
using ports::TaskRef;

kern_return_t port_set_allocate(Caller& caller, TaskRef task, Name* set_name);
kern_return_t port_set_deallocate(Caller& caller, TaskRef task, Name set_name);
kern_return_t port_set_add(Caller& caller, TaskRef task, Name set_name, Name port_name);
kern_return_t port_set_remove(Caller& caller, TaskRef task, Name port_name);
kern_return_t port_set_status(Caller& caller, TaskRef task, Name set_name, Array<Name>* members);

}  // namespace calls
}  // namespace umach::tasks
