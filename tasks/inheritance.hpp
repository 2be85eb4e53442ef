// SPDX-License-Identifier: BSL-1.0
// What a child of a fork has of its parent's memory from vm_allocate. The pool is not mapped in a child, so what the child
// is to have of it is copied before the fork, and put at its old addresses there. vm_inherit(VM_INHERIT_NONE) saves that.
#pragma once

#include "tasks/host.hpp"

namespace umach::tasks {

// Before the fork. What there is no memory for the child will not have.
void copy_memory_for_child(Host& host);
// After it, in the parent and in the child.
void forget_copies();
void put_copies_in_place();

}  // namespace umach::tasks
