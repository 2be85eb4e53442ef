// SPDX-License-Identifier: BSL-1.0
#include "ports/port.hpp"

#include "ports/calls.hpp"
#include "ports/hand_over.hpp"
#include "ports/notice.hpp"
#include "ports/queue.hpp"
#include "ports/region.hpp"
#include "runtime/detail.hpp"

namespace umach::ports {
namespace {

using runtime::set_detail;

// Finds the entry of a receive right.
kern_return_t receiver_entry(KernelStep& s, TaskRecord& task, port_name_t name, std::uint32_t* index) {
    *index = find_name(s.k, task, bare(name));
    if (*index == 0) return no_such_name(name);
    const std::uint8_t rights = entry(s.k, task, *index).bits.get().rights;
    if ((rights & right_receive) != 0) return KERN_SUCCESS;
    return wrong_right(name, "a receive right", (rights & right_set) != 0 ? KERN_INVALID_ARGUMENT : KERN_NOT_RECEIVER);
}

}  // namespace

PortRef new_port(KernelStep& s, TaskRef task, PortKind kind) {
    const std::uint32_t index = s.k.zone(zone_ports).allocate(s.step(), s.k.host_lock());
    if (index == 0) {
        set_detail("the host has no port left");
        return {};
    }
    PortRecord& port = s.k.port(index);
    const std::uint32_t generation = port.identity.get().generation;
    const Place place = Place::of(PlaceKind::task, task.index, task.generation);
    s.set(port.identity, Identity{generation, Life::live, static_cast<std::uint8_t>(kind), 0});
    s.set(port.receiver, place);
    s.set(port.owner, kind == PortKind::ordinary ? place : Place{});
    s.set(port.counts, PortCounts{0, 0, 0, PORT_BACKLOG_DEFAULT, 0});
    s.set(port.send_rights, 0);
    s.set(port.tally, PortTally{});
    port.filter.store(std::uint64_t{1} << task.index % 64);
    return {index, generation};
}

port_type_t type_of(EntryBits bits) {
    if ((bits.rights & right_set) != 0) return PORT_TYPE_SET;
    if ((bits.rights & right_dead) != 0) return PORT_TYPE_DEAD_NAME;
    if ((bits.rights & right_send_once) != 0) return PORT_TYPE_SEND_ONCE;
    const int receive = (bits.rights & right_receive) != 0 ? 2 : 0;
    const int owner = (bits.rights & right_owner) != 0 ? 4 : 0;
    return PORT_TYPE_SEND | receive | owner;
}

void remove_name(KernelStep& s, TaskRef task, std::uint32_t index) {
    TaskRecord& record = s.k.task(task.index);
    EntryRecord& e = entry(s.k, record, index);
    const EntryBits bits = e.bits;
    const PortRef port = e.port;
    const PortRef at = e.at;
    if ((bits.rights & right_dead) != 0) withdraw(s, cell_of_entry(s.k, record, index));
    free_entry(s, record, index);
    if ((bits.rights & right_send_once) != 0) answer_dead(s, port, CallRef{at.index, at.generation});
    if ((bits.rights & right_send) != 0) drop_send(s, port);
    if ((bits.rights & right_receive) != 0) {
        s.add(record.ports, -1);
        lose_receive(s, task, port, (bits.rights & right_owner) != 0);
    } else if ((bits.rights & right_owner) != 0) {
        lose_ownership(s, task, port);
    }
}

kern_return_t allocate(Caller& caller, TaskRef task, port_name_t* name) {
    return on_task(caller, task, [&](KernelStep& s, TaskRecord& record) {
        if (record.ports.get() >= record.most_ports.get()) {
            set_detail("quota: the task has its %llu ports", static_cast<unsigned long long>(record.most_ports.get()));
            return KERN_RESOURCE_SHORTAGE;
        }
        const PortRef port = new_port(s, task, PortKind::ordinary);
        if (!port) return KERN_RESOURCE_SHORTAGE;
        const std::uint32_t index = new_entry(s, record, port, right_receive | right_owner, 0);
        if (index == 0) return KERN_RESOURCE_SHORTAGE;
        s.add(record.ports, +1);
        *name = static_cast<port_name_t>(entry(s.k, record, index).bits.get().name);
        return KERN_SUCCESS;
    });
}

kern_return_t deallocate(Caller& caller, TaskRef task, port_name_t name) {
    const kern_return_t code = on_task(caller, task, [&](KernelStep& s, TaskRecord& record) {
        const std::uint32_t index = find_name(s.k, record, bare(name));
        if (index == 0) return no_such_name(name);
        if ((entry(s.k, record, index).bits.get().rights & right_set) != 0)
            return wrong_right(name, "a port's: a set is deallocated by port_set_deallocate", KERN_INVALID_ARGUMENT);
        remove_name(s, task, index);
        return KERN_SUCCESS;
    });
    trim(caller.k, caller.carrier);   // it may have been the last right to a section
    return code;
}

// A big space is read one chunk a step.
kern_return_t names(Caller& caller, TaskRef task, std::vector<NameAndType>* found) {
    found->clear();
    for (std::uint32_t from = 0;; from += entries_per_chunk) {
        bool more = false;
        const kern_return_t code = on_task(caller, task, [&](KernelStep& s, TaskRecord& record) {
            const auto end = static_cast<std::uint32_t>(record.used_names.get());
            for (std::uint32_t i = from; i < end && i < from + entries_per_chunk; ++i) {
                const EntryBits bits = entry(s.k, record, i).bits;
                if (bits.rights != 0) found->push_back({static_cast<port_name_t>(bits.name), type_of(bits)});
            }
            more = from + entries_per_chunk < end;
            return KERN_SUCCESS;
        });
        if (code != KERN_SUCCESS || !more) return code;
    }
}

kern_return_t type(Caller& caller, TaskRef task, port_name_t name, port_type_t* type) {
    return on_task(caller, task, [&](KernelStep& s, TaskRecord& record) {
        const std::uint32_t index = find_name(s.k, record, bare(name));
        if (index == 0) return no_such_name(name);
        *type = type_of(entry(s.k, record, index).bits);
        return KERN_SUCCESS;
    });
}

kern_return_t rename(Caller& caller, TaskRef task, port_name_t old_name, port_name_t new_name) {
    return on_task(caller, task, [&](KernelStep& s, TaskRecord& record) {
        const std::uint32_t index = find_name(s.k, record, bare(old_name));
        if (index == 0) return no_such_name(old_name);
        if (new_name == PORT_NULL || new_name == PORT_DEAD) {
            set_detail("the null name and the dead name cannot be given");
            return KERN_INVALID_ARGUMENT;
        }
        if (find_name(s.k, record, bare(new_name)) != 0) {
            set_detail("name %d is in use already", new_name);
            return KERN_NAME_EXISTS;
        }
        rename_entry(s, record, index, bare(new_name));
        return KERN_SUCCESS;
    });
}

namespace {

int notices_at(Kernel& k, PortRecord& port) {
    int count = 0;
    for (CellRef cell(port.notices.get().first); cell.word != 0; cell = CellRef(next_notice(k, cell))) {
        const bool several = cell.kind() == CellKind::message_accepted;
        count += several ? static_cast<int>(k.thread(cell.index()).accepted_span.get().second) : 1;
    }
    return count;
}

}  // namespace

kern_return_t status(Caller& caller, TaskRef task, port_name_t name, PortStatus* status) {
    return on_task(caller, task, [&](KernelStep& s, TaskRecord& record) {
        const std::uint32_t index = find_name(s.k, record, bare(name));
        if (index == 0) return no_such_name(name);
        EntryRecord& e = entry(s.k, record, index);
        const std::uint8_t rights = e.bits.get().rights;
        if ((rights & right_set) != 0) return wrong_right(name, "a port's", KERN_INVALID_ARGUMENT);
        *status = {PORT_NULL, -1, 0, (rights & right_owner) != 0, (rights & right_receive) != 0};
        if (!status->receive_rights) return KERN_SUCCESS;
        PortRecord& port = s.k.port(e.port.get().index);
        const SetRef set = port.set;
        if (set) status->enabled_set = static_cast<port_name_t>(
            entry(s.k, record, static_cast<std::uint32_t>(s.k.set(set.index).name.get())).bits.get().name);
        status->messages = port.counts.get().queued + notices_at(s.k, port);
        status->backlog = port.counts.get().backlog;
        return KERN_SUCCESS;
    });
}

kern_return_t set_backlog(Caller& caller, TaskRef task, port_name_t name, int backlog) {
    return on_task(caller, task, [&](KernelStep& s, TaskRecord& record) {
        std::uint32_t index = 0;
        if (const kern_return_t code = receiver_entry(s, record, name, &index); code != KERN_SUCCESS) return code;
        if (backlog < 1 || backlog > PORT_BACKLOG_MAX) {
            set_detail("a backlog is 1 to %d, not %d", PORT_BACKLOG_MAX, backlog);
            return KERN_INVALID_ARGUMENT;
        }
        const PortRef port = entry(s.k, record, index).port;
        PortCounts counts = s.k.port(port.index).counts;
        counts.backlog = static_cast<std::uint8_t>(backlog);
        s.set(s.k.port(port.index).counts, counts);
        owe_admission(s, port.index);
        return KERN_SUCCESS;
    });
}

kern_return_t set_backup(Caller& caller, TaskRef task, port_name_t name, port_name_t backup, port_name_t* previous) {
    return on_task(caller, task, [&](KernelStep& s, TaskRecord& record) {
        std::uint32_t index = 0;
        if (const kern_return_t code = receiver_entry(s, record, name, &index); code != KERN_SUCCESS) return code;
        PortRef to;
        if (!to_send_to(s, caller, backup, &to)) return KERN_INVALID_ARGUMENT;
        const PortRef port = entry(s.k, record, index).port;
        if (to == port) {
            set_detail("a port cannot be its own backup");
            return KERN_INVALID_ARGUMENT;
        }
        if (to && !count_send(s, to)) return KERN_INVALID_ARGUMENT;
        const PortRef old = s.k.port(port.index).backup;
        s.set(s.k.port(port.index).backup, to);
        return hand_on(s, caller, old, previous);
    });
}

}  // namespace umach::ports
