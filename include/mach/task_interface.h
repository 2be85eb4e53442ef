// SPDX-License-Identifier: BSL-1.0
// Calls on a task: its special ports and the ports that it registers for its children.
//
// What port_interface.h says of tasks, result pointers and arrays holds here too.
#pragma once

#include <mach/mach_types.h>

UMACH_BEGIN_C

/*
 * task_get_special_port: give the caller a send right to one of a task's special ports.
 *
 * takes: nothing; hands over one reference of a send right
 * returns: KERN_SUCCESS *special_port is the caller's name for it, PORT_NULL if there is none;
 *   KERN_INVALID_ARGUMENT which is not a special port; KERN_RESOURCE_SHORTAGE no room in the caller's space
 * limits: which is TASK_KERNEL_PORT, TASK_NOTIFY_PORT, TASK_EXCEPTION_PORT or TASK_BOOTSTRAP_PORT
 * source: Mach 2.5, mach.defs 2059
 */
UMACH_EXPORT kern_return_t task_get_special_port(task_t task, int which, port_t* special_port);

/*
 * task_set_special_port: replace one of a task's special ports.
 *
 * takes: nothing; a send right to special_port is copied, PORT_NULL clears
 * returns: KERN_SUCCESS replaced; KERN_INVALID_ARGUMENT which is not a special port that can be set, or the
 *   caller holds no right to send with under special_port
 * limits: which as for task_get_special_port()
 * source: Mach 2.5, mach.defs 2060
 */
UMACH_EXPORT kern_return_t task_set_special_port(task_t task, int which, port_t special_port);

/*
 * mach_ports_register: replace the ports that a task hands to its children.
 *
 * takes: nothing; send rights to the ports are copied, slots past the count become PORT_NULL
 * returns: KERN_SUCCESS registered; KERN_INVALID_ARGUMENT more than the limit, or the caller holds no send or
 *   receive right under one of the names; KERN_INVALID_ADDRESS the array cannot be read
 * limits: TASK_PORT_REGISTER_MAX ports
 * source: Mach 2.5, mach.defs 2034
 */
UMACH_EXPORT kern_return_t mach_ports_register(task_t task, port_array_t ports, unsigned int ports_count);

/*
 * mach_ports_lookup: give the caller send rights to the ports that a task has registered.
 *
 * takes: nothing; hands over one array of TASK_PORT_REGISTER_MAX names, each with one reference, or PORT_NULL
 * returns: KERN_SUCCESS given; KERN_RESOURCE_SHORTAGE no memory for the array, or no room in the caller's
 *   space
 * source: Mach 2.5, mach.defs 2035
 */
UMACH_EXPORT kern_return_t mach_ports_lookup(task_t task, port_array_t* ports, unsigned int* ports_count);

UMACH_END_C
