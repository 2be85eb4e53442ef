// SPDX-License-Identifier: BSL-1.0
#include "tasks/mach25/face.hpp"

using namespace umach;
using namespace umach::tasks;
using ports::Caller;
using ports::TaskRef;

extern "C" {

kern_return_t port_set_allocate(task_t task, port_set_name_t* set_name) {
    return on_task_for(task, set_name, [](Caller& c, TaskRef t, port_set_name_t* made) {
        return ports::set_allocate(c, t, made);
    });
}

kern_return_t port_set_deallocate(task_t task, port_set_name_t set_name) {
    return on_task(task, [&](Caller& c, TaskRef t) { return ports::set_deallocate(c, t, set_name); });
}

kern_return_t port_set_add(task_t task, port_set_name_t set_name, port_name_t port_name) {
    return on_task(task, [&](Caller& c, TaskRef t) { return ports::set_add(c, t, set_name, port_name); });
}

kern_return_t port_set_remove(task_t task, port_name_t port_name) {
    return on_task(task, [&](Caller& c, TaskRef t) { return ports::set_remove(c, t, port_name); });
}

kern_return_t port_set_status(task_t task, port_set_name_t set_name, port_name_array_t* members,
                              unsigned int* members_count) {
    return on_task(task, [&](Caller& c, TaskRef t) {
        const Result members_at(members);
        const Result count_at(members_count);
        if (!members_at.usable() || !count_at.usable()) return no_such_memory();
        std::vector<port_name_t> found;
        const kern_return_t code = ports::set_status(c, t, set_name, &found);
        return code == KERN_SUCCESS ? give_array(found.data(), found.size(), members_at, count_at) : code;
    });
}

}  // extern "C"
