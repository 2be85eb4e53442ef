// SPDX-License-Identifier: BSL-1.0
#include "ports/rights.hpp"

#include "ports/death.hpp"
#include "ports/notice.hpp"
#include "ports/queue.hpp"
#include "ports/section.hpp"
#include "ports/wait.hpp"

#include <algorithm>
#include <mach/mig_errors.h>

namespace umach::ports {
namespace {

Place place_of(TaskRef task) { return Place::of(PlaceKind::task, task.index, task.generation); }

// A receiver that wants to hear when it has become the only one who could send looks again.
void tell_lonely_receiver(KernelStep& s, PortRecord& port) {
    if (port.send_rights.get() > 1 || s.step().rings_left() == 0) return;
    for (std::uint32_t thread = port.receivers.get().first; thread != 0; thread = s.k.thread(thread).wait_links.get().second) {
        if (s.k.thread(thread).wait.get().kind != WaitKind::receive_senders) continue;
        s.unlink(port.receivers, thread, s.k.wait_links());
        return end_wait(s, thread, 0);
    }
}

}  // namespace

bool count_send(KernelStep& s, PortRef ref) {
    PortRecord* port = s.lock_live(ref);
    if (port == nullptr) return false;
    s.add(port->send_rights, +1);
    return true;
}

void drop_send(KernelStep& s, PortRef ref) {
    PortRecord* port = s.lock_root(ref);
    if (port == nullptr) return;
    UMACH_ASSERT(port->send_rights.get() > 0);
    s.add(port->send_rights, -1);
    if (port->identity.get().life != Life::live) return;
    const bool is_object = static_cast<PortKind>(port->identity.get().kind) == PortKind::memory;
    if (is_object && port->send_rights.get() == 0) return end_memory_object(s, ref);
    const PortRef notify = port->no_senders;
    if (port->send_rights.get() == 0 && notify && port->asks.get() == asks_senders) {
        s.set(port->no_senders, PortRef{});
        const CellRef cell(CellKind::no_senders, ref.index);
        if (!stands_somewhere(s.k, cell)) post(s, cell, notify);
    }
    tell_lonely_receiver(s, *port);
}

// Whoever asked learns that a send-once right which answers no call has died unused.
static void tell_of_dead_once(KernelStep& s, PortRef ref, PortRecord& port) {
    const PortRef notify = port.no_senders;
    if (port.identity.get().life != Life::live || port.asks.get() != asks_send_once || !notify) return;
    s.set(port.no_senders, PortRef{});
    const CellRef cell(CellKind::no_senders, ref.index);
    if (!stands_somewhere(s.k, cell)) post(s, cell, notify);
}

void answer_dead(KernelStep& s, PortRef ref, CallRef call) {
    PortRecord* port = s.lock_root(ref);
    if (port == nullptr) return;
    if (!call) return tell_of_dead_once(s, ref, *port);
    ThreadRecord& thread = s.k.thread(call.thread);
    if (thread.call.get() != call || !s.holds(thread.task.get())) return;
    s.set(thread.call, CallRef{0, call.number});
    if (const Wait wait = thread.wait; wait.kind != WaitKind::reply || wait.state != WaitState::waiting) return;
    s.unlink(port->receivers, call.thread, s.k.wait_links());
    end_wait(s, call.thread, MIG_SERVER_DIED);
}

void add_urefs(KernelStep& s, EntryRecord& e, std::uint32_t more) {
    EntryBits bits = e.bits;
    bits.urefs = static_cast<std::uint16_t>(std::min<std::uint32_t>(bits.urefs + more, most_urefs));
    s.set(e.bits, bits);
}

std::uint32_t put_send(KernelStep& s, TaskRef task, PortRef port) {
    TaskRecord& record = s.k.task(task.index);
    note_holder(s.k.port(port.index), task);
    const std::uint32_t known = find_port(s.k, record, port);
    if (known == 0) return new_entry(s, record, port, right_send, 1);
    EntryRecord& e = entry(s.k, record, known);
    EntryBits bits = e.bits;
    if ((bits.rights & right_send) != 0) {
        drop_send(s, port);
        add_urefs(s, e, 1);
        return known;
    }
    bits.rights |= right_send;
    bits.urefs = 1;
    s.set(e.bits, bits);
    if ((bits.rights & right_receive) != 0) tell_lonely_receiver(s, s.k.port(port.index));   // it may be the last one
    return known;
}

std::uint32_t put_send_once(KernelStep& s, TaskRef task, PortRef port, CallRef call) {
    TaskRecord& record = s.k.task(task.index);
    note_holder(s.k.port(port.index), task);
    const std::uint32_t index = new_entry(s, record, port, right_send_once, 1);
    if (index != 0 && call) s.set(entry(s.k, record, index).at, PortRef{call.thread, call.number});
    return index;
}

namespace {

// The other half of the port's own rights died while this one was on its way: whoever picks this one up has both.
void join_halves(KernelStep& s, TaskRef task, PortRef ref, EntryRecord& e, Carried what, Place came_in) {
    PortRecord& port = s.k.port(ref.index);
    EntryBits bits = e.bits;
    int id = 0;
    if (what == Carried::receive && port.owner.get().kind == PlaceKind::nowhere) {
        bits.rights |= right_owner;
        s.set(port.owner, place_of(task));
        id = NOTIFY_OWNERSHIP_RIGHTS;
    } else if (what == Carried::ownership && came_in.kind == PlaceKind::message && port.receiver.get() == came_in &&
               !carries_receive(s.k, came_in.index, ref)) {
        bits.rights |= right_receive;
        s.add(s.k.task(task.index).ports, +1);
        s.set(port.receiver, place_of(task));
        id = NOTIFY_RECEIVE_RIGHTS;
    }
    if (id == 0) return;
    s.set(e.bits, bits);
    const CellRef cell(CellKind::port_rights, ref.index);
    withdraw(s, cell);
    s.set(port.object, static_cast<std::uint64_t>(id));
    post(s, cell, notify_port(s.k, task));
}

}  // namespace

std::uint32_t put_receive(KernelStep& s, TaskRef task, PortRef ref, Carried what) {
    TaskRecord& record = s.k.task(task.index);
    PortRecord& port = s.k.port(ref.index);
    note_holder(s.k.port(ref.index), task);
    const Place came_in = what == Carried::ownership ? port.owner.get() : port.receiver.get();
    std::uint32_t index = find_port(s.k, record, ref);
    if (index == 0) index = new_entry(s, record, ref, 0, 0);
    if (index == 0) return 0;
    EntryRecord& e = entry(s.k, record, index);
    EntryBits bits = e.bits;
    if (what != Carried::ownership) {
        bits.rights |= right_receive;
        s.add(record.ports, +1);
        s.set(port.receiver, place_of(task));
    }
    if (what != Carried::receive) {
        bits.rights |= right_owner;
        s.set(port.owner, place_of(task));
    }
    s.set(e.bits, bits);
    join_halves(s, task, ref, e, what, came_in);
    return index;
}

}  // namespace umach::ports
