// SPDX-License-Identifier: BSL-1.0
#include "peers/umach_link.hpp"

#include <string>

namespace bench {
namespace {

// How large a host is made: by the first call.
void size_host(const char* what, unsigned number) {
    if (number > 0) setenv(what, std::to_string(number + 10000).c_str(), 1);
}

void make_tasks(unsigned count) {
    for (unsigned i = 0; i < count; ++i) umach::Task::create().value();
}

}  // namespace

PortParent::PortParent(const Config& config)
    : token_((size_host("UMACH_PORTS", config.ports + 2 * config.tasks),
              size_host("UMACH_TASKS", config.tasks), umach::ReceiveRight::allocate().value())) {
    umach::register_ports({umach::PortName(task_self()), token_}).value();
    make_tasks(config.tasks);
}

FoundPort::FoundPort(const Config& config) : port_(umach::ReceiveRight::allocate().value()) {
    const umach::Task parent = parent_task();
    parent.register_ports({parent, umach::registered_port(token_slot).value(), port_}).value();
    port_name_t more = PORT_NULL;
    for (unsigned i = 0; i < config.ports; ++i)
        check_code(port_allocate(task_self(), &more), "port_allocate");
}

umach::SendRight find_server() {
    return parent_task().registered_port(server_slot).value();
}

}  // namespace bench
