// SPDX-License-Identifier: BSL-1.0
#include "tasks/mach25/face.hpp"

using namespace umach;
using namespace umach::tasks;
using ports::Caller;
using ports::TaskRef;

extern "C" {

kern_return_t port_allocate(task_t task, port_name_t* name) {
    return on_task_for(task, name,
                       [](Caller& c, TaskRef t, port_name_t* made) { return ports::allocate(c, t, made); });
}

kern_return_t port_deallocate(task_t task, port_name_t name) {
    return on_task(task, [&](Caller& c, TaskRef t) { return ports::deallocate(c, t, name); });
}

kern_return_t port_reference(task_t task, port_name_t name, port_type_t right) {
    return on_task(task, [&](Caller& c, TaskRef t) {
        if (right == PORT_TYPE_SEND || right == PORT_TYPE_DEAD_NAME) {
            port_type_t held = PORT_TYPE_NONE;
            const kern_return_t code = ports::type(c, t, name, &held);
            if (code != KERN_SUCCESS) return code;
            const bool dead = held == PORT_TYPE_DEAD_NAME;
            if (dead == (right == PORT_TYPE_DEAD_NAME)) return ports::reference(c, t, name);
        }
        runtime::set_detail("%d has no such right with references to count", name);
        return KERN_INVALID_ARGUMENT;
    });
}

kern_return_t port_release(task_t task, port_name_t name, port_type_t right) {
    return on_task(task, [&](Caller& c, TaskRef t) { return ports::release(c, t, name, right); });
}

kern_return_t port_names(task_t task, port_name_array_t* names, unsigned int* names_count,
                         port_type_array_t* types, unsigned int* types_count) {
    return on_task(task, [&](Caller& c, TaskRef t) {
        const Result names_at(names);
        const Result types_at(types);
        const Result names_count_at(names_count), types_count_at(types_count);
        if (!names_at.usable() || !types_at.usable() || !names_count_at.usable() || !types_count_at.usable())
            return no_such_memory();
        std::vector<ports::NameAndType> found;
        kern_return_t code = ports::names(c, t, &found);
        if (code != KERN_SUCCESS) return code;
        std::vector<port_name_t> all_names;
        std::vector<port_type_t> all_types;
        for (const auto& [name, type] : found) {
            all_names.push_back(name);
            all_types.push_back(type);
        }
        code = give_array(all_names.data(), all_names.size(), names_at, names_count_at);
        return code == KERN_SUCCESS ? give_array(all_types.data(), all_types.size(), types_at, types_count_at)
                                    : code;
    });
}

kern_return_t port_type(task_t task, port_name_t name, port_type_t* type) {
    return on_task_for(task, type,
                       [&](Caller& c, TaskRef t, port_type_t* it) { return ports::type(c, t, name, it); });
}

kern_return_t port_rename(task_t task, port_name_t old_name, port_name_t new_name) {
    return on_task(task, [&](Caller& c, TaskRef t) { return ports::rename(c, t, old_name, new_name); });
}

kern_return_t port_set_backlog(task_t task, port_name_t name, int backlog) {
    return on_task(task, [&](Caller& c, TaskRef t) { return ports::set_backlog(c, t, name, backlog); });
}

kern_return_t port_status(task_t task, port_name_t name, port_set_name_t* enabled_set, int* num_msgs,
                          int* backlog, boolean_t* ownership, boolean_t* receive_rights) {
    return on_task(task, [&](Caller& c, TaskRef t) {
        const Result set_at(enabled_set);
        const Result messages_at(num_msgs), backlog_at(backlog);
        const Result ownership_at(ownership), receive_at(receive_rights);
        if (!set_at.usable() || !messages_at.usable() || !backlog_at.usable() || !ownership_at.usable() ||
            !receive_at.usable())
            return no_such_memory();
        ports::PortStatus status{};
        const kern_return_t code = ports::status(c, t, name, &status);
        if (code != KERN_SUCCESS) return code;
        const bool given = set_at.give(status.enabled_set) == KERN_SUCCESS &&
                           messages_at.give(status.messages) == KERN_SUCCESS &&
                           backlog_at.give(status.backlog) == KERN_SUCCESS &&
                           ownership_at.give(status.ownership ? TRUE : FALSE) == KERN_SUCCESS &&
                           receive_at.give(status.receive_rights ? TRUE : FALSE) == KERN_SUCCESS;
        return given ? KERN_SUCCESS : no_such_memory();
    });
}

kern_return_t port_insert_send(task_t task, port_t my_port, port_name_t his_name) {
    return on_task(task, [&](Caller& c, TaskRef t) { return ports::insert_send(c, t, my_port, his_name); });
}

kern_return_t port_extract_send(task_t task, port_name_t his_name, port_t* his_port) {
    return on_task_for(task, his_port, [&](Caller& c, TaskRef t, port_t* mine) {
        return ports::extract_send(c, t, his_name, mine);
    });
}

kern_return_t port_insert_receive(task_t task, port_all_t my_port, port_name_t his_name) {
    return on_task(task,
                   [&](Caller& c, TaskRef t) { return ports::insert_receive(c, t, my_port, his_name); });
}

kern_return_t port_extract_receive(task_t task, port_name_t his_name, port_all_t* his_port) {
    return on_task_for(task, his_port, [&](Caller& c, TaskRef t, port_all_t* mine) {
        return ports::extract_receive(c, t, his_name, mine);
    });
}

kern_return_t port_set_backup(task_t task, port_name_t name, port_t backup, port_t* previous) {
    return on_task_for(task, previous, [&](Caller& c, TaskRef t, port_t* was) {
        return ports::set_backup(c, t, name, backup, was);
    });
}

kern_return_t port_request_notification(task_t task, port_name_t name, int notification, port_t notify,
                                        port_t* previous) {
    return on_task_for(task, previous, [&](Caller& c, TaskRef t, port_t* was) {
        return ports::request_notification(c, t, name, notification, notify, was);
    });
}

}  // extern "C"
