// SPDX-License-Identifier: BSL-1.0
// The calls on ports, on a task of any process of the host: what port_allocate and its kin do, with their codes. The
// contracts are in <mach/port_interface.h>, <mach/port_set_interface.h> and <mach/task_interface.h>. `task` is the task
// whose space is worked on; a task that has ended gives KERN_INVALID_ARGUMENT. Names are those of that space, unless a
// parameter says otherwise.
#pragma once

#include "ports/caller.hpp"

#include <mach/kern_return.h>
#include <mach/port.h>
#include <vector>

namespace umach::ports {

struct NameAndType {
    port_name_t name;
    port_type_t type;
};
struct PortStatus {
    port_name_t enabled_set;
    int messages;
    int backlog;
    bool ownership;
    bool receive_rights;
};

// port.cpp
kern_return_t allocate(Caller& caller, TaskRef task, port_name_t* name);
kern_return_t deallocate(Caller& caller, TaskRef task, port_name_t name);
kern_return_t names(Caller& caller, TaskRef task, std::vector<NameAndType>* found);
kern_return_t type(Caller& caller, TaskRef task, port_name_t name, port_type_t* type);
kern_return_t rename(Caller& caller, TaskRef task, port_name_t old_name, port_name_t new_name);
kern_return_t status(Caller& caller, TaskRef task, port_name_t name, PortStatus* status);
kern_return_t set_backlog(Caller& caller, TaskRef task, port_name_t name, int backlog);
// backup: a name in the caller's space, PORT_NULL to clear. previous: a name in the caller's space, PORT_NULL if none
kern_return_t set_backup(Caller& caller, TaskRef task, port_name_t name, port_name_t backup, port_name_t* previous);

// set.cpp
kern_return_t set_allocate(Caller& caller, TaskRef task, port_name_t* set);
kern_return_t set_deallocate(Caller& caller, TaskRef task, port_name_t set);
kern_return_t set_add(Caller& caller, TaskRef task, port_name_t set, port_name_t port);
kern_return_t set_remove(Caller& caller, TaskRef task, port_name_t port);
kern_return_t set_status(Caller& caller, TaskRef task, port_name_t set, std::vector<port_name_t>* members);

// hand_over.cpp. my: a name in the caller's space. his: a name in the task's.
kern_return_t insert_send(Caller& caller, TaskRef task, port_name_t my, port_name_t his);
kern_return_t extract_send(Caller& caller, TaskRef task, port_name_t his, port_name_t* my);
kern_return_t insert_receive(Caller& caller, TaskRef task, port_name_t my, port_name_t his);
kern_return_t extract_receive(Caller& caller, TaskRef task, port_name_t his, port_name_t* my);

// references.cpp
// right: a port_type_t that says which right: PORT_TYPE_SEND, _RECEIVE, _OWN, _SEND_ONCE, _DEAD_NAME
kern_return_t release(Caller& caller, TaskRef task, port_name_t name, port_type_t right);
kern_return_t reference(Caller& caller, TaskRef task, port_name_t name);
// notify: a name in the caller's space, PORT_NULL to clear. previous: a name in the caller's space
kern_return_t request_notification(Caller& caller, TaskRef task, port_name_t name, int id, port_name_t notify,
                                   port_name_t* previous);

// hand_over.cpp, as all that follows: special and registered ports. which: a number of ports::Special. Ports are names
// in the caller's space.
kern_return_t get_special(Caller& caller, TaskRef task, std::uint32_t which, port_name_t* port);
kern_return_t set_special(Caller& caller, TaskRef task, std::uint32_t which, port_name_t port);
kern_return_t register_ports(Caller& caller, TaskRef task, const port_name_t* ports, std::uint32_t count);
kern_return_t look_up_registered(Caller& caller, TaskRef task, std::vector<port_name_t>* ports);

// The names of a task's own kernel port (a send right) and notify port (its receive right) in its own space.
port_name_t self_name(Caller& caller);
port_name_t notify_name(Caller& caller);

// Resolves a name of a kernel port in the caller's space to the task it stands for.
// returns: a null reference when the name is not one of a task's kernel port
TaskRef task_of_name(Caller& caller, port_name_t name);

}  // namespace umach::ports
