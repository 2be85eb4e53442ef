// SPDX-License-Identifier: BSL-1.0
// Calls on the memory of a task, of this process or another: its service thread does there what only it can. A process
// that is alone in its host, has ended, or does not answer within 10 s makes a call on its memory KERN_FAILURE
// (mach_error_detail() says which).
#pragma once

#include <mach/mach_types.h>
#include <mach/vm_inherit.h>
#include <mach/vm_prot.h>
#include <mach/vm_statistics.h>

UMACH_BEGIN_C

/* For vm_allocate(): anywhere, and not zero-filled. An addition. */
#define VM_ANYWHERE_UNSET 2

/*
 * vm_allocate: give a task zero-filled memory.
 *
 * takes: nothing; hands over whole pages: the size is rounded up, an address that is asked for is rounded
 *   down. anywhere is TRUE, FALSE, or VM_ANYWHERE_UNSET: as TRUE, but what others left in the memory stands
 *   there, for who writes all of it anyway: to zero it takes as long as to copy it
 * returns: KERN_SUCCESS *address is the first byte; KERN_INVALID_ARGUMENT the task is unknown;
 *   KERN_INVALID_ADDRESS address cannot be read or written, or the address asked for is not usable;
 *   KERN_NO_SPACE the pages asked for are not all free; KERN_RESOURCE_SHORTAGE there is no memory for it, or
 *   a quota is full (mach_error_detail() says which)
 * limits: a size of 0 gives address 0; with anywhere the memory can move to another task in a message without
 *   being copied; without, it stands at *address, which must not be among the addresses of such memory
 * source: Mach 2.5, mach.defs 2022
 */
UMACH_EXPORT kern_return_t vm_allocate(vm_task_t task, vm_address_t* address, vm_size_t size,
                                       boolean_t anywhere);

/*
 * vm_deallocate: take memory from a task.
 *
 * takes: every page that holds a byte of the range
 * returns: KERN_SUCCESS gone; KERN_INVALID_ARGUMENT the task is unknown; KERN_INVALID_ADDRESS the range
 *   wraps, or is not in the task's memory
 * limits: a size of 0 does nothing. Memory that can move is mapped in every process all the time: touching it
 *   afterwards is no fault, but shows what somebody else has there. Of such a region pages in the middle go when
 *   the rest does, and all of its memory returns then. Where only a part of the range is there, what lies before
 *   the first gap is gone.
 * source: Mach 2.5, mach.defs 2024
 */
UMACH_EXPORT kern_return_t vm_deallocate(vm_task_t task, vm_address_t address, vm_size_t size);

/*
 * vm_protect: say what may be done with memory.
 *
 * returns: KERN_SUCCESS; KERN_INVALID_ARGUMENT the task or the protection is unknown, or set_maximum is TRUE;
 *   KERN_INVALID_ADDRESS some of the range is not there; KERN_PROTECTION_FAILURE it never may
 * limits: whole pages; no maximum is kept; memory that was protected is copied when it is sent
 * source: Mach 2.5, mach.defs 2025
 */
UMACH_EXPORT kern_return_t vm_protect(vm_task_t task, vm_address_t address, vm_size_t size,
                                      boolean_t set_maximum, vm_prot_t new_protection);

/*
 * vm_inherit: say what a child of a fork has of memory: the same, a copy (unless said otherwise), or nothing.
 *
 * returns: KERN_SUCCESS; KERN_INVALID_ARGUMENT the task or the inheritance is unknown; KERN_INVALID_ADDRESS
 *   some of the range is not there; KERN_RESOURCE_SHORTAGE no memory to share it in
 * limits: whole pages; memory that can move is inherited as a whole region; what is shared stays shared until it is
 *   deallocated, and is copied when it is sent
 * source: Mach 2.5, mach.defs 2026
 */
UMACH_EXPORT kern_return_t vm_inherit(vm_task_t task, vm_address_t address, vm_size_t size,
                                      vm_inherit_t new_inheritance);

/*
 * vm_read: copy memory of a task.
 *
 * takes: nothing; *data is the caller's, who gives it back with vm_deallocate()
 * returns: KERN_SUCCESS *data_count bytes; KERN_INVALID_ARGUMENT the task is unknown, or the size has more than 32
 *   bits; KERN_INVALID_ADDRESS
 *   some of the range is not there or cannot be read; KERN_RESOURCE_SHORTAGE no memory for the copy
 * source: Mach 2.5, mach.defs 2027; any address and size, not only pages
 */
UMACH_EXPORT kern_return_t vm_read(vm_task_t task, vm_address_t address, vm_size_t size, pointer_t* data,
                                   unsigned int* data_count);

/*
 * vm_write: copy the caller's bytes to memory of a task.
 *
 * returns: KERN_SUCCESS; KERN_INVALID_ARGUMENT the task is unknown; KERN_INVALID_ADDRESS data cannot be read,
 *   or some of the range is not there or cannot be written: then it is as it was;
 *   KERN_RESOURCE_SHORTAGE no memory for the way
 * source: Mach 2.5, mach.defs 2028; any address and size, not only pages
 */
UMACH_EXPORT kern_return_t vm_write(vm_task_t task, vm_address_t address, pointer_t data,
                                    unsigned int data_count);

/*
 * vm_copy: copy memory of a task to another place in it.
 *
 * returns: as vm_write; the two places may overlap
 * source: Mach 2.5, mach.defs 2029; any address and size, not only pages
 */
