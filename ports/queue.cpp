// SPDX-License-Identifier: BSL-1.0
#include "ports/queue.hpp"

#include "ports/notice.hpp"
#include "ports/rights.hpp"
#include "ports/wait.hpp"

#include <bit>

namespace umach::ports {
namespace {

// Left for what else a step may have to tell: a notice for each right in a message.
constexpr std::uint32_t spare_rings = most_rights + 8;

void wake_one(KernelStep& s, Field<Pair>& receivers) {
    const std::uint32_t thread = next_receiver(s, receivers);
    if (thread == 0) return;
    s.unlink(receivers, thread, s.k.wait_links());
    end_wait(s, thread, 0);
}

// A thread that mirrors the port in a descriptor, of a task that serves: counts the arrival, and wakes it if it waits.
void tell_watcher(KernelStep& s, Count& watch) {
    const std::uint64_t word = watch;
    if (word == 0) return;
    s.set(watch, word + (std::uint64_t{1} << 32));
    const auto thread = static_cast<std::uint32_t>(word);
    const TaskRef task = s.k.thread(thread).task;
    if (!s.lock(task) || s.k.thread(thread).task.get() != task) return;
    const Wait wait = s.k.thread(thread).wait;
    if (wait.kind == WaitKind::watch && wait.state == WaitState::waiting) end_wait(s, thread, 0);
}

void change_counts(KernelStep& s, PortRecord& port, MessageRecord& message, int by) {
    PortCounts counts = port.counts;
    counts.queued = static_cast<std::uint16_t>(counts.queued + by);
    if ((message.identity.get().flags & message_uncounted) == 0)
        counts.ordinary = static_cast<std::uint16_t>(counts.ordinary + by);
    if (counts.queued == 0 && port.line.get().first == 0) counts.nest = 0;
    s.set(port.counts, counts);
}

Place place_of_port(Kernel& k, std::uint32_t port) {
    return Place::of(PlaceKind::port, port, k.port(port).identity.get().generation);
}

}  // namespace

// Who waits for the answer to a call takes nothing else, nor does who has given up; nor a thread of a task that the
// receive right has left, which has yet to be told so.
std::uint32_t next_receiver(KernelStep& s, const Field<Pair>& receivers) {
    const auto takes = [&](ThreadRecord& thread) {
        return thread.wait.get().kind != WaitKind::reply && s.holds(thread.task) && !has_given_up(thread);
    };
    std::uint32_t thread = receivers.get().first;
    while (thread != 0 && !takes(s.k.thread(thread))) thread = s.k.thread(thread).wait_links.get().second;
    return thread;
}

bool has_news(PortRecord& port) { return port.notices.get().first != 0 || port.queue.get().first != 0; }

bool has_room(PortRecord& port) {
    const PortCounts counts = port.counts;
    return counts.ordinary < counts.backlog;
}

void announce(KernelStep& s, std::uint32_t index, bool had_news) {
    PortRecord& port = s.k.port(index);
    tell_watcher(s, port.watch);
    const SetRef set = port.set;
    if (!set) return wake_one(s, port.receivers);
    PortSetRecord& record = s.k.set(set.index);
    if (!had_news) s.append(record.ready, index, s.k.ready_links());
    tell_watcher(s, record.watch);
    wake_one(s, record.receivers);
}

void pass_news(KernelStep& s, std::uint32_t index) {
    PortRecord& port = s.k.port(index);
    if (!has_news(port) || s.step().rings_left() == 0) return;
    const SetRef set = port.set;
    wake_one(s, set ? s.k.set(set.index).receivers : port.receivers);
}

void rotate_ready(KernelStep& s, std::uint32_t index) {
    PortRecord& port = s.k.port(index);
    const SetRef set = port.set;
    if (!set) return;
    PortSetRecord& record = s.k.set(set.index);
    const Pair ready = record.ready;
    const bool linked = ready.first == index || port.ready.get() != Pair{};
    if (!linked) return;
    if (has_news(port) && ready.second == index) return;
    s.unlink(record.ready, index, s.k.ready_links());
    if (has_news(port)) s.append(record.ready, index, s.k.ready_links());
}

void leave_set(KernelStep& s, std::uint32_t index) {
    PortRecord& port = s.k.port(index);
    const SetRef set = port.set;
    if (!set) return;
    PortSetRecord& record = s.k.set(set.index);
    if (has_news(port)) s.unlink(record.ready, index, s.k.ready_links());
    s.unlink(record.members, index, s.k.member_links());
    s.set(port.set, SetRef{});
}

void set_state(KernelStep& s, MessageRecord& message, MessageState state) {
    MessageIdentity identity = message.identity;
    identity.state = state;
    s.set(message.identity, identity);
}

void enqueue(KernelStep& s, std::uint32_t index, std::uint32_t message_index) {
    PortRecord& port = s.k.port(index);
    MessageRecord& message = s.k.message(message_index);
    const bool had_news = has_news(port);
    s.append(port.queue, message_index, s.k.message_links());
    set_state(s, message, MessageState::queued);
    if (const Place here = place_of_port(s.k, index); message.stands.get() != here) s.set(message.stands, here);
    change_counts(s, port, message, +1);
    announce(s, index, had_news);
}

void count_received(KernelStep& s, PortRecord& port) {
    PortTally tally = port.tally;
    ++tally.sequence;
    s.set(port.tally, tally);
}

void dequeue(KernelStep& s, std::uint32_t index, std::uint32_t message_index) {
    PortRecord& port = s.k.port(index);
    s.unlink(port.queue, message_index, s.k.message_links());
    change_counts(s, port, s.k.message(message_index), -1);
}

void line_up(KernelStep& s, std::uint32_t index, std::uint32_t message_index, MessageState state) {
    MessageRecord& message = s.k.message(message_index);
    s.append(s.k.port(index).line, message_index, s.k.message_links());
    set_state(s, message, state);
    s.set(message.stands, place_of_port(s.k, index));
}

void leave_line(KernelStep& s, std::uint32_t index, std::uint32_t message_index) {
    s.unlink(s.k.port(index).line, message_index, s.k.message_links());
}

bool begin_admission(KernelStep& s, MessageRecord& message, const ThreadRecord& sender) {
    set_state(s, message, MessageState::queued);
    return !has_given_up_meanwhile(sender);
}

void owe_admission(KernelStep& s, std::uint32_t index) {
    PortRecord& port = s.k.port(index);
    if (port.line.get().first == 0 || !has_room(port)) return;
    s.set(s.mine().owed_admission, std::bit_cast<std::uint64_t>(s.k.ref_of_port(index)));
}

namespace {

// Whether the thread cannot go on waiting at the port itself.
bool must_go(Kernel& k, PortRecord& port, std::uint32_t thread) {
    if (port.identity.get().life != Life::live || port.set.get()) return true;
    const TaskRef task = k.thread(thread).task;
    return port.receiver.get() != Place::of(PlaceKind::task, task.index, task.generation);
}

}  // namespace

void kick_receivers(KernelStep& s, PortRecord& port, int result) {
    std::uint32_t next = 0;
    std::uint32_t kicked = 0;
    for (std::uint32_t thread = port.receivers.get().first; thread != 0; thread = next) {
        next = s.k.thread(thread).wait_links.get().second;
        if (!must_go(s.k, port, thread)) continue;
        if (s.step().rings_left() == 0 || (kicked > 0 && s.step().rings_left() < spare_rings)) return;
        s.unlink(port.receivers, thread, s.k.wait_links());
        end_wait(s, thread, result);
        ++kicked;
    }
}

// ---- admission -----------------------------------------------------------------------------------------------------

namespace {

// The kept message is in the queue; its sender, if it lives and still has the right, is told.
void tell_accepted(KernelStep& s, PortRef port, MessageRecord& message) {
    const ThreadRef sender = message.sender;
    const TaskRef task = message.sender_task;
    if (!sender || !s.lock(task) || s.k.ref_of_thread(sender.index) != sender) return;
    ThreadRecord& thread = s.k.thread(sender.index);
    if (thread.kept_port.get() != port) return;
    s.set(thread.kept_port, PortRef{});
    if (find_port(s.k, s.k.task(task.index), port) == 0) return;
    const CellRef cell(CellKind::message_accepted, sender.index);
    if (!stands_somewhere(s.k, cell) && !post(s, cell, notify_port(s.k, task))) return;
    const Pair span = thread.accepted_span;
    Accepted& place = thread.accepted[(span.first + span.second) % most_accepted];
    s.set(place.port, port);
    s.set(place.name, thread.kept_name.get());
    s.set(thread.accepted_span, Pair{span.first, span.second + 1});
}

void admit_kept(KernelStep& s, PortRef port, std::uint32_t message_index) {
    MessageRecord& message = s.k.message(message_index);
    leave_line(s, port.index, message_index);
    if ((message.identity.get().flags & message_orphan) != 0) {
        PortCounts counts = s.k.port(port.index).counts;
        --counts.orphans;
        s.set(s.k.port(port.index).counts, counts);
    }
    enqueue(s, port.index, message_index);
    tell_accepted(s, port, message);
}

// A call's sender, whose message is in the queue now, sleeps on: its wait becomes the one for the answer, of the same
// epoch.
// returns: false when it has to be woken: it does not go on so, or does not receive from its reply port any more
bool wait_goes_on(KernelStep& s, const MessageRecord& message) {
    const TaskRef task = message.sender_task;
    if ((message.identity.get().flags & message_goes_on) == 0 || !s.lock(task)) return false;
    const std::uint32_t thread = message.sender.get().index;
    ThreadRecord& sender = s.k.thread(thread);
    const PortRef reply = message.reply.port;
    PortRecord& port = s.k.port(reply.index);
    if (s.k.ref_of_port(reply.index) != reply || sender.call.get() != message.reply.call.get() || must_go(s.k, port, thread))
        return false;
    s.set(sender.wait_at, reply);
    s.set(sender.wait, Wait{sender.wait.get().epoch, WaitKind::reply, WaitState::waiting, 0});
    s.append(port.receivers, thread, s.k.wait_links());
    return true;
}

// The sender's commit, on its behalf. A right that it lost meanwhile ends its send.
// returns: what the send has to be refused with in another step, when this one has to be undone
msg_return_t admit_waiting(KernelStep& s, PortRef port, std::uint32_t message_index) {
    MessageRecord& message = s.k.message(message_index);
    const TaskRef task = message.sender_task;
    const std::uint32_t thread = message.sender.get().index;
    if (has_moves(s.k, message_index)) s.lock(task);
    if (!begin_admission(s, message, s.k.thread(thread))) return SEND_TIMED_OUT;
    if (has_moves(s.k, message_index)) {
        if (const msg_return_t code = take_rights(s, task, message_index, port, true); code != SEND_SUCCESS) return code;
    }
    leave_line(s, port.index, message_index);
    s.set(s.k.thread(thread).message, 0);
    enqueue(s, port.index, message_index);
    if (!wait_goes_on(s, message)) end_wait(s, thread, SEND_SUCCESS);
    return SEND_SUCCESS;
}

void refuse_waiting(KernelStep& s, PortRef port, std::uint32_t message_index, msg_return_t code) {
    MessageRecord& message = s.k.message(message_index);
    leave_line(s, port.index, message_index);
    set_state(s, message, MessageState::prep);
    end_wait(s, message.sender.get().index, code);
}

}  // namespace

void admit_one(Kernel& k, runtime::Carrier& carrier, runtime::CarrierRecord& debtor) {
    const auto port_ref = std::bit_cast<PortRef>(debtor.owed_admission.get());
    std::uint32_t refused = 0;   // the message whose sender has lost a right, or memory
    msg_return_t code = SEND_SUCCESS;
    const auto body = [&](KernelStep& s) {
        PortRecord* port = s.lock_live(port_ref);
        const std::uint32_t head = port != nullptr ? port->line.get().first : 0;
        if (head == 0 || !has_room(*port)) {
            s.set(debtor.owed_admission, 0);
            return s.keep(true);
        }
        if (k.message(head).identity.get().state == MessageState::kept) admit_kept(s, port_ref, head);
        else if (head == refused) refuse_waiting(s, port_ref, head, code);
        else if ((code = admit_waiting(s, port_ref, head)) != SEND_SUCCESS) return refused = head, s.undo(false);
        return s.keep(true);
    };
    while (!k.step(carrier, body)) {}
}

}  // namespace umach::ports
