// SPDX-License-Identifier: BSL-1.0
// Calls on a task as a whole: its beginning and end, its threads, its special ports and the ports that it registers
// for its children.
//
// What port_interface.h says of tasks, result pointers and arrays holds here too.
#pragma once

#include <mach/mach_types.h>
#include <mach/task_info.h>

UMACH_BEGIN_C

/*
 * task_create: make a task without threads in the caller's process.
 *
 * It inherits its parent's bootstrap, exception and registered ports. Its memory is that of the process, whatever
 * inherit_memory says. umach_thread_create() gives it threads.
 *
 * takes: nothing; hands over one reference of a send right to the child's kernel port
 * returns: KERN_SUCCESS; KERN_RESOURCE_SHORTAGE the host has no task or port left, or no room in the caller's space
 * source: Mach 2.5, mach.defs 2007
 */
UMACH_EXPORT kern_return_t task_create(task_t parent_task, boolean_t inherit_memory, task_t* child_task);

/*
 * task_terminate: end a task, as if it had died.
 *
 * If the program has no other task in its process, the process is killed (SIGKILL). Otherwise its ports die, its rights
 * and names are released, and its threads are unwound as by thread_terminate().
 *
 * waits: while a thread of it is running in a call; for another process, until its records are gone
 * returns: KERN_SUCCESS; KERN_FAILURE it was killed, but no keeper has cleaned up after it within five seconds; does
 *   not return when it is the caller's own
 * source: Mach 2.5, mach.defs 2008
 */
UMACH_EXPORT kern_return_t task_terminate(task_t target_task);

/*
 * task_suspend: count one more suspension of a task, and stop its threads.
 *
 * A thread runs when neither it nor its task is suspended.
 *
 * waits: as thread_suspend() for each of its threads
 * returns: KERN_SUCCESS; KERN_FAILURE it is suspended 127 times already
 * source: Mach 2.5, mach.defs 2057
 */
UMACH_EXPORT kern_return_t task_suspend(task_t target_task);

/*
 * task_resume: take one suspension back; after the last one the task's threads go on.
 *
 * returns: KERN_SUCCESS; KERN_FAILURE it is not suspended; KERN_RESOURCE_SHORTAGE a thread that was to begin found no
 *   carrier
 * source: Mach 2.5, mach.defs 2058
 */
UMACH_EXPORT kern_return_t task_resume(task_t target_task);

/*
 * task_threads: give the caller send rights to the kernel ports of a task's threads.
 *
 * takes: nothing; hands over one array of names, each with one reference
 * returns: KERN_SUCCESS given; KERN_RESOURCE_SHORTAGE no memory for the array, or no room in the caller's space
 * source: Mach 2.5, mach.defs 2011
 */
UMACH_EXPORT kern_return_t task_threads(task_t target_task, thread_array_t* thread_list, unsigned int* thread_count);

/*
 * task_info: what a task has used.
 *
 * takes: *task_info_count is how many integers there is room for
 * returns: KERN_SUCCESS *task_info_count is how many were given; KERN_INVALID_ARGUMENT unknown flavor or too little room
 * limits: flavor TASK_BASIC_INFO; sizes and times are those of its process
 * source: Mach 2.5, mach.defs 2012
 */
UMACH_EXPORT kern_return_t task_info(task_t target_task, int flavor, task_info_t task_info_out,
                                     unsigned int* task_info_count);

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
