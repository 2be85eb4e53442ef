// SPDX-License-Identifier: BSL-1.0
#include "ports/hand_over.hpp"

#include "ports/calls.hpp"
#include "ports/kernel_port.hpp"
#include "ports/port.hpp"
#include "runtime/detail.hpp"

namespace umach::ports {

using runtime::set_detail;

kern_return_t no_such_name(port_name_t name) {
    set_detail("name %d is not in use in this task", name);
    return KERN_INVALID_ARGUMENT;
}

kern_return_t wrong_right(port_name_t name, const char* wanted, kern_return_t code) {
    set_detail("name %d is not %s", name, wanted);
    return code;
}

kern_return_t hand_out(KernelStep& s, Caller& caller, PortRef port, port_name_t* name) {
    *name = PORT_NULL;
    return port && count_send(s, port) ? hand_on(s, caller, port, name) : KERN_SUCCESS;
}

kern_return_t hand_on(KernelStep& s, Caller& caller, PortRef port, port_name_t* name) {
    *name = PORT_NULL;
    if (!port || s.lock_live(port) == nullptr) return KERN_SUCCESS;
    s.lock(caller.task);
    const std::uint32_t index = put_send(s, caller.task, port);
    if (index == 0) return KERN_RESOURCE_SHORTAGE;
    *name = name_of_entry(s.k, s.k.task(caller.task.index), index);
    return KERN_SUCCESS;
}

bool to_send_to(KernelStep& s, Caller& caller, port_name_t name, PortRef* port) {
    *port = {};
    if (name == PORT_NULL) return true;
    s.lock(caller.task);
    const Destination found = destination_of(s.k, s.k.task(caller.task.index), bare(name));
    if (!found.port || found.send_once || s.lock_live(found.port) == nullptr) {
        set_detail("name %d is no right to send with", name);
        return false;
    }
    *port = found.port;
    return true;
}

// ---- insert and extract --------------------------------------------------------------------------------------------

namespace {

// The task must not know the port, and must not use the name.
kern_return_t can_insert(KernelStep& s, TaskRecord& task, PortRef port, port_name_t his) {
    if (his == PORT_NULL || his == PORT_DEAD) return wrong_right(his, "a name that can be given", KERN_INVALID_ARGUMENT);
    if (find_name(s.k, task, bare(his)) != 0) return wrong_right(his, "free in that task", KERN_NAME_EXISTS);
    if (find_port(s.k, task, port) != 0) {
        set_detail("that task knows the port already, by name %d", name_of_entry(s.k, task, find_port(s.k, task, port)));
        return KERN_FAILURE;
    }
    return KERN_SUCCESS;
}

// Moves receive right and ownership, as far as `from` has them, into another space; `from` keeps a send right if asked.
// returns: the entry in the other space, 0 when it is full
std::uint32_t move_receive(KernelStep& s, TaskRef from, std::uint32_t index, TaskRef to, bool keep_send) {
    TaskRecord& source = s.k.task(from.index);
    EntryRecord& e = entry(s.k, source, index);
    EntryBits bits = e.bits;
    const PortRef port = e.port;
    const bool both = (bits.rights & right_owner) != 0;
    detach_receiver(s, port, Place::of(PlaceKind::task, to.index, to.generation));
    s.add(source.ports, -1);
    bits.rights = static_cast<std::uint8_t>(bits.rights & right_send);
    if (keep_send && bits.rights == 0 && count_send(s, port)) bits = EntryBits{bits.name, 1, right_send, bits.flags};
    if (bits.rights == 0) free_entry(s, source, index);
    else s.set(e.bits, bits);
    return put_receive(s, to, port, both ? Carried::all : Carried::receive);
}

}  // namespace

kern_return_t insert_send(Caller& caller, TaskRef task, port_name_t my, port_name_t his) {
    return on_task(caller, task, [&](KernelStep& s, TaskRecord& record) {
        PortRef port;
        if (my == PORT_NULL || !to_send_to(s, caller, my, &port)) return KERN_INVALID_ARGUMENT;
        if (const kern_return_t code = can_insert(s, record, port, his); code != KERN_SUCCESS) return code;
        if (!count_send(s, port)) return KERN_INVALID_ARGUMENT;
        const std::uint32_t index = put_send(s, task, port);
        if (index == 0) return KERN_RESOURCE_SHORTAGE;
        rename_entry(s, record, index, bare(his));
        return KERN_SUCCESS;
    });
}

kern_return_t extract_send(Caller& caller, TaskRef task, port_name_t his, port_name_t* my) {
    return on_task(caller, task, [&](KernelStep& s, TaskRecord& record) {
        const std::uint32_t index = find_name(s.k, record, bare(his));
        if (index == 0) return no_such_name(his);
        const PortRef port = entry(s.k, record, index).port;
        if (entry(s.k, record, index).bits.get().rights != right_send)
            return wrong_right(his, "a pure send right", KERN_INVALID_ARGUMENT);
        const kern_return_t code = hand_out(s, caller, port, my);
        if (code != KERN_SUCCESS || task == caller.task) return code;
        remove_name(s, task, index);
        return code;
    });
}

kern_return_t insert_receive(Caller& caller, TaskRef task, port_name_t my, port_name_t his) {
    return on_task(caller, task, [&](KernelStep& s, TaskRecord& record) {
        s.lock(caller.task);
        TaskRecord& mine = s.k.task(caller.task.index);
        const std::uint32_t index = find_name(s.k, mine, bare(my));
        if (index == 0) return no_such_name(my);
        if ((entry(s.k, mine, index).bits.get().rights & right_receive) == 0)
            return wrong_right(my, "a receive right", KERN_INVALID_ARGUMENT);
        const PortRef port = entry(s.k, mine, index).port;
        if (const kern_return_t code = can_insert(s, record, port, his); code != KERN_SUCCESS) return code;
        if (s.lock_live(port) == nullptr) return KERN_INVALID_ARGUMENT;
        const std::uint32_t there = move_receive(s, caller.task, index, task, true);
        if (there == 0) return KERN_RESOURCE_SHORTAGE;
        rename_entry(s, record, there, bare(his));
        return KERN_SUCCESS;
    });
}

kern_return_t extract_receive(Caller& caller, TaskRef task, port_name_t his, port_name_t* my) {
    return on_task(caller, task, [&](KernelStep& s, TaskRecord& record) {
        const std::uint32_t index = find_name(s.k, record, bare(his));
        if (index == 0) return no_such_name(his);
        if ((entry(s.k, record, index).bits.get().rights & right_receive) == 0)
            return wrong_right(his, "a receive right", KERN_INVALID_ARGUMENT);
        *my = his;
        if (task == caller.task) return KERN_SUCCESS;
        s.lock(caller.task);
        if (s.lock_live(entry(s.k, record, index).port) == nullptr) return KERN_INVALID_ARGUMENT;
        const std::uint32_t here = move_receive(s, task, index, caller.task, false);
        if (here == 0) return KERN_RESOURCE_SHORTAGE;
        *my = name_of_entry(s.k, s.k.task(caller.task.index), here);
        return KERN_SUCCESS;
    });
}

// ---- special and registered ports ----------------------------------------------------------------------------------

kern_return_t get_special(Caller& caller, TaskRef task, std::uint32_t which, port_name_t* port) {
    if (which >= specials) return KERN_INVALID_ARGUMENT;
    return on_task(caller, task, [&](KernelStep& s, TaskRecord& record) { return hand_out(s, caller, record.special[which], port); });
}

namespace {

// A new send right for what a name of the caller's can send to; PORT_NULL gives none.
bool count_new(KernelStep& s, Caller& caller, port_name_t name, PortRef* port) {
    return to_send_to(s, caller, name, port) && (!*port || count_send(s, *port));
}

void replace(KernelStep& s, Field<PortRef>& slot, PortRef port) {
    const PortRef old = slot;
    s.set(slot, port);
    if (old) drop_send(s, old);
}

}  // namespace

kern_return_t set_special(Caller& caller, TaskRef task, std::uint32_t which, port_name_t port) {
    if (which >= specials || which == special_kernel) {
        set_detail("the kernel port is not set by anybody");
        return KERN_INVALID_ARGUMENT;
    }
    return on_task(caller, task, [&](KernelStep& s, TaskRecord& record) {
        PortRef counted;
        if (!count_new(s, caller, port, &counted)) return KERN_INVALID_ARGUMENT;
        replace(s, record.special[which], counted);
        return KERN_SUCCESS;
    });
}

kern_return_t register_ports(Caller& caller, TaskRef task, const port_name_t* ports, std::uint32_t count) {
    if (count > most_registered) {
        set_detail("quota: a task registers at most %u ports", most_registered);
        return KERN_INVALID_ARGUMENT;
    }
    return on_task(caller, task, [&](KernelStep& s, TaskRecord& record) {
        // All new rights first: a port that only changes its place is never without one.
        std::array<PortRef, most_registered> counted;
        for (std::uint32_t i = 0; i < most_registered; ++i)
            if (!count_new(s, caller, i < count ? ports[i] : PORT_NULL, &counted[i])) return KERN_INVALID_ARGUMENT;
        for (std::uint32_t i = 0; i < most_registered; ++i) replace(s, record.registered[i], counted[i]);
        return KERN_SUCCESS;
    });
}

kern_return_t look_up_registered(Caller& caller, TaskRef task, std::vector<port_name_t>* ports) {
    return on_task(caller, task, [&](KernelStep& s, TaskRecord& record) {
        ports->assign(most_registered, PORT_NULL);
        for (std::uint32_t i = 0; i < most_registered; ++i) {
            const kern_return_t code = hand_out(s, caller, record.registered[i], &(*ports)[i]);
            if (code != KERN_SUCCESS) return code;
        }
        return KERN_SUCCESS;
    });
}

// ---- own names -----------------------------------------------------------------------------------------------------

port_name_t self_name(Caller& caller) {
    TaskRecord& task = caller.k.task(caller.task.index);
    const auto known = static_cast<std::uint32_t>(task.self_name.get());
    const PortRef kernel_port = task.special[special_kernel];
    if (EntryRecord* e = entry_at(caller.k, task, known); e != nullptr && e->port.get() == kernel_port && kernel_port)
        return static_cast<port_name_t>(e->bits.get().name);
    port_name_t name = PORT_NULL;   // it was deallocated: another one
    on_task(caller, caller.task, [&](KernelStep& s, TaskRecord& record) {
        const kern_return_t code = hand_out(s, caller, kernel_port, &name);
        s.set(record.self_name, find_name(s.k, record, bare(name)));
        return code;
    });
    return name;
}

port_name_t notify_name(Caller& caller) {
    port_name_t name = PORT_NULL;
    on_task(caller, caller.task, [&](KernelStep& s, TaskRecord& record) {
        const PortRef notify = record.special[special_notify];
        const std::uint32_t index = notify ? find_port(s.k, record, notify) : 0;
        if (index == 0) return hand_out(s, caller, notify, &name);
        name = name_of_entry(s.k, record, index);
        return KERN_SUCCESS;
    });
    return name;
}

TaskRef task_of_name(Caller& caller, port_name_t name) {
    return object_of_name(caller, name).task;
}

}  // namespace umach::ports
