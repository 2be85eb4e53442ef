// SPDX-License-Identifier: BSL-1.0
#include "tasks/kernel/port_calls.hpp"
#include "tasks/mach25/direct.hpp"

using namespace umach::tasks;

extern "C" {

kern_return_t port_allocate(task_t task, port_name_t* name) {
    return direct<calls::port_allocate>(task, name);
}

kern_return_t port_deallocate(task_t task, port_name_t name) {
    return direct_held<calls::port_deallocate>(task, name);
}

kern_return_t port_reference(task_t task, port_name_t name, port_type_t right) {
    return direct<calls::port_reference>(task, name, right);
}

kern_return_t port_release(task_t task, port_name_t name, port_type_t right) {
    return direct_held<calls::port_release>(task, name, right);
}

kern_return_t port_names(task_t task, port_name_array_t* names, unsigned int* names_count,
                         port_type_array_t* types, unsigned int* types_count) {
    return direct<calls::port_names>(task, Made{names, names_count}, Made{types, types_count});
}

kern_return_t port_type(task_t task, port_name_t name, port_type_t* type) {
    return direct_held<calls::port_type>(task, name, type);
}

kern_return_t port_rename(task_t task, port_name_t old_name, port_name_t new_name) {
    return direct<calls::port_rename>(task, old_name, new_name);
}

kern_return_t port_set_backlog(task_t task, port_name_t name, int backlog) {
    return direct<calls::port_set_backlog>(task, name, backlog);
}

kern_return_t port_status(task_t task, port_name_t name, port_set_name_t* enabled_set, int* num_msgs,
                          int* backlog, boolean_t* ownership, boolean_t* receive_rights) {
    return direct<calls::port_status>(task, name, enabled_set, num_msgs, backlog, ownership, receive_rights);
}

kern_return_t port_insert_send(task_t task, port_t my_port, port_name_t his_name) {
    return direct<calls::port_insert_send>(task, my_port, his_name);
}

kern_return_t port_extract_send(task_t task, port_name_t his_name, port_t* his_port) {
    return direct<calls::port_extract_send>(task, his_name, his_port);
}

kern_return_t port_insert_receive(task_t task, port_all_t my_port, port_name_t his_name) {
    return direct<calls::port_insert_receive>(task, my_port, his_name);
}

kern_return_t port_extract_receive(task_t task, port_name_t his_name, port_all_t* his_port) {
    return direct<calls::port_extract_receive>(task, his_name, his_port);
}

kern_return_t port_set_backup(task_t task, port_name_t name, port_t backup, port_t* previous) {
    return direct<calls::port_set_backup>(task, name, backup, previous);
}

kern_return_t port_request_notification(task_t task, port_name_t name, int notification, port_t notify,
                                        port_t* previous) {
    return direct<calls::port_request_notification>(task, name, notification, notify, previous);
}

}  // extern "C"
