// SPDX-License-Identifier: BSL-1.0
// The audit's look at ports: their queues and lines, who waits at them, the notices that stand there; and at
// sets.
#include "ports/audit_look.hpp"
#include "ports/notice.hpp"
#include "ports/queue.hpp"

#include <mach/port.h>

namespace umach::ports {
namespace {

struct AtPort {
    Look& look;
    std::uint32_t index;
    PortRecord& record;
    bool live;

    Place place() const { return Place::of(PlaceKind::port, index, record.identity.get().generation); }
    PortRef ref() const { return {index, record.identity.get().generation}; }
};

void stands_here(AtPort& at, std::uint32_t message, const std::string& where) {
    if (at.look.k.message(message).stands.get() != at.place())
        at.look.broken("messages", at.look.message(message) + " is in " + where +
                                       " but says that it stands at " +
                                       at.look.place(at.look.k.message(message).stands));
}

void compare(AtPort& at, const char* rule, const char* what, std::uint64_t stored, std::uint64_t found) {
    if (stored != found)
        at.look.broken(rule, at.look.port(at.index) + " counts " + std::to_string(stored) + " " + what +
                                 ", it has " + std::to_string(found));
}

void look_at_queue(AtPort& at) {
    Look& look = at.look;
    const std::string where = "the queue of " + look.port(at.index);
    std::uint32_t queued = 0, ordinary = 0;
    look.walk(
        at.record.queue, "queues", where, [&](std::uint32_t m) { return look.is_message(m); },
        look.k.message_links(),
        [&](std::uint32_t m) {
            ++queued;
            ordinary += (look.k.message(m).identity.get().flags & message_uncounted) == 0;
            look.met(m, MessageState::queued, where);
            stands_here(at, m, where);
        });
    const PortCounts counts = at.record.counts;
    compare(at, "queues", "queued messages", counts.queued, queued);
    compare(at, "queues", "ordinary queued messages", counts.ordinary, ordinary);
    if (ordinary > PORT_BACKLOG_MAX)
        look.broken("backlog", where + " has " + std::to_string(ordinary) + " ordinary messages, over " +
                                   std::to_string(PORT_BACKLOG_MAX));
    if (at.live && (counts.backlog < 1 || counts.backlog > PORT_BACKLOG_MAX))
        look.broken("backlog", look.port(at.index) + " has a backlog of " + std::to_string(counts.backlog));
}

void look_at_waiting(AtPort& at, std::uint32_t m, const std::string& where) {
    Look& look = at.look;
    const ThreadRef sender = look.k.message(m).sender;
    look.met(m, MessageState::waiting, where);
    if (!look.is_thread(sender))
        return look.broken("lines", look.message(m) + " waits in " + where + " for a thread that is gone");
    const Wait wait = look.k.thread(sender.index).wait;
    const bool waits = wait.kind == WaitKind::send && wait.state == WaitState::waiting &&
                       look.k.thread(sender.index).wait_at.get() == at.ref() &&
                       look.threads[sender.index].line == m;
    if (!waits)
        look.broken("lines", look.message(m) + " waits in " + where + ", but " + look.thread(sender.index) +
                                 " does not wait for it");
    look.threads[sender.index].line = 0;
}

void look_at_kept_message(AtPort& at, std::uint32_t m, std::uint32_t& orphans, const std::string& where) {
    Look& look = at.look;
    MessageRecord& message = look.k.message(m);
    look.met(m, MessageState::kept, where);
    if ((message.identity.get().flags & message_orphan) != 0) {
        ++orphans;
        return;
    }
    const ThreadRef sender = message.sender;
    const bool told = look.is_thread(sender) &&
                      look.k.thread(sender.index).kept_port.get() == at.ref();
    if (at.live && !told)
        look.broken("lines", look.message(m) + " is kept in " + where +
                                 ", but its sender's thread has no such message");
}

void look_at_line(AtPort& at) {
    Look& look = at.look;
    const std::string where = "the line of " + look.port(at.index);
    std::uint32_t orphans = 0;
    look.walk(
        at.record.line, "lines", where, [&](std::uint32_t m) { return look.is_message(m); },
        look.k.message_links(),
        [&](std::uint32_t m) {
            if (look.k.message(m).identity.get().state == MessageState::waiting)
                look_at_waiting(at, m, where);
            else
                look_at_kept_message(at, m, orphans, where);
            stands_here(at, m, where);
        });
    if (!at.live) return;
    compare(at, "lines", "messages of ended senders", at.record.counts.get().orphans, orphans);
    if (at.record.line.get().first != 0 && has_room(at.record) && !look.ports[at.index].admission_owed)
        look.broken("debts", where + " could move up, and nobody owes that");
}

void look_at_receiver(Look& look, std::uint32_t thread, PortRef at, bool of_set, const std::string& where) {
    const Wait wait = look.k.thread(thread).wait;
    const bool kind = of_set ? wait.kind == WaitKind::receive_set
                             : wait.kind == WaitKind::receive || wait.kind == WaitKind::receive_senders ||
                                   wait.kind == WaitKind::reply || wait.kind == WaitKind::join;
    const bool waits = look.k.thread(thread).identity.get().life == Life::live && kind &&
                       wait.state == WaitState::waiting && look.k.thread(thread).wait_at.get() == at;
    if (!waits) look.broken("waits", look.thread(thread) + " is in " + where + " but does not wait there");
    if (look.threads[thread].receiving)
        look.broken("waits", look.thread(thread) + " waits in two lists, one of them " + where);
    look.threads[thread].receiving = true;
}

// Somebody was told of news there, and may not have looked yet.
bool somebody_was_told(Look& look, PortRef at, bool of_set) {
    for (std::uint32_t i = 1; i < look.k.zone(zone_threads).fresh(); ++i) {
        const Wait wait = look.k.thread(i).wait;
        const bool kind = of_set ? wait.kind == WaitKind::receive_set
                                 : wait.kind == WaitKind::receive || wait.kind == WaitKind::receive_senders;
        if (kind && wait.state == WaitState::done && look.k.thread(i).identity.get().life == Life::live &&
            look.k.thread(i).wait_at.get() == at)
            return true;
    }
    return false;
}

void look_at_receivers(Look& look, Pair list, PortRef at, bool of_set, bool news, const std::string& where) {
    bool waiting = false;
    look.walk(
        list, "waits", where, [&](std::uint32_t t) { return look.is_index(zone_threads, t); },
        look.k.wait_links(),
        [&](std::uint32_t t) {
            waiting = waiting || look.k.thread(t).wait.get().kind != WaitKind::reply;
            look_at_receiver(look, t, at, of_set, where);
        });
    if (waiting && news && !somebody_was_told(look, at, of_set))
        look.broken("wake-ups", where + " waits though there is news, and nobody was told");
}

void look_at_notices(AtPort& at) {
    Look& look = at.look;
    const std::string where = "the list of notices at " + look.port(at.index);
    std::uint32_t before = 0, count = 0;
    for (CellRef cell(at.record.notices.get().first); cell.word != 0;
         cell = CellRef(next_notice(look.k, cell))) {
        if (!look.is_cell(cell))
            return look.broken(
                "notices", where + " leads to cell " + std::to_string(cell.word) + ", which is no record");
        if (++count > look.most_members) return look.broken("notices", where + " is a ring");
        before = cell.word;
        note_cell(look, cell, at.ref(), where);
    }
    if (at.record.notices.get().second != before) look.broken("notices", where + " does not end at its tail");
}

bool is_in_use(Look& look, std::uint32_t index) {
    return look.k.port(index).identity.get().life != Life::free;
}

}  // namespace

void look_at_ports(Look& look) {
    for (std::uint32_t i = 1; i < look.k.zone(zone_ports).fresh(); ++i) {
        if (!is_in_use(look, i)) continue;
        AtPort at{look, i, look.k.port(i), look.k.port(i).identity.get().life == Life::live};
        ++look.result.ports;
        look_at_queue(at);
        look_at_line(at);
        const bool news = at.live && has_news(at.record) && !at.record.set.get();
        look_at_receivers(look, at.record.receivers, at.ref(), false, news,
                          "the list of receivers of " + look.port(i));
        look_at_notices(at);
        if (!at.live && !look.ports[i].dying_listed)
            look.broken("dying ports", look.port(i) + " is dying but on no task's list");
    }
    for (std::uint32_t i = 1; i < look.k.zone(zone_threads).fresh(); ++i)
        if (look.threads[i].line != 0)
            look.broken("lines", look.thread(i) + " waits for room for " +
                                     look.message(look.threads[i].line) + ", which is in no line");
}

// ---- sets -------------------------------------------------------------------------------------------------

namespace {

void look_at_member(Look& look, SetRef set, std::uint32_t port) {
    const Place home = look.k.port(port).receiver;
    const TaskRef task = look.k.set(set.index).task;
    if (look.k.port(port).set.get() != set ||
        home != Place::of(PlaceKind::task, task.index, task.generation) || look.ports[port].member)
        look.broken("port sets", look.port(port) + " is listed as a member of " + look.set(set.index) +
                                     " but belongs elsewhere");
    look.ports[port].member = true;
}

void look_at_set(Look& look, SetRef ref) {
    PortSetRecord& set = look.k.set(ref.index);
    const auto valid = [&](std::uint32_t at) { return look.is_index(zone_ports, at); };
    look.walk(set.members, "port sets", "the list of members of " + look.set(ref.index), valid,
              look.k.member_links(), [&](std::uint32_t at) { look_at_member(look, ref, at); });
    look.walk(set.ready, "ready lists", "the list of ready ports of " + look.set(ref.index), valid,
              look.k.ready_links(), [&](std::uint32_t at) {
                  if (!look.ports[at].member || !has_news(look.k.port(at)) || look.ports[at].ready)
                      look.broken("ready lists", look.port(at) + " is listed as ready in " +
                                                     look.set(ref.index) + " but is not");
                  look.ports[at].ready = true;
              });
    look_at_receivers(look, set.receivers, PortRef{ref.index, ref.generation}, true,
                      set.ready.get().first != 0, "the list of receivers of " + look.set(ref.index));
}

void look_at_waits(Look& look, std::uint32_t index) {
    const Wait wait = look.k.thread(index).wait;
    const bool receives = wait.state == WaitState::waiting && wait.kind != WaitKind::none &&
                          wait.kind != WaitKind::send && !waits_alone(wait.kind);
    if (look.k.thread(index).identity.get().life == Life::live && receives && !look.threads[index].receiving)
        look.broken("waits", look.thread(index) + " waits to receive but is in no list of receivers");
}

}  // namespace

void look_at_sets(Look& look) {
    for (std::uint32_t i = 1; i < look.k.zone(zone_sets).fresh(); ++i) {
        const Identity identity = look.k.set(i).identity;
        if (identity.life == Life::free) continue;
        if (!look.sets[i] && look.is_task(look.k.set(i).task))
            look.broken("port sets", look.set(i) + " has no name in its task");
        look_at_set(look, {i, identity.generation});
    }
    for (std::uint32_t i = 1; i < look.k.zone(zone_ports).fresh(); ++i) {
        if (!is_in_use(look, i) || !look.k.port(i).set.get()) continue;
        if (!look.ports[i].member)
            look.broken("port sets", look.port(i) + " is in a set that does not list it");
        if (look.ports[i].ready != has_news(look.k.port(i)))
            look.broken("ready lists", look.port(i) + " has news and is not listed as ready in its set");
    }
    for (std::uint32_t i = 1; i < look.k.zone(zone_threads).fresh(); ++i) look_at_waits(look, i);
}

}  // namespace umach::ports
