// SPDX-License-Identifier: BSL-1.0
// Calls on the ports of a task. Each names the task first, by its kernel port: task_self() for one's own.
//
// Every call below also returns KERN_INVALID_ARGUMENT for a task that is unknown or has ended, and
// KERN_INVALID_ADDRESS for a result pointer that cannot be written; in both nothing has changed. Arrays that
// a call returns are memory of the caller's, from vm_allocate(), to be given back with vm_deallocate(); an
// empty array is a null pointer.
#pragma once

#include <mach/mach_types.h>

UMACH_BEGIN_C

/*
 * port_allocate: make a port, with its receive right and ownership under a new name.
 *
 * returns: KERN_SUCCESS made; KERN_RESOURCE_SHORTAGE the task's quota of ports or names, or the host's ports,
 *   are used up
 * limits: the host's ports, chosen when it is made; a backlog of PORT_BACKLOG_DEFAULT
 * source: Mach 2.5, mach.defs 2077
 */
UMACH_EXPORT kern_return_t port_allocate(task_t task, port_name_t* name);

/*
 * port_deallocate: give up every right under a name at once, and free the name.
 *
 * takes: all rights and references under the name. A receive right without an owner elsewhere, and without a
 *   backup, ends the port: its messages are destroyed and who holds rights to it is notified.
 * returns: KERN_SUCCESS gone; KERN_INVALID_ARGUMENT no such name, or a port set
 * source: Mach 2.5, mach.defs 2078. port_release() gives up a single reference
 */
UMACH_EXPORT kern_return_t port_deallocate(task_t task, port_name_t name);

/*
 * port_reference: add one reference to one right under a name.
 *
 * takes: nothing
 * returns: KERN_SUCCESS added; KERN_INVALID_ARGUMENT no such name, or not that right under it, or a right
 *   that has only one reference; KERN_UREFS_OVERFLOW the count is at its limit
 * limits: right is PORT_TYPE_SEND or PORT_TYPE_DEAD_NAME; 65,534 references a name
 * source: an addition, after Mach 3's mach_port_mod_refs with +1
 */
UMACH_EXPORT kern_return_t port_reference(task_t task, port_name_t name, port_type_t right);

/*
 * port_release: give up one reference of one right under a name.
 *
 * takes: one reference; with the last one the right, and with the last right the name. Giving up the receive
 *   right, or ownership, does to the port what port_deallocate() would, and leaves the task's send right
 *   where it is.
 * returns: KERN_SUCCESS given up; KERN_INVALID_ARGUMENT no such name, or not that right under it
 * limits: right is PORT_TYPE_SEND, PORT_TYPE_RECEIVE, PORT_TYPE_OWN, PORT_TYPE_RECEIVE_OWN,
 *   PORT_TYPE_SEND_ONCE or PORT_TYPE_DEAD_NAME
 * source: an addition, after Mach 3's mach_port_mod_refs with -1
 */
UMACH_EXPORT kern_return_t port_release(task_t task, port_name_t name, port_type_t right);

/*
 * port_names: list every name of a task and what it stands for.
 *
 * takes: nothing; hands over two arrays of equal length, in the same order
 * returns: KERN_SUCCESS listed; KERN_RESOURCE_SHORTAGE no memory for the arrays
 * limits: a picture of one moment; names may come and go before the caller looks
 * source: Mach 2.5, mach.defs 2074
 */
UMACH_EXPORT kern_return_t port_names(task_t task, port_name_array_t* names, unsigned int* names_count,
                                      port_type_array_t* types, unsigned int* types_count);

/*
 * port_type: say what a name stands for.
 *
 * returns: KERN_SUCCESS *type is one of PORT_TYPE_*; KERN_INVALID_ARGUMENT no such name
 * source: Mach 2.5, mach.defs 2075
 */
UMACH_EXPORT kern_return_t port_type(task_t task, port_name_t name, port_type_t* type);

/*
 * port_rename: give a port or set another name in a task's space.
 *
 * takes: the old name, which is free afterwards; rights, messages and pending notifications follow
 * returns: KERN_SUCCESS renamed; KERN_INVALID_ARGUMENT no such old name, or new_name is PORT_NULL or
 *   PORT_DEAD; KERN_NAME_EXISTS new_name is in use; KERN_RESOURCE_SHORTAGE no room for a name of this value
 * limits: any unused 32-bit value
 * source: Mach 2.5, mach.defs 2076
 */
UMACH_EXPORT kern_return_t port_rename(task_t task, port_name_t old_name, port_name_t new_name);

/*
 * port_set_backlog: say how many ordinary messages a port's queue may hold.
 *
 * takes: nothing; lowering drops no message, raising admits as many waiting sends as now fit
 * returns: KERN_SUCCESS set; KERN_NOT_RECEIVER a send right, send-once right or dead name;
 *   KERN_INVALID_ARGUMENT no such name, a set, or a backlog out of range
 * limits: 1 to PORT_BACKLOG_MAX
 * source: Mach 2.5, mach.defs 2079; the limit there is 16
 */
UMACH_EXPORT kern_return_t port_set_backlog(task_t task, port_name_t name, int backlog);

