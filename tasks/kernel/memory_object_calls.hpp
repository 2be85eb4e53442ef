// SPDX-License-Identifier: BSL-1.0
// Calls on memory objects: <mach/vm_interface.h> has their contracts.
#pragma once

#include "tasks/kernel/calls.hpp"

namespace umach::tasks {

extern const Calls memory_object_calls;

namespace calls {

using ports::Caller;
using ports::PortRef;
using ports::TaskRef;

kern_return_t memory_object_create(Caller& caller, TaskRef task, Word size, Port* object);
kern_return_t memory_object_create_proxy(Caller& caller, PortRef object, Int protection, Port* proxy);
kern_return_t memory_object_info(Caller& caller, PortRef object, Word* size, Int* protection);

}  // namespace calls
}  // namespace umach::tasks
