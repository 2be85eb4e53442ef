// SPDX-License-Identifier: BSL-1.0
#include "tasks/kernel/port_calls.hpp"

#include "ports/calls.hpp"
#include "runtime/detail.hpp"
#include "tasks/kernel/serve.hpp"

namespace umach::tasks::calls {

kern_return_t port_names(Caller& caller, TaskRef task, Array<Name>* names, Array<Int>* types) {
    std::vector<ports::NameAndType> found;
    const kern_return_t code = ports::names(caller, task, &found);
    for (const auto& [name, type] : found) {
        names->values.push_back(name);
        types->values.push_back(type);
    }
    return code;
}

kern_return_t port_type(Caller& caller, TaskRef task, Name name, Int* type) {
    return ports::type(caller, task, name.value, &type->value);
}

kern_return_t port_rename(Caller& caller, TaskRef task, Name old_name, Name new_name) {
    return ports::rename(caller, task, old_name.value, new_name.value);
}

kern_return_t port_allocate(Caller& caller, TaskRef task, Name* name) {
    return ports::allocate(caller, task, &name->value);
}

kern_return_t port_deallocate(Caller& caller, TaskRef task, Name name) {
    return ports::deallocate(caller, task, name.value);
}

kern_return_t port_set_backlog(Caller& caller, TaskRef task, Name name, Int backlog) {
    return ports::set_backlog(caller, task, name.value, backlog.value);
}

kern_return_t port_status(Caller& caller, TaskRef task, Name name, Name* enabled_set, Int* num_msgs,
                          Int* backlog, Bool* ownership, Bool* receive_rights) {
    ports::PortStatus status{};
    const kern_return_t code = ports::status(caller, task, name.value, &status);
    *enabled_set = {status.enabled_set};
    *num_msgs = {status.messages};
    *backlog = {status.backlog};
    *ownership = {status.ownership ? TRUE : FALSE};
    *receive_rights = {status.receive_rights ? TRUE : FALSE};
    return code;
}

kern_return_t port_insert_send(Caller& caller, TaskRef task, Port my_port, Name his_name) {
    return ports::insert_send(caller, task, my_port.value, his_name.value);
}

kern_return_t port_extract_send(Caller& caller, TaskRef task, Name his_name, Port* his_port) {
    return ports::extract_send(caller, task, his_name.value, &his_port->value);
}

kern_return_t port_insert_receive(Caller& caller, TaskRef task, PortAll my_port, Name his_name) {
    return ports::insert_receive(caller, task, my_port.value, his_name.value);
}

kern_return_t port_extract_receive(Caller& caller, TaskRef task, Name his_name, PortAll* his_port) {
    return ports::extract_receive(caller, task, his_name.value, &his_port->value);
}

kern_return_t port_set_backup(Caller& caller, TaskRef task, Name name, Port backup, Port* previous) {
    return ports::set_backup(caller, task, name.value, backup.value, &previous->value);
}

kern_return_t port_reference(Caller& caller, TaskRef task, Name name, Int right) {
    if (right.value == PORT_TYPE_SEND || right.value == PORT_TYPE_DEAD_NAME) {
        port_type_t held = PORT_TYPE_NONE;
        const kern_return_t code = ports::type(caller, task, name.value, &held);
        if (code != KERN_SUCCESS) return code;
        const bool dead = held == PORT_TYPE_DEAD_NAME;
        if (dead == (right.value == PORT_TYPE_DEAD_NAME)) return ports::reference(caller, task, name.value);
    }
    runtime::set_detail("%d has no such right with references to count", name.value);
    return KERN_INVALID_ARGUMENT;
}

kern_return_t port_release(Caller& caller, TaskRef task, Name name, Int right) {
    return ports::release(caller, task, name.value, right.value);
}

kern_return_t port_request_notification(Caller& caller, TaskRef task, Name name, Int notification,
                                        SendOnce notify, SendOnce* previous) {
    return ports::request_notification(caller, task, name.value, notification.value, notify.value,
                                       &previous->value);
}

}  // namespace umach::tasks::calls

namespace umach::tasks {
namespace {

constexpr auto rows = std::to_array<Call>({
    call<calls::port_names>(2074, "port_names", {"names", "types"}),
    call<calls::port_type>(2075, "port_type", {"name", "type"}),
    call<calls::port_rename>(2076, "port_rename", {"old_name", "new_name"}),
    call<calls::port_allocate>(2077, "port_allocate", {"name"}),
    call<calls::port_deallocate>(2078, "port_deallocate", {"name"}),
    call<calls::port_set_backlog>(2079, "port_set_backlog", {"name", "backlog"}),
    call<calls::port_status>(2080, "port_status",
                             {"name", "enabled_set", "num_msgs", "backlog", "ownership", "receive_rights"}),
    call<calls::port_insert_send>(2086, "port_insert_send", {"my_port", "his_name"}),
    call<calls::port_extract_send>(2087, "port_extract_send", {"his_name", "his_port"}),
    call<calls::port_insert_receive>(2088, "port_insert_receive", {"my_port", "his_name"}),
    call<calls::port_extract_receive>(2089, "port_extract_receive", {"his_name", "his_port"}),
    call<calls::port_set_backup>(2116, "port_set_backup", {"name", "backup", "previous"}),
    call<calls::port_reference>(first_own_id, "port_reference", {"name", "right"}),
    call<calls::port_release>(first_own_id + 1, "port_release", {"name", "right"}),
    call<calls::port_request_notification>(first_own_id + 2, "port_request_notification",
                                           {"name", "notification", "notify", "previous"}),
});

}  // namespace

constinit const Calls port_calls{rows};

}  // namespace umach::tasks
