// SPDX-License-Identifier: BSL-1.0
// Calls on a task as a whole; <mach/task_interface.h> has their contracts.
#pragma once

#include "tasks/info.hpp"
#include "tasks/kernel/counted.hpp"

namespace umach::tasks {

extern const Calls task_calls;

namespace calls {

using ports::Caller;
using ports::TaskRef;

kern_return_t task_create(Caller& caller, TaskRef parent, Bool inherit_memory, Port* child);
kern_return_t task_terminate(Caller& caller, TaskRef task);
kern_return_t task_threads(Caller& caller, TaskRef task, Array<Port>* threads);
kern_return_t task_suspend(Caller& caller, TaskRef task);
kern_return_t task_resume(Caller& caller, TaskRef task);

}  // namespace calls
}  // namespace umach::tasks
