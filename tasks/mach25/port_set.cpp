// SPDX-License-Identifier: BSL-1.0
#include "tasks/kernel/port_set_calls.hpp"
#include "tasks/mach25/direct.hpp"

using namespace umach::tasks;

extern "C" {

kern_return_t port_set_allocate(task_t task, port_set_name_t* set_name) {
    return direct<calls::port_set_allocate>(task, set_name);
}

kern_return_t port_set_deallocate(task_t task, port_set_name_t set_name) {
    return direct_held<calls::port_set_deallocate>(task, set_name);
}

kern_return_t port_set_add(task_t task, port_set_name_t set_name, port_name_t port_name) {
    return direct<calls::port_set_add>(task, set_name, port_name);
}

kern_return_t port_set_remove(task_t task, port_name_t port_name) {
    return direct<calls::port_set_remove>(task, port_name);
}

kern_return_t port_set_status(task_t task, port_set_name_t set_name, port_name_array_t* members,
                              unsigned int* members_count) {
    return direct<calls::port_set_status>(task, set_name, Made{members, members_count});
}

}  // extern "C"
