// SPDX-License-Identifier: BSL-1.0
// Port sets: a name to receive from several ports at once. A member can be received from only through its set; a set
// is fair, since a port that was received from goes to the end of the list of ready ports.
#include "ports/calls.hpp"
#include "ports/hand_over.hpp"
#include "ports/notice.hpp"
#include "ports/port.hpp"
#include "ports/queue.hpp"
#include "ports/set.hpp"
#include "ports/wait.hpp"
#include "runtime/detail.hpp"

#include <mach/message.h>

namespace umach::ports {
namespace {

using runtime::set_detail;

kern_return_t find_set(KernelStep& s, TaskRecord& task, port_name_t name, std::uint32_t* index) {
    *index = find_name(s.k, task, bare(name));
    if (*index == 0) return no_such_name(name);
    if ((entry(s.k, task, *index).bits.get().rights & right_set) != 0) return KERN_SUCCESS;
    return wrong_right(name, "a port set", KERN_INVALID_ARGUMENT);
}

kern_return_t find_member(KernelStep& s, TaskRecord& task, port_name_t name, PortRef* port) {
    const std::uint32_t index = find_name(s.k, task, bare(name));
    if (index == 0) return no_such_name(name);
    const std::uint8_t rights = entry(s.k, task, index).bits.get().rights;
    *port = entry(s.k, task, index).port;
    if ((rights & right_receive) != 0) return KERN_SUCCESS;
    return wrong_right(name, "a receive right", (rights & right_set) != 0 ? KERN_INVALID_ARGUMENT : KERN_NOT_RECEIVER);
}

void join_set(KernelStep& s, PortRef port, SetRef set) {
    PortRecord& record = s.k.port(port.index);
    leave_set(s, port.index);
    s.set(record.set, set);
    s.append(s.k.set(set.index).members, port.index, s.k.member_links());
    kick_receivers(s, record, RCV_PORT_CHANGE);
    if (has_news(record)) announce(s, port.index, false);
}

// Takes members out and ends the waits of receivers, some at a time.
// returns: true when the set is empty
bool empty_some(KernelStep& s, PortSetRecord& set) {
    for (std::uint32_t i = 0; i < 16 && set.members.get().first != 0; ++i) leave_set(s, set.members.get().first);
    while (set.receivers.get().first != 0 && s.step().rings_left() > 0) {
        const std::uint32_t thread = set.receivers.get().first;
        s.unlink(set.receivers, thread, s.k.wait_links());
        end_wait(s, thread, RCV_INVALID_PORT);
    }
    return set.members.get().first == 0 && set.receivers.get().first == 0;
}

}  // namespace

bool remove_set_some(KernelStep& s, TaskRef task, std::uint32_t index) {
    TaskRecord& record = s.k.task(task.index);
    const std::uint32_t number = entry(s.k, record, index).port.get().index;
    PortSetRecord& set = s.k.set(number);
    if (!empty_some(s, set)) return false;
    const Identity old = set.identity;
    s.set(set.identity, Identity{old.generation + 1, Life::free, 0, 0});
    s.set(set.watch, 0);
    s.k.zone(zone_sets).free(s.step(), s.k.host_lock(), number);
    s.add(record.sets, -1);
    free_entry(s, record, index);
    return true;
}

kern_return_t set_allocate(Caller& caller, TaskRef task, port_name_t* name) {
    return on_task(caller, task, [&](KernelStep& s, TaskRecord& record) {
        const std::uint32_t number = s.k.zone(zone_sets).allocate(s.step(), s.k.host_lock());
        if (number == 0) {
            set_detail("the host has no port set left");
            return KERN_RESOURCE_SHORTAGE;
        }
        PortSetRecord& set = s.k.set(number);
        const std::uint32_t generation = set.identity.get().generation;
        s.set(set.identity, Identity{generation, Life::live, 0, 0});
        s.set(set.task, task);
        const std::uint32_t index = new_entry(s, record, PortRef{number, generation}, right_set, 0);
        if (index == 0) return KERN_RESOURCE_SHORTAGE;
        s.set(set.name, index);
        s.add(record.sets, +1);
        *name = name_of_entry(s.k, record, index);
        return KERN_SUCCESS;
    });
}

kern_return_t set_deallocate(Caller& caller, TaskRef task, port_name_t name) {
    for (bool done = false;;) {
        const kern_return_t code = on_task(caller, task, [&](KernelStep& s, TaskRecord& record) {
            std::uint32_t index = 0;
            if (const kern_return_t error = find_set(s, record, name, &index); error != KERN_SUCCESS) return error;
            done = remove_set_some(s, task, index);
            return KERN_SUCCESS;
        });
        if (code != KERN_SUCCESS || done) return code;
    }
}

kern_return_t set_add(Caller& caller, TaskRef task, port_name_t set, port_name_t name) {
    return on_task(caller, task, [&](KernelStep& s, TaskRecord& record) {
        std::uint32_t index = 0;
        if (const kern_return_t code = find_set(s, record, set, &index); code != KERN_SUCCESS) return code;
        PortRef port;
        if (const kern_return_t code = find_member(s, record, name, &port); code != KERN_SUCCESS) return code;
        const PortRef number = entry(s.k, record, index).port;
        const SetRef ref{number.index, number.generation};
        if (s.k.port(port.index).set.get() != ref) join_set(s, port, ref);
        return KERN_SUCCESS;
    });
}

kern_return_t set_remove(Caller& caller, TaskRef task, port_name_t name) {
    return on_task(caller, task, [&](KernelStep& s, TaskRecord& record) {
        PortRef port;
        if (const kern_return_t code = find_member(s, record, name, &port); code != KERN_SUCCESS) return code;
        if (!s.k.port(port.index).set.get()) {
            set_detail("port %d is in no set", name);
            return KERN_NOT_IN_SET;
        }
        leave_set(s, port.index);
        return KERN_SUCCESS;
    });
}

kern_return_t set_status(Caller& caller, TaskRef task, port_name_t name, std::vector<port_name_t>* members) {
    return on_task(caller, task, [&](KernelStep& s, TaskRecord& record) {
        std::uint32_t index = 0;
        members->clear();
        if (const kern_return_t code = find_set(s, record, name, &index); code != KERN_SUCCESS) return code;
        PortSetRecord& set = s.k.set(entry(s.k, record, index).port.get().index);
        for (std::uint32_t at = set.members.get().first; at != 0; at = s.k.port(at).members.get().second)
            members->push_back(name_of_entry(s.k, record, find_port(s.k, record, s.k.ref_of_port(at))));
        return KERN_SUCCESS;
    });
}

}  // namespace umach::ports
