// SPDX-License-Identifier: BSL-1.0
#include "ports/notice.hpp"

#include "ports/queue.hpp"
#include "ports/space.hpp"

namespace umach::ports {
namespace {

struct Cell {
    Field<Pair>& links;
    Field<PortRef>& at;
};

Cell cell_of(Kernel& k, CellRef ref) {
    switch (ref.kind()) {
    case CellKind::entry_deleted: {
        EntryRecord& e = entry_record_of_cell(k, ref);
        return {e.links, e.at};
    }
    case CellKind::message_accepted: return {k.thread(ref.index()).cell_links, k.thread(ref.index()).cell_at};
    case CellKind::no_senders: return {k.port(ref.index()).no_senders_links, k.port(ref.index()).no_senders_at};
    default: return {k.port(ref.index()).rights_links, k.port(ref.index()).rights_at};
    }
}

auto cell_links(Kernel& k) {
    return [&k](std::uint32_t word) -> Field<Pair>& { return cell_of(k, CellRef(word)).links; };
}

void mark_entry(KernelStep& s, CellRef cell, bool noticed) {
    if (cell.kind() != CellKind::entry_deleted) return;
    EntryRecord& e = entry_record_of_cell(s.k, cell);
    EntryBits bits = e.bits;
    bits.flags = static_cast<std::uint8_t>(noticed ? bits.flags | entry_noticed : bits.flags & ~entry_noticed);
    s.set(e.bits, bits);
}

// The record that a cell is part of has a lock of its own.
void lock_owner(KernelStep& s, CellRef cell) {
    switch (cell.kind()) {
    case CellKind::entry_deleted: s.lock(entry_of_cell(s.k, cell).task); break;
    case CellKind::message_accepted: s.lock(s.k.thread(cell.index()).task.get()); break;
    default: s.lock_root(s.k.ref_of_port(cell.index()));
    }
}

void unlink_cell(KernelStep& s, PortRecord& notify, CellRef ref) {
    s.unlink(notify.notices, ref.word, cell_links(s.k));
    s.set(cell_of(s.k, ref).at, PortRef{});
    mark_entry(s, ref, false);
}

std::uint32_t index_of(Kernel& k, PortRecord& port) { return static_cast<std::uint32_t>(&port - &k.port(0)); }

// The name of a port in the space of the task that receives from it.
std::uint32_t receivers_name(KernelStep& s, PortRef port) {
    const Place place = s.k.port(port.index).receiver;
    if (place.kind != PlaceKind::task) return 0;
    TaskRecord& task = s.k.task(place.index);
    const std::uint32_t index = find_port(s.k, task, port);
    return index != 0 ? entry(s.k, task, index).bits.get().name : 0;
}

Notice take_deleted(KernelStep& s, PortRecord& notify, CellRef cell) {
    const EntryPlace place = entry_of_cell(s.k, cell);
    const bool there = s.lock(place.task);
    UMACH_ASSERT(there);
    TaskRecord& task = s.k.task(place.task.index);
    const std::uint32_t name = entry(s.k, task, place.index).bits.get().name;
    unlink_cell(s, notify, cell);
    free_entry(s, task, place.index);
    return {NOTIFY_PORT_DELETED, name, {}};
}

Notice take_accepted(KernelStep& s, PortRecord& notify, CellRef cell) {
    ThreadRecord& thread = s.k.thread(cell.index());
    const bool there = s.lock(thread.task.get());
    UMACH_ASSERT(there);
    TaskRecord& task = s.k.task(thread.task.get().index);
    const Pair span = thread.accepted_span;
    Accepted& oldest = thread.accepted[span.first % most_accepted];
    const std::uint32_t index = find_port(s.k, task, oldest.port);
    const std::uint32_t name = index != 0 ? entry(s.k, task, index).bits.get().name : static_cast<std::uint32_t>(oldest.name.get());
    s.set(thread.accepted_span, Pair{(span.first + 1) % most_accepted, span.second - 1});
    if (span.second == 1) unlink_cell(s, notify, cell);   // else the cell stays for the next
    return {NOTIFY_MSG_ACCEPTED, name, {}};
}

Notice take_about_port(KernelStep& s, PortRecord& notify, CellRef cell) {
    const PortRef port = s.k.ref_of_port(cell.index());
    const bool there = s.lock_root(port) != nullptr;
    UMACH_ASSERT(there);
    unlink_cell(s, notify, cell);
    if (cell.kind() == CellKind::no_senders) {
        const bool once = s.k.port(cell.index()).asks.get() == asks_send_once;
        return {once ? NOTIFY_SEND_ONCE : NOTIFY_NO_MORE_SENDERS, receivers_name(s, port), {}};
    }
    const auto id = static_cast<int>(s.k.port(cell.index()).object.get());
    if (id == NOTIFY_PORT_DESTROYED) return {id, 0, port};
    return {id, receivers_name(s, port), {}};
}

}  // namespace

bool post(KernelStep& s, CellRef cell, PortRef notify) {
    PortRecord* port = s.lock_live(notify);
    const bool receives = port != nullptr && static_cast<PortKind>(port->identity.get().kind) == PortKind::ordinary;
    if (!receives) return false;   // nobody receives from a kernel port
    const bool had_news = has_news(*port);
    s.append(port->notices, cell.word, cell_links(s.k));
    s.set(cell_of(s.k, cell).at, notify);
    mark_entry(s, cell, true);
    announce(s, index_of(s.k, *port), had_news);
    return true;
}

bool stands_somewhere(Kernel& k, CellRef cell) { return static_cast<bool>(cell_of(k, cell).at.get()); }

std::uint32_t next_notice(Kernel& k, CellRef cell) { return cell_of(k, cell).links.get().second; }

void withdraw(KernelStep& s, CellRef cell) {
    lock_owner(s, cell);
    const PortRef at = cell_of(s.k, cell).at;
    if (!at) return;
    PortRecord* port = s.lock_root(at);
    UMACH_ASSERT(port != nullptr);   // a port lets go of its notices before its record is free
    unlink_cell(s, *port, cell);
    if (port->identity.get().life == Life::live) rotate_ready(s, at.index);
}

Notice take_first(KernelStep& s, PortRecord& notify) {
    const CellRef cell(notify.notices.get().first);
    switch (cell.kind()) {
    case CellKind::entry_deleted: return take_deleted(s, notify, cell);
    case CellKind::message_accepted: return take_accepted(s, notify, cell);
    case CellKind::no_senders:
    case CellKind::port_rights: return take_about_port(s, notify, cell);
    case CellKind::none: break;
    }
    return {};
}

PortRef notify_port(Kernel& k, TaskRef task) { return k.task(task.index).special[special_notify]; }

}  // namespace umach::ports
