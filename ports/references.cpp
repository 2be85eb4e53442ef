// SPDX-License-Identifier: BSL-1.0
// References to rights: dropped and added one by one; and the notifications that one asks for.
#include "ports/calls.hpp"
#include "ports/hand_over.hpp"
#include "ports/notice.hpp"
#include "ports/port.hpp"
#include "ports/region.hpp"
#include "runtime/detail.hpp"

namespace umach::ports {
namespace {
using runtime::set_detail;
constexpr std::uint8_t can_send = right_send | right_receive | right_owner;
}

namespace {

// Drops one reference of a send right or dead name; the last one takes the right with it.
void drop_reference(KernelStep& s, TaskRef task, std::uint32_t index) {
    TaskRecord& record = s.k.task(task.index);
    EntryRecord& e = entry(s.k, record, index);
    EntryBits bits = e.bits;
    if (bits.urefs > 1) {
        if (bits.urefs < most_urefs) --bits.urefs;   // a pegged count stays
        return s.set(e.bits, bits);
    }
    if ((bits.rights & (right_receive | right_owner)) == 0) return remove_name(s, task, index);
    bits.rights = static_cast<std::uint8_t>(bits.rights & ~right_send);
    bits.urefs = 0;
    s.set(e.bits, bits);
    drop_send(s, e.port);
}

void drop_own_rights(KernelStep& s, TaskRef task, std::uint32_t index, std::uint8_t which) {
    TaskRecord& record = s.k.task(task.index);
    EntryRecord& e = entry(s.k, record, index);
    EntryBits bits = e.bits;
    const PortRef port = e.port;
    const auto gone = static_cast<std::uint8_t>(bits.rights & which);
    bits.rights = static_cast<std::uint8_t>(bits.rights & ~which);
    if (bits.rights == 0) free_entry(s, record, index);
    else s.set(e.bits, bits);
    if ((gone & right_receive) != 0) {
        s.add(record.ports, -1);
        lose_receive(s, task, port, (gone & right_owner) != 0);
    } else {
        lose_ownership(s, task, port);
    }
}

}  // namespace

kern_return_t release(Caller& caller, TaskRef task, port_name_t name, port_type_t right) {
    const kern_return_t code = on_task(caller, task, [&](KernelStep& s, TaskRecord& record) {
        const std::uint32_t index = find_name(s.k, record, bare(name));
        if (index == 0) return no_such_name(name);
        const std::uint8_t rights = entry(s.k, record, index).bits.get().rights;
        const auto has = [&](std::uint8_t wanted) { return (rights & wanted) != 0; };
        if (right == PORT_TYPE_SEND && has(right_send)) return drop_reference(s, task, index), KERN_SUCCESS;
        if (right == PORT_TYPE_DEAD_NAME && has(right_dead)) return drop_reference(s, task, index), KERN_SUCCESS;
        if (right == PORT_TYPE_SEND_ONCE && has(right_send_once)) return remove_name(s, task, index), KERN_SUCCESS;
        // Who gives up receiving from a port that is its own as well gives up both: it would come straight back.
        const bool both = right == PORT_TYPE_RECEIVE || (right == PORT_TYPE_RECEIVE_OWN && has(right_owner));
        if (both && has(right_receive)) return drop_own_rights(s, task, index, right_receive | right_owner), KERN_SUCCESS;
        if (right == PORT_TYPE_OWN && has(right_owner)) return drop_own_rights(s, task, index, right_owner), KERN_SUCCESS;
        return wrong_right(name, "the right to be released", KERN_INVALID_ARGUMENT);
    });
    trim(caller.k, caller.carrier);   // it may have been the last right to a section
    return code;
}

kern_return_t reference(Caller& caller, TaskRef task, port_name_t name) {
    return on_task(caller, task, [&](KernelStep& s, TaskRecord& record) {
        const std::uint32_t index = find_name(s.k, record, bare(name));
        if (index == 0) return no_such_name(name);
        EntryRecord& e = entry(s.k, record, index);
        if ((e.bits.get().rights & (right_send | right_dead)) == 0)
            return wrong_right(name, "a send right or dead name", KERN_INVALID_ARGUMENT);
        if (e.bits.get().urefs >= most_urefs) {
            set_detail("name %d has its %d references", name, most_urefs);
            return KERN_UREFS_OVERFLOW;
        }
        add_urefs(s, e, 1);
        return KERN_SUCCESS;
    });
}

namespace {

// The port that a request is to tell: a send-once right is made from the receive right that the name is, or moved.
// returns: false and a detail when the name is neither; PORT_NULL gives a null port
bool take_notify(KernelStep& s, Caller& caller, port_name_t name, PortRef* port) {
    *port = {};
    if (name == PORT_NULL) return true;
    s.lock(caller.task);
    TaskRecord& record = s.k.task(caller.task.index);
    const std::uint32_t index = find_name(s.k, record, bare(name));
    const std::uint8_t rights = index != 0 ? entry(s.k, record, index).bits.get().rights : std::uint8_t{0};
    const bool once = (rights & right_send_once) != 0 && !entry(s.k, record, index).at.get();
    if (!once && (rights & right_receive) == 0) {
        set_detail("notify: name %d is neither a receive right nor a send-once right", name);
        return false;
    }
    *port = entry(s.k, record, index).port;
    if (once) free_entry(s, record, index);
    return true;
}

// Gives the right of the request that was there to the caller.
kern_return_t give_back(KernelStep& s, Caller& caller, PortRef port, port_name_t* name) {
    *name = PORT_NULL;
    if (!port || s.lock_live(port) == nullptr) return KERN_SUCCESS;
    s.lock(caller.task);
    const std::uint32_t index = put_send_once(s, caller.task, port, CallRef{});
    if (index == 0) return KERN_RESOURCE_SHORTAGE;
    *name = name_of_entry(s.k, s.k.task(caller.task.index), index);
    return KERN_SUCCESS;
}

// A port has one request about who can send. One of the other kind takes its place, and takes back its news.
kern_return_t ask_about_senders(KernelStep& s, Caller& caller, PortRef port, std::uint32_t asks, PortRef notify,
                                port_name_t* previous) {
    PortRecord& record = s.k.port(port.index);
    const PortRef old = record.no_senders;
    const CellRef cell(CellKind::no_senders, port.index);
    if (record.asks.get() != asks) withdraw(s, cell);
    s.set(record.asks, asks);
    const bool none_left = asks == asks_senders && record.send_rights.get() == 0 && record.tally.get().made != 0;
    s.set(record.no_senders, none_left ? PortRef{} : notify);
    if (none_left && notify && !stands_somewhere(s.k, cell)) post(s, cell, notify);
    return give_back(s, caller, old, previous);
}

}  // namespace

kern_return_t request_notification(Caller& caller, TaskRef task, port_name_t name, int id, port_name_t notify,
                                   port_name_t* previous) {
    return on_task(caller, task, [&](KernelStep& s, TaskRecord& record) {
        const std::uint32_t index = find_name(s.k, record, bare(name));
        if (index == 0) return no_such_name(name);
        EntryRecord& e = entry(s.k, record, index);
        const std::uint8_t rights = e.bits.get().rights;
        const PortRef port = e.port;
        const bool about_senders = id == NOTIFY_NO_MORE_SENDERS || id == NOTIFY_SEND_ONCE;
        if ((rights & right_set) != 0) return wrong_right(name, "a port's", KERN_INVALID_ARGUMENT);
        if (about_senders && (rights & right_receive) == 0) return wrong_right(name, "a receive right", KERN_NOT_RECEIVER);
        if (!about_senders && (id != NOTIFY_PORT_DELETED || (rights & (can_send | right_send_once)) == 0))
            return wrong_right(name, "a right that this notification is about", KERN_INVALID_ARGUMENT);
        PortRef to;
        if (!take_notify(s, caller, notify, &to)) return KERN_INVALID_ARGUMENT;
        const std::uint32_t asks = id == NOTIFY_SEND_ONCE ? asks_send_once : asks_senders;
        if (about_senders) return ask_about_senders(s, caller, port, asks, to, previous);
        const Pair old = e.links;
        s.set(e.links, Pair{to.index, to.generation});
        return give_back(s, caller, PortRef{old.first, old.second}, previous);
    });
}

}  // namespace umach::ports
