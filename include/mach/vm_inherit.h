// SPDX-License-Identifier: BSL-1.0
// What a child of a fork has of its parent's memory.
#pragma once

typedef unsigned int vm_inherit_t;

#define VM_INHERIT_SHARE ((vm_inherit_t)0) /* the same memory */
#define VM_INHERIT_COPY ((vm_inherit_t)1)  /* a copy of its own */
#define VM_INHERIT_NONE ((vm_inherit_t)2)  /* nothing */
#define VM_INHERIT_DEFAULT VM_INHERIT_COPY