UMACH_EXPORT kern_return_t vm_copy(vm_task_t task, vm_address_t source_address, vm_size_t count,
                                   vm_address_t dest_address);

/*
 * vm_region: describe the memory at an address of a task, or the next above it.
 *
 * takes: *address is where to look from
 * returns: KERN_SUCCESS, *object_name is what vm_map() mapped there, a send right of the caller's, and *offset where
 *   in it the memory begins; MEMORY_OBJECT_NULL and 0 for all other memory; KERN_INVALID_ARGUMENT the task is unknown;
 *   KERN_INVALID_ADDRESS a result cannot be written; KERN_NO_SPACE there is nothing at the address or above;
 *   KERN_RESOURCE_SHORTAGE no room for a name
 * limits: each call gives one more reference; the right is to the object itself (2.5: to a port that only names it)
 * source: Mach 2.5, mach.defs 2030
 */
UMACH_EXPORT kern_return_t vm_region(vm_task_t task, vm_address_t* address, vm_size_t* size,
                                     vm_prot_t* protection, vm_prot_t* max_protection,
                                     vm_inherit_t* inheritance, boolean_t* is_shared,
                                     memory_object_t* object_name, vm_offset_t* offset);

/*
 * vm_statistics: what the machine's memory is used for, and the faults of the task's process.
 *
 * returns: KERN_SUCCESS; KERN_INVALID_ARGUMENT the task is unknown; KERN_INVALID_ADDRESS vm_stats cannot be
 *   written
 * source: Mach 2.5, mach.defs 2031
 */
UMACH_EXPORT kern_return_t vm_statistics(vm_task_t task, vm_statistics_data_t* vm_stats);

// ---- sections: memory that several tasks have at once ------------------------------------------------------------
// A memory object is a port. Who has a send right to it can map the memory, and may send the right on. The memory goes
// with the last right to it and the last mapping of it; when the last holder dies, with that.

/*
 * memory_object_create: make memory that several tasks can map, zero-filled.
 *
 * takes: nothing; *memory_object is a send right of the caller's; the task's quota of memory counts the section as long
 *   as both are there
 * returns: KERN_SUCCESS; KERN_INVALID_ARGUMENT the task is unknown, or the size is 0; KERN_INVALID_ADDRESS memory_object
 *   cannot be written; KERN_RESOURCE_SHORTAGE there is no memory for it, or a quota is full (mach_error_detail() says
 *   which)
 * limits: whole pages: the size is rounded up
 * source: an addition, after default_pager_object_create of Mach 3
 */
UMACH_EXPORT kern_return_t memory_object_create(vm_task_t task, vm_size_t size, memory_object_t* memory_object);

/*
 * memory_object_create_proxy: make a memory object with which less may be done, for the same memory.
 *
 * takes: nothing; *proxy is a send right of the caller's: with VM_PROT_READ, who gets it can only read
 * returns: KERN_SUCCESS; KERN_INVALID_ARGUMENT memory_object is none, or max_protection is unknown;
 *   KERN_PROTECTION_FAILURE it allows less than that; KERN_INVALID_ADDRESS proxy cannot be written;
 *   KERN_RESOURCE_SHORTAGE
 * source: GNU Mach, for a whole object
 */
UMACH_EXPORT kern_return_t memory_object_create_proxy(memory_object_t memory_object, vm_prot_t max_protection,
                                                      memory_object_t* proxy);

/*
 * memory_object_info: how much memory it is, and the most that may be done with it.
 *
 * returns: KERN_SUCCESS; KERN_INVALID_ARGUMENT memory_object is none; KERN_INVALID_ADDRESS a result cannot be written
 * source: an addition
 */
UMACH_EXPORT kern_return_t memory_object_info(memory_object_t memory_object, vm_size_t* size,
                                              vm_prot_t* max_protection);

/*
 * vm_map: map memory of a memory object into a task; zero-filled memory of its own for MEMORY_OBJECT_NULL.
 *
 * takes: a reference of its own to the memory object, until the mapping is gone: by vm_deallocate(), or with the task;
 *   copy: a page that the task writes to is its own from then on, nobody else sees that, and who may read may do it
 * returns: KERN_SUCCESS *address is the first byte; KERN_INVALID_ARGUMENT the task or an argument is unknown,
 *   memory_object is none, or the memory ends before offset + size; KERN_PROTECTION_FAILURE the memory object allows
 *   less; KERN_INVALID_ADDRESS address cannot be read or written, or the one asked for is not usable;
 *   KERN_NO_SPACE the pages are not all free, or none with these bits are; KERN_RESOURCE_SHORTAGE
 * limits: whole pages; with anywhere, the address has no bit of mask, which is 2^n - 1. A write is a fault where only
 *   reading is allowed. A child of fork has nothing of the mapping (VM_INHERIT_NONE), or a copy (VM_INHERIT_COPY); not
 *   the same memory: it maps that by a right of its own. Until the task has written to a page of a copy, it sees there
 *   what others write to the object: a copy as of one time is vm_read()'s. Data in such memory is copied when it is sent
 *   out of line.
 * source: Mach 3, mach.defs 2107, without pagers
 */
UMACH_EXPORT kern_return_t vm_map(vm_task_t task, vm_address_t* address, vm_size_t size, vm_offset_t mask,
                                  boolean_t anywhere, memory_object_t memory_object, vm_offset_t offset,
                                  boolean_t copy, vm_prot_t cur_protection, vm_prot_t max_protection,
                                  vm_inherit_t inheritance);

UMACH_END_C
