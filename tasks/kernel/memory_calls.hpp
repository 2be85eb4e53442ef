// SPDX-License-Identifier: BSL-1.0
// Calls on the memory of a task: whole pages of its process's address space; <mach/vm_interface.h> has their
// contracts.
#pragma once

#include "tasks/kernel/calls.hpp"

namespace umach::tasks {

extern const Calls memory_calls;

// Maps zero-filled pages of this process.
kern_return_t allocate_pages(vm_address_t* address, vm_size_t size, bool anywhere);

namespace calls {

using ports::Caller;
using ports::TaskRef;

kern_return_t vm_allocate(Caller& caller, TaskRef task, Word asked, Word size, Bool anywhere, Word* address);
kern_return_t vm_deallocate(Caller& caller, TaskRef task, Word address, Word size);

}  // namespace calls
}  // namespace umach::tasks
