// SPDX-License-Identifier: BSL-1.0
// The audit's look at rights: those in messages; that each port is received and owned in exactly one place
// and counts its send rights right; that notices stand where their cells say; and that every record is free
// or in use, not both.
#include "ports/audit_look.hpp"
#include "ports/death.hpp"
#include "ports/notice.hpp"

#include <mach/notify.h>

namespace umach::ports {
namespace {

// The notices come with all rights of a port that lost its receiver and had a backup port.
bool came_to_backup(Look& look, std::uint32_t index) {
    PortRecord& record = look.k.port(index);
    const Place at = record.receiver;
    return at.kind == PlaceKind::port && record.object.get() == NOTIFY_PORT_DESTROYED &&
           record.rights_at.get().index == at.index && look.is_port(record.rights_at) &&
           Place::of(PlaceKind::port, at.index, record.rights_at.get().generation) == at;
}

void look_at_slot(Look& look, std::uint32_t m, RightSlot& slot) {
    const RightInfo info = slot.info;
    const PortRef port = slot.port;
    if (info.held == 0 || info.carried == Carried::none || info.carried == Carried::dead) return;
    if (info.carried == Carried::memory)
        return look.met_region({port.index, port.generation}, Place::of(PlaceKind::message, m, look.k.message(m).identity.get().generation), look.message(m));
    ++look.result.rights;
    if (!look.is_live(port)) return;  // dying rights are released when the message is
    PortSeen& seen = look.ports[port.index];
    PortRecord& record = look.k.port(port.index);
    const Place here = Place::of(PlaceKind::message, m, look.k.message(m).identity.get().generation);
    if (info.carried == Carried::send) ++seen.sends;
    const bool whole = info.carried == Carried::all;
    // A receive right whose holder ended goes to the ownership, also when that is in a message.
    const bool both = info.carried == Carried::ownership && record.receiver.get() == here &&
                      record.owner.get() == here && !carries_receive(look.k, m, port);
    if (whole || info.carried == Carried::receive || both) {
        ++seen.receives;
        if (record.receiver.get() != here)
            look.broken("receive rights",
                        look.message(m) + " carries the receive right of " + look.port(port.index));
    }
    // An ownership whose port has gone to a backup meanwhile is void, and comes out as null.
    if (info.carried == Carried::ownership && record.owner.get() == here) ++seen.owns;
    if (whole) {
        ++seen.owns;
        if (record.owner.get() != here)
            look.broken("ownership", look.message(m) + " carries the ownership of a port whose owner is " +
                                         look.place(record.owner));
    }
}

bool may_hold_rights(MessageState state) {
    return state != MessageState::free && state != MessageState::taken && state != MessageState::spare;
}

void look_at_message(Look& look, std::uint32_t m, std::uint8_t places) {
    MessageRecord& record = look.k.message(m);
    const MessageState state = record.identity.get().state;
    if (state == MessageState::free) return;
    if (state != MessageState::spare) ++look.result.messages;
    if (places != 1)
        look.broken_unless_under_way("messages", look.message(m) + " in state " +
                                                     std::to_string(static_cast<int>(state)) + " is in " +
                                                     std::to_string(places) + " places");
    if (!may_hold_rights(state)) return;
    look_at_slot(look, m, record.reply);
    for (std::uint32_t i = 0; i < record.identity.get().rights && i < most_rights; ++i)
        look_at_slot(look, m, look.k.right(m, i));
}

// The kernel port of a task or thread is the one that its record names; the host's is the header's.
bool is_kernel_port_of_its_object(Look& look, PortRef ref) {
    PortRecord& record = look.k.port(ref.index);
    const Place receiver = record.receiver;
    const auto object = static_cast<std::uint32_t>(record.object.get());
    if (receiver.kind != PlaceKind::task) return false;
    switch (static_cast<PortKind>(record.identity.get().kind)) {
        case PortKind::task:
            return object == receiver.index && look.k.task(object).special[special_kernel].get() == ref;
        case PortKind::thread:
            return look.is_index(zone_threads, object) &&
                   look.k.thread(object).task.get() == look.k.ref_of_task(receiver.index) &&
                   look.k.thread(object).special[thread_kernel].get() == ref;
        case PortKind::host: return look.k.header().host_port.get() == ref;
        case PortKind::memory: return receiver == look.k.port(look.k.header().host_port.get().index).receiver.get();
        case PortKind::ordinary: break;
    }
    return false;
}

void look_at_live_port(Look& look, std::uint32_t index) {
    PortRecord& record = look.k.port(index);
    PortSeen& seen = look.ports[index];
    const bool kernel = static_cast<PortKind>(record.identity.get().kind) != PortKind::ordinary;
    if (record.send_rights.get() != seen.sends)
        look.broken("send rights", look.port(index) + " counts " + std::to_string(record.send_rights.get()) +
                                       " send rights, " + std::to_string(seen.sends) + " were found");
    const bool backed = came_to_backup(look, index);
    const std::uint32_t receives = seen.receives + (backed ? 1u : 0u);
    if (receives != (kernel ? 0u : 1u))
        look.broken("receive rights",
                    look.port(index) + " is received from in " + std::to_string(receives) + " places");
    const Place receiver = record.receiver;
    if (kernel && !is_kernel_port_of_its_object(look, look.k.ref_of_port(index)))
        look.broken("receive rights", look.port(index) + " is a kernel port, but not that of its object");
    const Place owner = record.owner;
    const std::uint32_t owns = seen.owns + (backed && owner == receiver ? 1u : 0u);
    // With the right to receive on its way the ownership may be nowhere: whoever picks the one up has both.
    const bool nowhere = owner.kind == PlaceKind::nowhere && (kernel || receiver.kind != PlaceKind::task);
    if (owns != (nowhere ? 0u : 1u))
        look.broken("ownership", look.port(index) + " is owned in " + std::to_string(owns) + " places");
}

}  // namespace

void look_at_messages(Look& look) {
    for (std::uint32_t number = 0; number < message_classes; ++number)
        for (std::uint32_t i = 1; i < look.messages[number].size(); ++i)
            look_at_message(look, Kernel::message_of(number, i), look.messages[number][i]);
}

void look_at_rights(Look& look) {
    for (std::uint32_t i = 1; i < look.k.zone(zone_ports).fresh(); ++i)
        if (look.k.port(i).identity.get().life == Life::live) look_at_live_port(look, i);
    look.result.rights += look.result.names;
}

// ---- notices ----------------------------------------------------------------------------------------------

void note_cell(Look& look, CellRef cell, PortRef at, const std::string& where) {
    PortRef says;
    bool fits = true;  // what the notice is about is as it says
    bool twice = false;
    const auto mark = [&](bool& seen) {
        twice = seen;
        seen = true;
    };
    switch (cell.kind()) {
        case CellKind::entry_deleted: {
            const EntryRecord& e = entry_record_of_cell(look.k, cell);
            says = e.at;
            fits = look.chunks[cell.index() / entries_per_chunk] && (e.bits.get().rights & right_dead) != 0 &&
                   (e.bits.get().flags & entry_noticed) != 0;
            twice = look.noticed_entries[cell.index()];
            look.noticed_entries[cell.index()] = true;
            break;
        }
        case CellKind::message_accepted:
            says = look.k.thread(cell.index()).cell_at;
            fits = look.threads[cell.index()].listed &&
                   look.k.thread(cell.index()).accepted_span.get().second != 0;
            mark(look.threads[cell.index()].accepted_cell);
            break;
        case CellKind::no_senders:
            says = look.k.port(cell.index()).no_senders_at;
            fits = look.k.port(cell.index()).identity.get().life != Life::free;
            mark(look.ports[cell.index()].no_senders_cell);
            break;
        default:
            says = look.k.port(cell.index()).rights_at;
            fits = look.k.port(cell.index()).identity.get().life != Life::free;
            mark(look.ports[cell.index()].rights_cell);
            break;
    }
    if (says != at || !fits || twice)
        look.broken("notices", look.cell(cell) + " stands in " + where + " but does not belong there");
}

namespace {

void look_at_entry_cells(Look& look) {
    for (std::uint32_t chunk = 1; chunk < look.chunks.size(); ++chunk) {
        if (!look.chunks[chunk]) continue;
        for (std::uint32_t i = 0; i < entries_per_chunk; ++i) {
            const EntryBits bits = look.k.chunk(chunk).entries[i].bits;
            const std::uint32_t cell = chunk * entries_per_chunk + i;
            if (((bits.flags & entry_noticed) != 0) != look.noticed_entries[cell])
                look.broken("notices", "name " + std::to_string(bits.name) + " of " +
                                           look.task(look.k.chunk(chunk).task.get().index) +
                                           " says that its notice stands at a port, where it does not");
        }
    }
}

}  // namespace

void look_at_cells(Look& look) {
    look_at_entry_cells(look);
    const auto missing = [&](CellRef cell) {
        look.broken("notices", look.cell(cell) + " is noted but stands at no port");
    };
    for (std::uint32_t i = 1; i < look.threads.size(); ++i)
        if (look.threads[i].listed && look.k.thread(i).cell_at.get() && !look.threads[i].accepted_cell)
            missing({CellKind::message_accepted, i});
    for (std::uint32_t i = 1; i < look.ports.size(); ++i) {
        if (look.k.port(i).no_senders_at.get() && !look.ports[i].no_senders_cell)
            missing({CellKind::no_senders, i});
        if (look.k.port(i).rights_at.get() && !look.ports[i].rights_cell) missing({CellKind::port_rights, i});
    }
}

// ---- zones ------------------------------------------------------------------------------------------------

namespace {

constexpr std::array<const char*, zones> zone_names{"ports",
                                                    "messages of class 0",
                                                    "messages of class 1",
                                                    "messages of class 2",
                                                    "messages of class 3",
                                                    "chunks of names",
                                                    "tables of names",
                                                    "port sets",
                                                    "threads",
                                                    "tasks",
                                                    "processes",
                                                    "regions",
                                                    "views"};

bool in_use(Look& look, std::uint32_t number, std::uint32_t index) {
    switch (number) {
        case zone_ports: return look.k.port(index).identity.get().life != Life::free;
        case zone_chunks: return look.chunks[index];
        case zone_pages: return look.pages[index];
        case zone_sets: return look.k.set(index).identity.get().life != Life::free;
        case zone_threads: return look.k.thread(index).identity.get().life != Life::free;
        case zone_tasks: return look.k.task(index).identity.get().life != Life::free;
        case zone_processes: return look.k.process(index).identity.get().life != Life::free;
        case zone_regions: return look.k.region(index).identity.get().life != Life::free;
        case zone_views: return look.k.view(index).identity.get().life != Life::free;
        default:
            return look.k.message(Kernel::message_of(number - zone_messages, index)).identity.get().state !=
                   MessageState::free;
    }
}

// slot: of the carrier whose stock it is; 0: the zone's own list
void mark_free(Look& look, std::uint32_t number, Pair list, std::uint32_t slot, std::vector<std::uint8_t>& marks) {
    if (list == Pair{}) return;
    const Zone& zone = look.k.zone(number);
    const std::string where = slot == 0 ? std::string("the free list of ") + zone_names[number]
                                        : "the stock of " + std::string(zone_names[number]) + " of carrier " + std::to_string(slot);
    std::uint32_t count = 0;
    for (std::uint32_t at = list.first; at != 0; at = zone.link(at).get().first) {
        if (!look.is_index(number, at))
            return look.broken_unless_under_way(
                "zones", where + " leads to number " + std::to_string(at) + ", which is no record");
        if (marks[at] != 0)
            return look.broken_unless_under_way("zones", where + " leads to record " + std::to_string(at) +
                                                             ", which is on it already, or on another");
        marks[at] = 1;
        ++count;
    }
    if (count != list.second)
        look.broken_unless_under_way("zones", where + " has " + std::to_string(count) +
                                                  " records, its count is " + std::to_string(list.second));
}

void look_at_zone(Look& look, std::uint32_t number) {
    const Zone& zone = look.k.zone(number);
    const std::string what = zone_names[number];
    if (zone.fresh() > zone.capacity() || zone.fresh() == 0)
        return look.broken("zones", "the zone of " + what + " has used " + std::to_string(zone.fresh()) +
                                        " records of " + std::to_string(zone.capacity()));
    std::vector<std::uint8_t> marks(zone.fresh());
    mark_free(look, number, Pair{zone.free_head(), zone.on_free_list()}, 0, marks);
    for (std::uint32_t slot = 1; zone.stock() != Zone::no_stock && slot < look.k.machine().carriers(); ++slot)
        mark_free(look, number, look.k.machine().carrier(slot).stock[zone.stock()], slot, marks);
    for (std::uint32_t i = 1; i < zone.fresh(); ++i) {
        const bool used = in_use(look, number, i);
        if (used == (marks[i] != 0))
            look.broken_unless_under_way("zones",
                                         "record " + std::to_string(i) + " of the zone of " + what +
                                             (used ? " is in use and free" : " is neither in use nor free"));
    }
}

}  // namespace

void look_at_zones(Look& look) {
    for (std::uint32_t number = 0; number < zones; ++number) look_at_zone(look, number);
}

}  // namespace umach::ports
