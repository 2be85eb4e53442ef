// SPDX-License-Identifier: BSL-1.0
// The audit's look at tasks: names and their maps, what the task counts, its special ports and its lists of
// work.
#include "ports/audit_look.hpp"

namespace umach::ports {
namespace {

struct Space {
    Look& look;
    std::uint32_t index;
    TaskRecord& record;
    std::uint32_t used;  // entries, with entry 0
    bool whole = true;   // no chunk has been given back: the task's end may be at that
    std::vector<bool> in_map;
    std::vector<bool> in_aliases;
    std::uint64_t names = 0, receives = 0, sets = 0;
};

std::string name_text(Space& space, std::uint32_t index) {
    EntryRecord* e = entry_at(space.look.k, space.record, index);
    const std::uint32_t name = e != nullptr ? e->bits.get().name : 0;
    return "name " + std::to_string(static_cast<std::int32_t>(name)) + " (entry " + std::to_string(index) +
           ") of " + space.look.task(space.index);
}

void look_at_chunk(Space& space, std::uint32_t number, std::uint32_t chunk) {
    Look& look = space.look;
    if (!look.is_index(zone_chunks, chunk))
        return look.broken("spaces", look.task(space.index) + " has chunk " + std::to_string(chunk) +
                                         ", which is no record");
    if (look.chunks[chunk])
        look.broken("spaces", "chunk " + std::to_string(chunk) + " is in two places, one of them " +
                                  look.task(space.index));
    look.chunks[chunk] = true;
    if (look.k.chunk(chunk).task.get() != look.k.ref_of_task(space.index) ||
        look.k.chunk(chunk).first.get() != number * entries_per_chunk)
        look.broken("spaces", "chunk " + std::to_string(chunk) + " of " + look.task(space.index) +
                                  " says that it belongs elsewhere");
}

void look_at_tables(Space& space) {
    Look& look = space.look;
    for (std::uint32_t p = 0; p < pages_per_task; ++p) {
        const auto page = static_cast<std::uint32_t>(space.record.pages[p].get());
        if (page == 0) continue;
        if (!look.is_index(zone_pages, page)) {
            look.broken("spaces", look.task(space.index) + " has table " + std::to_string(page) +
                                      ", which is no record");
            continue;
        }
        if (look.pages[page])
            look.broken("spaces", "table " + std::to_string(page) + " is in two places, one of them " +
                                      look.task(space.index));
        look.pages[page] = true;
        for (std::uint32_t c = 0; c < chunks_per_page; ++c)
            if (const std::uint64_t chunk = look.k.page(page).chunks[c].get(); chunk != 0)
                look_at_chunk(space, p * chunks_per_page + c, static_cast<std::uint32_t>(chunk));
    }
    for (std::uint32_t at = 0; at < space.used; at += entries_per_chunk)
        if (entry_at(look.k, space.record, at) == nullptr) space.whole = false;
    if (!space.whole && space.record.identity.get().life == Life::live)
        look.broken("spaces", look.task(space.index) + " lacks a part of its " + std::to_string(space.used) +
                                  " entries");
}

// Marks what one map holds, bucket by bucket.
// returns: false when an entry is met twice: then nobody must walk this map
template <class Links>
bool mark_map(Space& space, const char* map, std::vector<bool>& marks, Links links) {
    Look& look = space.look;
    marks.assign(space.used, false);
    for (std::uint32_t bucket = 0; bucket < space.used; ++bucket) {
        std::uint32_t at = links(bucket).get().first;
        for (; at != 0; at = links(at).get().second) {
            const bool bad = at >= space.used || marks[at];
            if (bad) {
                look.broken("maps", std::string("the ") + map + " of " + look.task(space.index) +
                                        " leads twice, or astray, to entry " + std::to_string(at) +
                                        " (from bucket " + std::to_string(bucket) + ")");
                return false;
            }
            marks[at] = true;
        }
    }
    return true;
}

bool is_found(Space& space, PortRef port, std::uint32_t index) {
    std::uint32_t at = next_for_port(space.look.k, space.record, port, 0);
    while (at != 0 && at != index) at = next_for_port(space.look.k, space.record, port, at);
    return at != 0;
}

void look_at_port_of(Space& space, std::uint32_t index, EntryRecord& e) {
    Look& look = space.look;
    const EntryBits bits = e.bits;
    const PortRef port = e.port;
    if (!look.is_port(port))
        return look.broken("names", name_text(space, index) + " is for port " + std::to_string(port.index) +
                                        "/" + std::to_string(port.generation) + ", which is gone");
    if (!is_found(space, port, index))
        look.broken("maps", name_text(space, index) + " is not found by its " + look.port(port.index));
    if ((bits.rights & right_send_once) == 0 && find_port(look.k, space.record, port) != index)
        look.broken("names", name_text(space, index) + " is a second name for " + look.port(port.index));
    if ((look.k.port(port.index).filter.load() >> space.index % 64 & 1) == 0)
        look.broken("filters", look.port(port.index) + " does not know that " + look.task(space.index) +
                                   " has a name for it");
    PortSeen& seen = look.ports[port.index];
    seen.sends += (bits.rights & right_send) != 0;
    const Place here = Place::of(PlaceKind::task, space.index, space.record.identity.get().generation);
    if ((bits.rights & right_receive) != 0) {
        ++space.receives;
        ++seen.receives;
        if (look.k.port(port.index).receiver.get() != here || !look.is_live(port))
            look.broken("receive rights",
                        name_text(space, index) + " receives from " + look.port(port.index));
    }
    if ((bits.rights & right_owner) == 0 || !look.is_live(port)) return;
    ++seen.owns;
    if (look.k.port(port.index).owner.get() != here)
        look.broken("ownership", name_text(space, index) + " owns a port whose owner is " +
                                     look.place(look.k.port(port.index).owner));
}

bool is_sound(EntryBits bits) {
    const std::uint8_t alone = bits.rights & (right_send_once | right_dead | right_set);
    if (alone != 0 && alone != bits.rights) return false;
    if (alone != 0 && (alone & (alone - 1)) != 0) return false;
    const bool counted = (bits.rights & (right_send | right_dead | right_send_once)) != 0;
    return counted == (bits.urefs != 0);
}

void look_at_set_name(Space& space, std::uint32_t index, PortRef ref) {
    Look& look = space.look;
    ++space.sets;
    const bool there = look.is_index(zone_sets, ref.index) &&
                       look.k.set(ref.index).identity.get() == Identity{ref.generation, Life::live, 0, 0};
    if (!there || look.sets[ref.index] ||
        look.k.set(ref.index).task.get() != look.k.ref_of_task(space.index) ||
        look.k.set(ref.index).name.get() != index)
        return look.broken("port sets",
                           name_text(space, index) + " is a port set's, but that set is not its own");
    look.sets[ref.index] = true;
}

void look_at_dead_name(Space& space, std::uint32_t index, EntryRecord& e) {
    const bool noticed = (e.bits.get().flags & entry_noticed) != 0;
    if (e.port.get())
        space.look.broken("dead names", name_text(space, index) + " is dead but still names a port");
    if (noticed != static_cast<bool>(e.at.get()))
        space.look.broken(
            "notices",
            name_text(space, index) + " is dead, and its notice is noted at one place and not at the other");
}

void look_at_entry(Space& space, std::uint32_t index, EntryRecord& e) {
    Look& look = space.look;
    const EntryBits bits = e.bits;
    const bool mapped = bits.rights != 0 && (bits.rights & (right_dead | right_set)) == 0;
    if (space.in_map[index] != mapped)
        look.broken("maps", name_text(space, index) + (mapped ? " is missing in" : " should not be in") +
                                " the map of ports");
    if (bits.rights == 0) return;
    ++space.names;
    ++look.result.names;
    if (find_name(look.k, space.record, bits.name) != index)
        look.broken("names", name_text(space, index) + " is not found by its name");
    if (!is_sound(bits))
        look.broken("names", name_text(space, index) + " has rights " + std::to_string(bits.rights) +
                                 " with " + std::to_string(bits.urefs) +
                                 " references, which do not go together");
    if ((bits.rights & right_set) != 0)
        look_at_set_name(space, index, e.port);
    else if ((bits.rights & right_dead) != 0)
        look_at_dead_name(space, index, e);
    else if (space.in_map[index])
        look_at_port_of(space, index, e);
}

void look_at_free_names(Space& space) {
    Look& look = space.look;
    const std::string of = "the list of free names of " + look.task(space.index);
    std::vector<bool> listed(space.used);
    std::uint32_t count = 0, last = 0;
    for (std::uint32_t at = space.record.free_names.get().first; at != 0;
         at = entry(look.k, space.record, at).links.get().second) {
        if (at >= space.used || listed[at])
            return look.broken("free names", of + " leads twice, or astray, to entry " + std::to_string(at));
        if (entry(look.k, space.record, at).bits.get().rights != 0)
            look.broken("free names", of + " has " + name_text(space, at) + ", which is in use");
        listed[at] = true;
        last = at;
        ++count;
    }
    if (space.record.free_names.get().second != last)
        look.broken("free names", of + " does not end at its tail");
    if (count + space.names + 1 != space.used)
        look.broken("free names", of + " has " + std::to_string(count) + " entries; with " +
                                      std::to_string(space.names) + " names in use that is not " +
                                      std::to_string(space.used - 1));
}

void look_at_counts(Space& space) {
    const auto compare = [&](const char* what, std::uint64_t stored, std::uint64_t found) {
        if (stored != found)
            space.look.broken("counts", space.look.task(space.index) + " counts " + std::to_string(stored) +
                                            " " + what + ", it has " + std::to_string(found));
    };
    compare("names", space.record.names, space.names);
    compare("receive rights", space.record.ports, space.receives);
    compare("port sets", space.record.sets, space.sets);
}

void look_at_names(Space& space) {
    if (!space.whole || space.used == 0) return;
    Kernel& k = space.look.k;
    const bool sound =
        mark_map(space, "map of ports", space.in_map,
                 [&](std::uint32_t i) -> Field<Pair>& { return entry(k, space.record, i).map; }) &&
        mark_map(space, "map of names", space.in_aliases,
                 [&](std::uint32_t i) -> Field<Pair>& { return entry(k, space.record, i).alias; });
    if (!sound) return;
    for (std::uint32_t i = 1; i < space.used; ++i) look_at_entry(space, i, entry(k, space.record, i));
    look_at_free_names(space);
    look_at_counts(space);
}

void look_at_special(Space& space) {
    const auto count = [&](PortRef port) {
        if (space.look.is_port(port)) ++space.look.ports[port.index].sends;
    };
    for (const auto& slot : space.record.special) count(slot);
    for (const auto& slot : space.record.registered) count(slot);
    std::uint32_t steps = 0;   // a ring is named by who looks at threads
    for (std::uint32_t t = space.record.thread_list.get().first;
         space.look.is_index(zone_threads, t) && steps++ < space.look.most_members;
         t = space.look.k.thread(t).siblings.get().second)
        for (const auto& slot : space.look.k.thread(t).special) count(slot);
}

// Work that is left on a task's lists is owed by somebody, or done by whoever ends the task.
void look_at_work(Space& space) {
    Look& look = space.look;
    const std::string of = look.task(space.index);
    look.walk(
        space.record.dying, "dying ports", "the list of dying ports of " + of,
        [&](std::uint32_t at) { return look.is_index(zone_ports, at); }, look.k.dying_links(),
        [&](std::uint32_t at) {
            if (look.ports[at].dying_listed || look.k.port(at).identity.get().life != Life::dying)
                look.broken("dying ports",
                            look.port(at) + " is on the list of " + of + ", and on another or not dying");
            look.ports[at].dying_listed = true;
        });
    look.walk(
        space.record.doomed, "doomed messages", "the list of doomed messages of " + of,
        [&](std::uint32_t at) { return look.is_message(at); }, look.k.message_links(),
        [&](std::uint32_t at) {
            look.met(at, MessageState::doomed, "the list of doomed messages of " + of);
        });
    const bool work = space.record.dying.get().first != 0 || space.record.doomed.get().first != 0;
    if (work && !look.task_work[space.index] && space.record.identity.get().life == Life::live)
        look.broken("debts", of + " has ports or messages to be dismantled, and nobody owes that");
}

}  // namespace

void look_at_spaces(Look& look) {
    for (std::uint32_t i = 1; i < look.k.zone(zone_tasks).fresh(); ++i) {
        TaskRecord& record = look.k.task(i);
        if (record.identity.get().life == Life::free) continue;
        ++look.result.tasks;
        Space space{look, i, record, static_cast<std::uint32_t>(record.used_names.get()), true, {}, {},
                    0,    0, 0};
        if (space.used > most_names) {
            look.broken("spaces",
                        look.task(i) + " says that it has " + std::to_string(space.used) + " entries");
            continue;
        }
        look_at_tables(space);
        look_at_names(space);
        look_at_special(space);
        look_at_work(space);
    }
    for (std::uint32_t i = 1; i < look.k.zone(zone_ports).fresh(); ++i) {
        const PortRef backup = look.k.port(i).backup;
        if (look.k.port(i).identity.get().life != Life::free && look.is_port(backup)) ++look.ports[backup.index].sends;
    }
    for (const PortRef held : {look.k.header().bootstrap.get(), look.k.header().host_port.get()})
        if (look.is_port(held)) ++look.ports[held.index].sends;
}

}  // namespace umach::ports
