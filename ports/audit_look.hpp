// SPDX-License-Identifier: BSL-1.0
// One look of the audit at all records of a host: what it has seen so far, and the parts that it is made of.
// Every lock is held during a look. What a carrier keeps for itself (its stock, the message in its hand)
// needs no lock to change, so who finds something wrong looks again (audit.cpp).
#pragma once

#include "ports/audit.hpp"
#include "ports/space.hpp"

namespace umach::ports {

// What refers to a port, as counted by this look.
struct PortSeen {
    std::uint32_t sends = 0;     // entries, messages, special and registered ports, backups
    std::uint32_t receives = 0;  // entries and messages that have the receive right
    std::uint32_t owns = 0;
    bool dying_listed = false;
    bool member = false;
    bool ready = false;
    bool no_senders_cell = false;
    bool rights_cell = false;
    bool admission_owed = false;
};

struct ThreadSeen {
    bool listed = false;     // among its task's threads
    bool receiving = false;  // in a list of receivers
    bool accepted_cell = false;
    std::uint32_t line = 0;  // its message that waits in a port's line
};

struct Look {
    explicit Look(Kernel& kernel);

    void broken(const char* rule, const std::string& what) {
        result.violations.push_back(std::string(rule) + ": " + what);
    }
    // For what a carrier changes without any lock: says nothing while a carrier is stopped in the middle of a
    // step.
    void broken_unless_under_way(const char* rule, const std::string& what) {
        if (!under_way) broken(rule, what);
    }

    bool is_index(std::uint32_t number, std::uint32_t index) const {
        return index != 0 && index < k.zone(number).fresh();
    }
    bool is_message(std::uint32_t m) const {
        return is_index(zone_messages + Kernel::message_class(m), Kernel::message_index(m));
    }
    bool is_cell(CellRef cell) const;
    bool is_port(PortRef port) const;  // one that is live or dying
    bool is_live(PortRef port) const;
    bool is_thread(ThreadRef thread) const;
    bool is_task(TaskRef task) const;

    std::string port(std::uint32_t index) const;
    std::string task(std::uint32_t index) const;
    std::string message(std::uint32_t index) const;
    std::string thread(std::uint32_t index) const;
    std::string set(std::uint32_t index) const;
    std::string place(Place place) const;
    std::string cell(CellRef cell) const;

    // A message was met in one of the places where messages are.
    void met(std::uint32_t message, MessageState state, const std::string& where);

    // A region was met where those are that somebody has.
    void met_region(RegionRef region, Place holder, const std::string& where);

    // Walks a doubly linked list and visits each member; names what is wrong with its links.
    template <class Valid, class Links, class Visit>
    void walk(Pair list, const char* rule, const std::string& of, Valid valid, Links links, Visit visit) {
        std::uint32_t before = 0, count = 0;
        for (std::uint32_t at = list.first; at != 0; at = links(at).get().second) {
            if (!valid(at))
                return broken(rule, of + " leads to number " + std::to_string(at) + ", which is no record");
            if (++count > most_members) return broken(rule, of + " is a ring");
            const std::uint32_t back = links(at).get().first;
            if (back != before)
                return broken(rule, of + ": member " + std::to_string(at) + " points back to " +
                                        std::to_string(back) + ", not to " + std::to_string(before));
            visit(at);
            before = at;
        }
        if (list.second != before)
            broken(rule, of + " ends at " + std::to_string(before) + ", its tail says " +
                             std::to_string(list.second));
    }

    Kernel& k;
    Audit result;
    bool under_way =
        false;  // a live carrier is in the middle of a step, so has stopped there: it needs no lock
    std::uint32_t most_members;  // no list is longer
    std::vector<PortSeen> ports;
    std::vector<ThreadSeen> threads;
    std::vector<bool> noticed_entries;
    std::array<std::vector<std::uint8_t>, message_classes> messages;  // how often each was met
    std::vector<bool> chunks, pages, sets, task_work;                 // of spaces; with names; with work owed
    std::vector<std::uint8_t> regions;                                // how often each was met
};

// Notes that a notice stands in the list of a port, and whether it says so itself.
void note_cell(Look& look, CellRef cell, PortRef at, const std::string& where);

void look_at_carriers(Look& look);  // logs, locks, menders, debts, hands
void look_at_spaces(Look& look);    // tasks: names, maps, counts, special ports, lists
void look_at_threads(Look& look);   // threads of each task, what they wait for
void look_at_ports(Look& look);     // queues, lines, receivers, notices
void look_at_sets(Look& look);
void look_at_messages(Look& look);  // rights in messages, each message in one place
void look_at_sections(Look& look);  // memory objects and their views; met before the rights are counted
void look_at_rights(Look& look);    // receive rights, ownerships, send rights counted
void look_at_cells(Look& look);     // notices stand where their cells say
void look_at_regions(Look& look);   // memory: each region in one place, addresses free or in one region
void look_at_zones(Look& look);     // every record is free, in a stock, or in use

}  // namespace umach::ports
