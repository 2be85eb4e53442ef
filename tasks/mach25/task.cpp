// SPDX-License-Identifier: BSL-1.0
// Tasks as a whole, their special and registered ports, and where the name service is.
#include "tasks/kernel/special_port_calls.hpp"
#include "tasks/kernel/task_calls.hpp"
#include "tasks/mach25/direct.hpp"
#include "tasks/name_service.hpp"

using namespace umach;
using namespace umach::tasks;
using ports::Caller;
using ports::TaskRef;

namespace {

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
    // Nobody keeps a host of one process: its name service starts when it is asked for. So does that of a host which this
    // process was made the keeper of just now.
    if (!special.get() && (!trap.host().keeper() || trap.host().has_name())) start_name_service(trap.host());
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
    port_t answer = PORT_NULL;
    const Held held;
    with_detail([&] {
        const Trap trap;
        if (!trap) return KERN_RESOURCE_SHORTAGE;
        answer = body(trap);
        return KERN_SUCCESS;
    });
    return answer;
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

kern_return_t task_create(task_t parent_task, boolean_t inherit_memory, task_t* child_task) {
    return direct<calls::task_create>(parent_task, inherit_memory, child_task);
}

kern_return_t task_terminate(task_t target_task) {
    return direct<calls::task_terminate>(target_task);
}

kern_return_t task_suspend(task_t target_task) {
    return direct<calls::task_suspend>(target_task);
}

kern_return_t task_resume(task_t target_task) {
    return direct<calls::task_resume>(target_task);
}

kern_return_t task_threads(task_t target_task, thread_array_t* thread_list, unsigned int* thread_count) {
    return direct<calls::task_threads>(target_task, Made{thread_list, thread_count});
}

kern_return_t task_get_special_port(task_t task, int which, port_t* special_port) {
    return direct<calls::task_get_special_port>(task, which, special_port);
}

kern_return_t task_set_special_port(task_t task, int which, port_t special_port) {
    return direct<calls::task_set_special_port>(task, which, special_port);
}

kern_return_t mach_ports_register(task_t task, port_array_t ports, unsigned int ports_count) {
    return direct<calls::mach_ports_register>(task, Given<port_t, TASK_PORT_REGISTER_MAX>{ports, ports_count});
}

kern_return_t mach_ports_lookup(task_t task, port_array_t* ports, unsigned int* ports_count) {
    return direct<calls::mach_ports_lookup>(task, Made{ports, ports_count});
}

}  // extern "C"
