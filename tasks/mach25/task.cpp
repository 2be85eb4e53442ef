// SPDX-License-Identifier: BSL-1.0
// The caller's own task, special ports, registered ports, and where the name service is.
#include "tasks/mach25/face.hpp"
#include "tasks/name_service.hpp"

#include <array>

using namespace umach;
using namespace umach::tasks;
using ports::Caller;
using ports::TaskRef;

namespace {

// Mach's number of a special port, as the kernel counts them.
bool special_of(int which, std::uint32_t* special) {
    switch (which) {
        case TASK_KERNEL_PORT: *special = ports::special_kernel; return true;
        case TASK_NOTIFY_PORT: *special = ports::special_notify; return true;
        case TASK_EXCEPTION_PORT: *special = ports::special_exception; return true;
        case TASK_BOOTSTRAP_PORT: *special = ports::special_bootstrap; return true;
        default: runtime::set_detail("%d is not the number of a special port", which); return false;
    }
}

// A name that the library has for a port of the calling thread's task, asked for once and then remembered.
struct Remembered {
    const Host* host = nullptr;
    TaskRef task;
    ports::PortRef port;
    port_name_t name = PORT_NULL;
};
constinit thread_local Remembered bootstrap_name;
constinit thread_local Remembered server_name;

bool is_send_right(Caller& c, port_name_t name) {
    port_type_t type = PORT_TYPE_NONE;
    return ports::type(c, c.task, name, &type) == KERN_SUCCESS && (type & PORT_TYPE_SEND) != 0 &&
           type < PORT_TYPE_SET;
}

template <class Ask>
port_t remember(const Trap& trap, Remembered& known, ports::PortRef port, Ask ask) {
    Caller& c = trap.caller();
    const bool ours = known.host == &trap.host() && known.task == c.task;
    if (!ours || !port || known.port != port || !is_send_right(c, known.name))
        known = {&trap.host(), c.task, port, port ? ask() : PORT_NULL};
    return known.name;
}

port_t bootstrap_port_of(const Trap& trap) {
    Caller& c = trap.caller();
    const auto& special = c.k.task(c.task.index).special[ports::special_bootstrap];
    // Nobody keeps a host of one process: its name service starts when it is asked for.
    if (!special.get() && !trap.host().keeper()) start_name_service(trap.host());
    return remember(trap, bootstrap_name, special, [&] {
        port_name_t name = PORT_NULL;
        ports::get_special(c, c.task, ports::special_bootstrap, &name);
        return name;
    });
}

port_t name_server_of(const Trap& trap) {
    Caller& c = trap.caller();
    const ports::PortRef registered = c.k.task(c.task.index).registered[NAME_SERVER_SLOT];
    if (!registered) return bootstrap_port_of(trap);
    return remember(trap, server_name, registered, [&] {
        port_name_t kept = PORT_NULL;
        std::vector<port_name_t> names;
        ports::look_up_registered(c, c.task, &names);
        for (std::size_t slot = 0; slot < names.size(); ++slot) {
            if (slot == NAME_SERVER_SLOT)
                kept = names[slot];
            else if (names[slot] != PORT_NULL)
                ports::release(c, c.task, names[slot], PORT_TYPE_SEND);
        }
        return kept;
    });
}

// Runs a question whose answer is a name; PORT_NULL when there is no host.
template <class Body>
port_t ask(Body&& body) {
    runtime::clear_detail();
    const Trap trap;
    if (trap) return body(trap);
    keep_detail(KERN_RESOURCE_SHORTAGE);
    return PORT_NULL;
}

}  // namespace

extern "C" {

task_t task_self(void) {
    return ask([](const Trap& trap) { return ports::self_name(trap.caller()); });
}

port_t task_notify(void) {
    return ask([](const Trap& trap) { return ports::notify_name(trap.caller()); });
}

port_t umach_bootstrap_port(void) {
    return ask(bootstrap_port_of);
}

port_t umach_name_server_port(void) {
    return ask(name_server_of);
}

kern_return_t task_get_special_port(task_t task, int which, port_t* special_port) {
    return on_task_for(task, special_port, [&](Caller& c, TaskRef t, port_t* port) {
        std::uint32_t special = 0;
        return special_of(which, &special) ? ports::get_special(c, t, special, port) : KERN_INVALID_ARGUMENT;
    });
}

kern_return_t task_set_special_port(task_t task, int which, port_t special_port) {
    return on_task(task, [&](Caller& c, TaskRef t) {
        std::uint32_t special = 0;
        return special_of(which, &special) ? ports::set_special(c, t, special, special_port)
                                           : KERN_INVALID_ARGUMENT;
    });
}

kern_return_t mach_ports_register(task_t task, port_array_t ports, unsigned int ports_count) {
    return on_task(task, [&](Caller& c, TaskRef t) {
        std::array<port_t, TASK_PORT_REGISTER_MAX> names{};
        if (ports_count > names.size()) {
            runtime::set_detail("%u ports, of at most %zu that a task can register", ports_count,
                                names.size());
            return KERN_INVALID_ARGUMENT;
        }
        if (!runtime::copy_in(names.data(), ports, ports_count * sizeof(port_t))) return no_such_memory();
        return ports::register_ports(c, t, names.data(), ports_count);
    });
}

kern_return_t mach_ports_lookup(task_t task, port_array_t* ports, unsigned int* ports_count) {
    return on_task(task, [&](Caller& c, TaskRef t) {
        const Result ports_at(ports);
        const Result count_at(ports_count);
        if (!ports_at.usable() || !count_at.usable()) return no_such_memory();
        std::vector<port_name_t> found;
        const kern_return_t code = ports::look_up_registered(c, t, &found);
        return code == KERN_SUCCESS ? give_array(found.data(), found.size(), ports_at, count_at) : code;
    });
}

}  // extern "C"
