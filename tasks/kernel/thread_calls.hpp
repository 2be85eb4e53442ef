// SPDX-License-Identifier: BSL-1.0
// Calls on threads of control; <mach/thread_interface.h> has their contracts.
#pragma once

#include "tasks/info.hpp"
#include "tasks/kernel/counted.hpp"

namespace umach::tasks {

extern const Calls thread_calls;

namespace calls {

using ports::Caller;
using ports::TaskRef;
using ports::ThreadRef;

kern_return_t thread_create(Caller& caller, TaskRef task, Port* child);
kern_return_t thread_terminate(Caller& caller, ThreadRef thread);
kern_return_t thread_get_state(Caller& caller, ThreadRef thread, Int flavor, Array<Int>* state);
kern_return_t thread_set_state(Caller& caller, ThreadRef thread, Int flavor, List<Int> state);
kern_return_t thread_suspend(Caller& caller, ThreadRef thread);
kern_return_t thread_resume(Caller& caller, ThreadRef thread);
kern_return_t thread_abort(Caller& caller, ThreadRef thread);
kern_return_t thread_get_special_port(Caller& caller, ThreadRef thread, Int which, Port* special_port);
kern_return_t thread_set_special_port(Caller& caller, ThreadRef thread, Int which, Port special_port);

}  // namespace calls
}  // namespace umach::tasks
