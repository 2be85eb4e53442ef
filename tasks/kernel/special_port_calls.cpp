// SPDX-License-Identifier: BSL-1.0
#include "tasks/kernel/special_port_calls.hpp"

#include "ports/calls.hpp"
#include "runtime/detail.hpp"
#include "tasks/kernel/serve.hpp"

namespace umach::tasks::calls {
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

}  // namespace

kern_return_t mach_ports_register(Caller& caller, TaskRef task, List<Port> list) {
    return ports::register_ports(caller, task, list.values.data(),
                                 static_cast<std::uint32_t>(list.values.size()));
}

kern_return_t mach_ports_lookup(Caller& caller, TaskRef task, Array<Port>* list) {
    return ports::look_up_registered(caller, task, &list->values);
}

kern_return_t task_get_special_port(Caller& caller, TaskRef task, Int which, Port* special_port) {
    std::uint32_t special = 0;
    if (!special_of(which.value, &special)) return KERN_INVALID_ARGUMENT;
    return ports::get_special(caller, task, special, &special_port->value);
}

kern_return_t task_set_special_port(Caller& caller, TaskRef task, Int which, Port special_port) {
    std::uint32_t special = 0;
    if (!special_of(which.value, &special)) return KERN_INVALID_ARGUMENT;
    return ports::set_special(caller, task, special, special_port.value);
}

}  // namespace umach::tasks::calls

namespace umach::tasks {
namespace {

constexpr auto rows = std::to_array<Call>({
    call<calls::mach_ports_register>(2034, "mach_ports_register", {"ports"}),
    call<calls::mach_ports_lookup>(2035, "mach_ports_lookup", {"ports"}),
    call<calls::task_get_special_port>(2059, "task_get_special_port", {"which", "special_port"}),
    call<calls::task_set_special_port>(2060, "task_set_special_port", {"which", "special_port"}),
});

}  // namespace

constinit const Calls special_port_calls{rows};

}  // namespace umach::tasks
