// SPDX-License-Identifier: BSL-1.0
// Calls on the ports of a task; <mach/port_interface.h> has their contracts.
#pragma once

#include "tasks/kernel/calls.hpp"

namespace umach::tasks {

extern const Calls port_calls;

namespace calls {

using ports::Caller;
using ports::TaskRef;

kern_return_t port_names(Caller& caller, TaskRef task, Array<Name>* names, Array<Int>* types);
kern_return_t port_type(Caller& caller, TaskRef task, Name name, Int* type);
kern_return_t port_rename(Caller& caller, TaskRef task, Name old_name, Name new_name);
kern_return_t port_allocate(Caller& caller, TaskRef task, Name* name);
kern_return_t port_deallocate(Caller& caller, TaskRef task, Name name);
kern_return_t port_set_backlog(Caller& caller, TaskRef task, Name name, Int backlog);
kern_return_t port_status(Caller& caller, TaskRef task, Name name, Name* enabled_set, Int* num_msgs,
                          Int* backlog, Bool* ownership, Bool* receive_rights);
kern_return_t port_insert_send(Caller& caller, TaskRef task, Port my_port, Name his_name);
kern_return_t port_extract_send(Caller& caller, TaskRef task, Name his_name, Port* his_port);
kern_return_t port_insert_receive(Caller& caller, TaskRef task, PortAll my_port, Name his_name);
kern_return_t port_extract_receive(Caller& caller, TaskRef task, Name his_name, PortAll* his_port);
kern_return_t port_set_backup(Caller& caller, TaskRef task, Name name, Port backup, Port* previous);
kern_return_t port_reference(Caller& caller, TaskRef task, Name name, Int right);
kern_return_t port_release(Caller& caller, TaskRef task, Name name, Int right);
kern_return_t port_request_notification(Caller& caller, TaskRef task, Name name, Int notification,
                                        SendOnce notify, SendOnce* previous);

}  // namespace calls
}  // namespace umach::tasks
