// SPDX-License-Identifier: BSL-1.0
// Calls on the memory of a task: <mach/vm_interface.h> has their contracts.
#pragma once

#include "tasks/kernel/calls.hpp"

namespace umach::tasks {

extern const Calls memory_calls;

namespace calls {

using ports::Caller;
using ports::TaskRef;

kern_return_t vm_allocate(Caller& caller, TaskRef task, Word asked, Word size, Bool anywhere, Word* address);
kern_return_t vm_deallocate(Caller& caller, TaskRef task, Word address, Word size);
kern_return_t vm_protect(Caller& caller, TaskRef task, Word address, Word size, Bool set_maximum, Int protection);
kern_return_t vm_inherit(Caller& caller, TaskRef task, Word address, Word size, Int inheritance);
kern_return_t vm_read(Caller& caller, TaskRef task, Word address, Word size, Memory* data);
kern_return_t vm_write(Caller& caller, TaskRef task, Word address, Data data);
kern_return_t vm_copy(Caller& caller, TaskRef task, Word source, Word count, Word destination);
kern_return_t vm_region(Caller& caller, TaskRef task, Word asked, Word* address, Word* size, Int* protection, Int* max_protection,
                        Int* inheritance, Bool* shared, Port* object, Word* offset);
kern_return_t vm_map(Caller& caller, TaskRef task, Word asked, Word size, Word mask, Bool anywhere, Port object, Word offset, Bool copy,
                     Int protection, Int most, Int inheritance, Word* address);
kern_return_t vm_statistics(Caller& caller, TaskRef task, Array<Int>* statistics);

}  // namespace calls
}  // namespace umach::tasks
