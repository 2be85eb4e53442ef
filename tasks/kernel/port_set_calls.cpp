// SPDX-License-Identifier: BSL-1.0
#include "tasks/kernel/port_set_calls.hpp"

#include "ports/calls.hpp"
#include "tasks/kernel/serve.hpp"

namespace umach::tasks::calls {

kern_return_t port_set_allocate(Caller& caller, TaskRef task, Name* set_name) {
    return ports::set_allocate(caller, task, &set_name->value);
}

kern_return_t port_set_deallocate(Caller& caller, TaskRef task, Name set_name) {
    return ports::set_deallocate(caller, task, set_name.value);
}

kern_return_t port_set_add(Caller& caller, TaskRef task, Name set_name, Name port_name) {
    return ports::set_add(caller, task, set_name.value, port_name.value);
}

kern_return_t port_set_remove(Caller& caller, TaskRef task, Name port_name) {
    return ports::set_remove(caller, task, port_name.value);
}

kern_return_t port_set_status(Caller& caller, TaskRef task, Name set_name, Array<Name>* members) {
    return ports::set_status(caller, task, set_name.value, &members->values);
}

}  // namespace umach::tasks::calls

namespace umach::tasks {
namespace {

constexpr auto rows = std::to_array<Call>({
    call<calls::port_set_allocate>(2081, "port_set_allocate", {"set_name"}),
    call<calls::port_set_deallocate>(2082, "port_set_deallocate", {"set_name"}),
    call<calls::port_set_add>(2083, "port_set_add", {"set_name", "port_name"}),
    call<calls::port_set_remove>(2084, "port_set_remove", {"port_name"}),
    call<calls::port_set_status>(2085, "port_set_status", {"set_name", "members"}),
});

}  // namespace

constinit const Calls port_set_calls{rows};

}  // namespace umach::tasks
