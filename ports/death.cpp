// SPDX-License-Identifier: BSL-1.0
#include "ports/death.hpp"

#include "ports/notice.hpp"
#include "ports/queue.hpp"
#include "ports/rights.hpp"
#include "ports/wait.hpp"

#include <bit>

namespace umach::ports {
namespace {

Place place_of_task(TaskRef task) { return Place::of(PlaceKind::task, task.index, task.generation); }

void tell_about_rights(KernelStep& s, TaskRef task, PortRef port, int id) {
    const CellRef cell(CellKind::port_rights, port.index);
    withdraw(s, cell);
    s.set(s.k.port(port.index).object, static_cast<std::uint64_t>(id));
    post(s, cell, notify_port(s.k, task));
}

void give_bits(KernelStep& s, TaskRef task, PortRef port, std::uint8_t rights) {
    TaskRecord& record = s.k.task(task.index);
    const std::uint32_t index = find_port(s.k, record, port);
    UMACH_ASSERT(index != 0);
    EntryRecord& e = entry(s.k, record, index);
    EntryBits bits = e.bits;
    bits.rights = static_cast<std::uint8_t>(bits.rights | rights);
    s.set(e.bits, bits);
    if ((rights & right_receive) != 0) s.add(record.ports, +1);
}

// Whether a place lies below the port: a right that moved there would hang on itself.
bool lies_below(Kernel& k, Place place, std::uint32_t port) {
    for (std::uint32_t depth = 0; depth <= 2 * deepest_nest + 2; ++depth) {
        if (place.kind == PlaceKind::message) place = k.message(place.index).stands;
        else if (place.kind == PlaceKind::port && place.index == port) return true;
        else if (place.kind == PlaceKind::port) place = k.port(place.index).receiver;
        else return false;
    }
    return true;
}

// Whether the port may come to lie at that place: a port, or a task.
bool fits_below(KernelStep& s, std::uint32_t port, Place place) {
    return place.kind != PlaceKind::port || deepen(s, port, place.index);
}

bool pass_to_owner(KernelStep& s, PortRef ref) {
    PortRecord& port = s.k.port(ref.index);
    const Place owner = port.owner;
    if (owner.kind == PlaceKind::nowhere || owner.kind == PlaceKind::port || lies_below(s.k, owner, ref.index)) return false;
    if (!s.lock_place(owner) || port.owner.get() != owner) throw runtime::Busy{&s.k.host_lock()};   // it moved: again
    if (owner.kind == PlaceKind::message && !fits_below(s, ref.index, s.k.message(owner.index).stands)) return false;
    detach_receiver(s, ref, owner);
    if (owner.kind != PlaceKind::task) return true;
    const TaskRef task = s.k.ref_of_task(owner.index);
    give_bits(s, task, ref, right_receive);
    tell_about_rights(s, task, ref, NOTIFY_RECEIVE_RIGHTS);
    return true;
}

bool pass_to_backup(KernelStep& s, PortRef ref) {
    PortRecord& port = s.k.port(ref.index);
    const PortRef backup = port.backup;
    if (!backup || backup == ref || s.lock_live(backup) == nullptr) return false;
    if (static_cast<PortKind>(s.k.port(backup.index).identity.get().kind) != PortKind::ordinary) return false;
    const Place place = Place::of(PlaceKind::port, backup.index, backup.generation);
    if (lies_below(s.k, place, ref.index) || !fits_below(s, ref.index, place)) return false;
    const CellRef cell(CellKind::port_rights, ref.index);
    withdraw(s, cell);
    detach_receiver(s, ref, place);
    s.set(port.owner, place);
    s.set(port.object, NOTIFY_PORT_DESTROYED);
    s.set(port.backup, PortRef{});   // it has served
    const bool posted = post(s, cell, backup);
    drop_send(s, backup);
    return posted;
}

void begin_death(KernelStep& s, TaskRef root, PortRef ref) {
    PortRecord& port = s.k.port(ref.index);
    leave_set(s, ref.index);
    Identity identity = port.identity;
    identity.life = Life::dying;
    s.set(port.identity, identity);
    s.set(port.receiver, place_of_task(root));
    s.set(port.owner, Place{});
    s.append(s.k.task(root.index).dying, ref.index, s.k.dying_links());
    owe_work(s, root);
}

}  // namespace

void owe_work(KernelStep& s, TaskRef root) { s.set(s.mine().owed_work, std::bit_cast<std::uint64_t>(root)); }

void lose_receive(KernelStep& s, TaskRef root, PortRef ref, bool owner_too) {
    if (s.lock_live(ref) == nullptr) return;
    if (!owner_too && pass_to_owner(s, ref)) return;
    if (pass_to_backup(s, ref)) return;
    begin_death(s, root, ref);
}

bool carries_receive(Kernel& k, std::uint32_t message, PortRef port) {
    for (std::uint32_t i = 0; i < k.message(message).identity.get().rights; ++i) {
        RightSlot& slot = k.right(message, i);
        const Carried carried = slot.info.get().carried;
        if (slot.port.get() == port && (carried == Carried::receive || carried == Carried::all)) return true;
    }
    return false;
}

void lose_ownership(KernelStep& s, TaskRef root, PortRef ref) {
    PortRecord* port = s.lock_live(ref);
    if (port == nullptr) return;
    const Place receiver = port->receiver;
    if (receiver.kind == PlaceKind::message && receiver == port->owner.get() && !carries_receive(s.k, receiver.index, ref))
        return lose_receive(s, root, ref, true);
    if (receiver.kind != PlaceKind::task) return s.set(port->owner, Place{});
    const TaskRef task = s.k.ref_of_task(receiver.index);
    s.set(port->owner, receiver);
    give_bits(s, task, ref, right_owner);
    tell_about_rights(s, task, ref, NOTIFY_OWNERSHIP_RIGHTS);
}

void doom(KernelStep& s, TaskRef root, std::uint32_t message) {
    MessageRecord& record = s.k.message(message);
    set_state(s, record, MessageState::doomed);
    s.set(record.stands, place_of_task(root));
    s.append(s.k.task(root.index).doomed, message, s.k.message_links());
    owe_work(s, root);
}

void free_message(KernelStep& s, std::uint32_t message) {
    MessageRecord& record = s.k.message(message);
    MessageIdentity identity = record.identity;
    s.set(record.identity, MessageIdentity{identity.generation + 1, MessageState::free, 0, 0, 0});
    s.k.zone(zone_messages + Kernel::message_class(message)).free(s.step(), s.k.host_lock(), Kernel::message_index(message));
}

// ---- dismantling ---------------------------------------------------------------------------------------------------

namespace {

// Releases one right of a doomed message; frees the message when it has none.
void dismantle_message(KernelStep& s, TaskRef root, std::uint32_t message) {
    MessageRecord& record = s.k.message(message);
    const auto holds = [](RightSlot& slot) { return slot.info.get().carried != Carried::none; };
    if (holds(record.reply)) return release_slot(s, root, message, record.reply);
    for (std::uint32_t i = 0; i < record.identity.get().rights; ++i)
        if (holds(s.k.right(message, i))) return release_slot(s, root, message, s.k.right(message, i));
    s.unlink(s.k.task(root.index).doomed, message, s.k.message_links());
    free_message(s, message);
}

// Takes a notice off a dying notify port: what it was to tell is forgotten. A port that had come here by PORT_DESTROYED
// and was not picked up loses its rights in turn.
void drop_notice(KernelStep& s, TaskRef root, CellRef cell) {
    withdraw(s, cell);
    if (cell.kind() == CellKind::message_accepted) {
        s.lock(s.k.thread(cell.index()).task.get());
        s.set(s.k.thread(cell.index()).accepted_span, Pair{});
    }
    if (cell.kind() != CellKind::port_rights) return;
    PortRecord& about = s.k.port(cell.index());
    if (about.object.get() != NOTIFY_PORT_DESTROYED || about.receiver.get().kind != PlaceKind::port) return;
    lose_receive(s, root, s.k.ref_of_port(cell.index()), true);
}

void dismiss_from_line(KernelStep& s, TaskRef root, std::uint32_t index, std::uint32_t message) {
    MessageRecord& record = s.k.message(message);
    leave_line(s, index, message);
    if (record.identity.get().state == MessageState::waiting) {
        set_state(s, record, MessageState::prep);
        end_wait(s, record.sender.get().index, SEND_INVALID_PORT);
        return;
    }
    const ThreadRef sender = record.sender;
    if (sender && s.lock(record.sender_task) && s.k.ref_of_thread(sender.index) == sender)
        s.set(s.k.thread(sender.index).kept_port, PortRef{});
    doom(s, root, message);
}

// What waits at the port, stands in it or at it: one piece.
// returns: false when nothing is left
bool empty_port(KernelStep& s, TaskRef root, std::uint32_t index) {
    PortRecord& port = s.k.port(index);
    if (port.receivers.get().first != 0) return kick_receivers(s, port, RCV_INVALID_PORT), true;
    if (const std::uint32_t head = port.line.get().first; head != 0) return dismiss_from_line(s, root, index, head), true;
    if (const std::uint32_t head = port.queue.get().first; head != 0) {
        dequeue(s, index, head);
        doom(s, root, head);
        return true;
    }
    if (const PortRef backup = port.backup; backup) {
        s.set(port.backup, PortRef{});
        return drop_send(s, backup), true;
    }
    if (const CellRef cell(port.notices.get().first); cell.word != 0) return drop_notice(s, root, cell), true;
    for (CellKind kind : {CellKind::no_senders, CellKind::port_rights})
        if (stands_somewhere(s.k, CellRef(kind, index))) return withdraw(s, CellRef(kind, index)), true;
    return false;
}

void become_dead_name(KernelStep& s, TaskRef task, std::uint32_t index) {
    TaskRecord& record = s.k.task(task.index);
    EntryRecord& e = entry(s.k, record, index);
    forget_port(s, record, index);
    EntryBits bits = e.bits;
    const Pair asked = e.links;   // port_request_notification
    const PortRef notify = asked.first != 0 ? PortRef{asked.first, asked.second} : notify_port(s.k, task);
    s.set(e.links, Pair{});
    s.set(e.at, PortRef{});
    bits.rights = right_dead;
    if (bits.urefs == 0) bits.urefs = 1;
    s.set(e.bits, bits);
    post(s, cell_of_entry(s.k, record, index), notify);
}

// Turns one name for the port, in one task, into a dead name. `object` is the task from which to go on looking. The root
// is locked already, so it is looked at beside another task.
// returns: false when no task has a name for it any more
bool dead_name_one(KernelStep& s, TaskRef root, PortRef ref) {
    PortRecord& port = s.k.port(ref.index);
    const std::uint64_t holders = possible_holders(port);
    const std::uint32_t tasks = s.k.zone(zone_tasks).fresh();
    for (auto at = static_cast<std::uint32_t>(port.object.get()); at < tasks; ++at) {
        if (at == 0 || (holders >> at % 64 & 1) == 0) continue;
        const TaskRef task = s.k.ref_of_task(at);
        if (!s.lock(task)) continue;
        const std::uint32_t index = next_for_port(s.k, s.k.task(at), ref, 0);
        if (index == 0 && task == root) continue;
        if (index != 0) become_dead_name(s, task, index);
        s.set(port.object, next_for_port(s.k, s.k.task(at), ref, 0) != 0 ? at : at + 1);
        return true;
    }
    return false;
}

void free_port(KernelStep& s, TaskRef root, std::uint32_t index) {
    PortRecord& port = s.k.port(index);
    s.unlink(s.k.task(root.index).dying, index, s.k.dying_links());
    const Identity old = port.identity;
    s.set(port.identity, Identity{old.generation + 1, Life::free, 0, 0});
    s.set(port.receiver, Place{});
    s.set(port.no_senders, PortRef{});
    s.set(port.asks, asks_senders);
    s.set(port.object, 0);
    s.set(port.watch, 0);
    s.k.zone(zone_ports).free(s.step(), s.k.host_lock(), index);
}

void dismantle_port(KernelStep& s, TaskRef root, std::uint32_t index) {
    PortRecord& port = s.k.port(index);
    if (empty_port(s, root, index)) return;
    // From here on `object` is how far the search for names has come; it begins at 0.
    Identity identity = port.identity;
    if (identity.detail == 0) {
        identity.detail = 1;
        s.set(port.identity, identity);
        s.set(port.object, 1);
    }
    if (!dead_name_one(s, root, s.k.ref_of_port(index))) free_port(s, root, index);
}

bool has_work(const TaskRecord& task) { return task.doomed.get().first != 0 || task.dying.get().first != 0; }

}  // namespace

bool dismantle(KernelStep& s, TaskRef root) {
    TaskRecord& task = s.k.task(root.index);
    if (const std::uint32_t message = task.doomed.get().first; message != 0) return dismantle_message(s, root, message), true;
    if (const std::uint32_t port = task.dying.get().first; port != 0) return dismantle_port(s, root, port), true;
    return false;
}

void work_off_one(Kernel& k, runtime::Carrier& carrier, runtime::CarrierRecord& debtor) {
    const auto root = std::bit_cast<TaskRef>(debtor.owed_work.get());
    k.step(carrier, [&](KernelStep& s) {
        const bool works = s.lock(root) && dismantle(s, root) && has_work(s.k.task(root.index));
        if (!works) s.set(debtor.owed_work, 0);
        return s.keep(0);
    });
}

}  // namespace umach::ports
