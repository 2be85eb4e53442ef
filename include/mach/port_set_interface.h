// SPDX-License-Identifier: BSL-1.0
// Calls on port sets: a set is a name to receive from many ports at once. A port is in one set at most, and
// while it is there it can be received from only through the set. A set is fair: the member that was served
// goes to the end.
//
// What port_interface.h says of tasks, result pointers and arrays holds here too.
#pragma once

#include <mach/mach_types.h>

UMACH_BEGIN_C

/*
 * port_set_allocate: make an empty port set under a new name.
 *
 * returns: KERN_SUCCESS made; KERN_RESOURCE_SHORTAGE the task's quota of names, or the host's sets, are used
 *   up
 * source: Mach 2.5, mach.defs 2081
 */
UMACH_EXPORT kern_return_t port_set_allocate(task_t task, port_set_name_t* set_name);

/*
 * port_set_deallocate: end a port set and free its name.
 *
 * takes: the name; its members stay alive, in no set, with their messages. Who received on the set gets
 *   RCV_INVALID_PORT.
 * returns: KERN_SUCCESS gone; KERN_INVALID_ARGUMENT no set under that name
 * source: Mach 2.5, mach.defs 2082
 */
UMACH_EXPORT kern_return_t port_set_deallocate(task_t task, port_set_name_t set_name);

/*
 * port_set_add: put a port into a set, in one step out of the set where it was.
 *
 * takes: nothing; its messages stay in order. Who received on the port itself gets RCV_PORT_CHANGE.
 * returns: KERN_SUCCESS in the set, or it was there already; KERN_INVALID_ARGUMENT no set under set_name, or
 *   no such port_name; KERN_NOT_RECEIVER a send right, send-once right or dead name under port_name
 * source: Mach 2.5, mach.defs 2083
 */
UMACH_EXPORT kern_return_t port_set_add(task_t task, port_set_name_t set_name, port_name_t port_name);

/*
 * port_set_remove: take a port out of its set.
 *
 * takes: nothing; its messages stay and can be received from the port itself
 * returns: KERN_SUCCESS out; KERN_NOT_IN_SET the port is in no set; KERN_NOT_RECEIVER a send right, send-once
 *   right or dead name; KERN_INVALID_ARGUMENT no such name, or a set
 * source: Mach 2.5, mach.defs 2084
 */
UMACH_EXPORT kern_return_t port_set_remove(task_t task, port_name_t port_name);

/*
 * port_set_status: list the members of a set.
 *
 * takes: nothing; hands over one array of names
 * returns: KERN_SUCCESS listed; KERN_INVALID_ARGUMENT no set under that name; KERN_RESOURCE_SHORTAGE no
 *   memory for the array
 * source: Mach 2.5, mach.defs 2085
 */
UMACH_EXPORT kern_return_t port_set_status(task_t task, port_set_name_t set_name, port_name_array_t* members,
                                           unsigned int* members_count);

UMACH_END_C