/*
 * port_status: tell a receiver how its port stands.
 *
 * takes: nothing. enabled_set is the set that the port is in, or PORT_NULL; num_msgs what receives could take
 *   now, notifications too; ownership and receive_rights what the task holds.
 * returns: KERN_SUCCESS told; to a task that is not the receiver: PORT_NULL, -1, 0, FALSE, FALSE;
 *   KERN_INVALID_ARGUMENT no such name, or a set
 * source: Mach 2.5, mach.defs 2080
 */
UMACH_EXPORT kern_return_t port_status(task_t task, port_name_t name, port_set_name_t* enabled_set,
                                       int* num_msgs, int* backlog, boolean_t* ownership,
                                       boolean_t* receive_rights);

/*
 * port_insert_send: put a send right into a task's space under a chosen name.
 *
 * takes: nothing; my_port, a right of the caller's, is copied
 * returns: KERN_SUCCESS inserted; KERN_INVALID_ARGUMENT the caller holds no right to send with under
 *   my_port, or his_name is PORT_NULL or PORT_DEAD; KERN_NAME_EXISTS his_name is in use; KERN_FAILURE the
 *   task knows the port under another name; KERN_RESOURCE_SHORTAGE no room in its space
 * source: Mach 2.5, mach.defs 2086
 */
UMACH_EXPORT kern_return_t port_insert_send(task_t task, port_t my_port, port_name_t his_name);

/*
 * port_extract_send: take a send right out of a task's space into the caller's.
 *
 * takes: his_name with all its references; it is free afterwards
 * returns: KERN_SUCCESS *his_port is the caller's name for it; KERN_INVALID_ARGUMENT no pure send right under
 *   his_name; KERN_RESOURCE_SHORTAGE no room in the caller's space
 * source: Mach 2.5, mach.defs 2087
 */
UMACH_EXPORT kern_return_t port_extract_send(task_t task, port_name_t his_name, port_t* his_port);

/*
 * port_insert_receive: move a receive right and ownership into a task's space under a chosen name.
 *
 * takes: the caller's receive right and ownership under my_port; the caller keeps a send right there. Its
 *   queue goes with it.
 * returns: KERN_SUCCESS inserted; KERN_INVALID_ARGUMENT the caller does not hold the receive right, or
 *   his_name is PORT_NULL or PORT_DEAD; KERN_NAME_EXISTS his_name is in use; KERN_FAILURE the task knows the
 *   port under another name; KERN_RESOURCE_SHORTAGE no room in its space
 * source: Mach 2.5, mach.defs 2088
 */
UMACH_EXPORT kern_return_t port_insert_receive(task_t task, port_all_t my_port, port_name_t his_name);

/*
 * port_extract_receive: take a receive right and ownership out of a task's space into the caller's.
 *
 * takes: his_name, which is free afterwards. The port's queue comes with it; who received on it gets
 *   RCV_INVALID_PORT.
 * returns: KERN_SUCCESS *his_port is the caller's name for it; KERN_INVALID_ARGUMENT no receive right under
 *   his_name; KERN_RESOURCE_SHORTAGE no room in the caller's space
 * source: Mach 2.5, mach.defs 2089
 */
UMACH_EXPORT kern_return_t port_extract_receive(task_t task, port_name_t his_name, port_all_t* his_port);

/*
 * port_set_backup: name the port that inherits a port that would otherwise die.
 *
 * takes: a send right to backup is copied; PORT_NULL clears. *previous is the send right that was there, or
 *   PORT_NULL. When the port would die, its rights go to the backup in NOTIFY_PORT_DESTROYED, its queue and
 *   senders stay, and the link is cleared. A backup that is dead, or that would make a circle, lets the port
 *   die.
 * returns: KERN_SUCCESS set; KERN_NOT_RECEIVER a send right, send-once right or dead name under name;
 *   KERN_INVALID_ARGUMENT no such name, a set, or no right to send with under backup;
 *   KERN_RESOURCE_SHORTAGE no room in the space for the previous one
 * source: Mach 2.5, mach.defs 2116
 */
UMACH_EXPORT kern_return_t port_set_backup(task_t task, port_name_t name, port_t backup, port_t* previous);

/*
 * port_request_notification: ask to be told, once, that a port's senders are gone or that it died, or that a
 *   send-once right to it died unused.
 *
 * takes: a send-once right to notify is made from a receive right, or moved if notify names a send-once
 *   right; PORT_NULL cancels. *previous is the send-once right of the request that was there, or PORT_NULL.
 * returns: KERN_SUCCESS asked; KERN_NOT_RECEIVER NOTIFY_NO_MORE_SENDERS or NOTIFY_SEND_ONCE without the
 *   receive right; KERN_INVALID_ARGUMENT no such name, a set, another notification, or no receive or
 *   send-once right under notify; KERN_RESOURCE_SHORTAGE no room in the space for the previous one
 * limits: notification is NOTIFY_NO_MORE_SENDERS, NOTIFY_SEND_ONCE or NOTIFY_PORT_DELETED. One request of
 *   the last a name, and one of the other two a port: a new one takes its place. The reply right of msg_rpc()
 *   is not told of: the call itself ends.
 * source: an addition, after Mach 3's mach_port_request_notification
 */
UMACH_EXPORT kern_return_t port_request_notification(task_t task, port_name_t name, int notification,
                                                     port_t notify, port_t* previous);

UMACH_END_C
