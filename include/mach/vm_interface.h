// SPDX-License-Identifier: BSL-1.0
// Calls on the memory of a task.
#pragma once

#include <mach/mach_types.h>

UMACH_BEGIN_C

/*
 * vm_allocate: give a task zero-filled memory.
 *
 * takes: nothing; hands over whole pages: the size is rounded up, an address that is asked for is rounded
 *   down
 * returns: KERN_SUCCESS *address is the first byte; KERN_INVALID_ARGUMENT the task is unknown or not the
 *   caller's own; KERN_INVALID_ADDRESS address cannot be read or written, or the address asked for is not
 *   usable; KERN_NO_SPACE the pages asked for are not all free, or none are
 * limits: a size of 0 gives address 0; without anywhere the memory stands at *address
 * source: Mach 2.5, mach.defs 2022; here for the caller's own task
 */
UMACH_EXPORT kern_return_t vm_allocate(vm_task_t task, vm_address_t* address, vm_size_t size,
                                       boolean_t anywhere);

/*
 * vm_deallocate: take memory from a task.
 *
 * takes: every page that holds a byte of the range; touching it afterwards is a fault
 * returns: KERN_SUCCESS gone; KERN_INVALID_ARGUMENT the task is unknown or not the caller's own;
 *   KERN_INVALID_ADDRESS the range wraps, or is not in the task's memory
 * limits: a size of 0 does nothing
 * source: Mach 2.5, mach.defs 2024; here for the caller's own task
 */
UMACH_EXPORT kern_return_t vm_deallocate(vm_task_t task, vm_address_t address, vm_size_t size);

UMACH_END_C
