// SPDX-License-Identifier: BSL-1.0
#include "ports/transfer.hpp"

#include "ports/queue.hpp"
#include "ports/rights.hpp"
#include "ports/space.hpp"
#include "ports/wait.hpp"

namespace umach::ports {
namespace {

Field<Pair>& receivers_of(Kernel& k, PortRecord& port) {
    const SetRef set = port.set;
    return set ? k.set(set.index).receivers : port.receivers;
}

// The receiver whose turn it is, as when it is woken for news.
// returns: 0 also when its buffer is too small: it has to be told
std::uint32_t whose_turn(KernelStep& s, Field<Pair>& receivers, const MessageRecord& message) {
    const std::uint32_t thread = next_receiver(s, receivers);
    return thread != 0 && fits(s.k.thread(thread), message) ? thread : 0;
}

// The message stays in no queue: what lies in it nests no longer below the port.
void forget_nest(KernelStep& s, PortRecord& port) {
    PortCounts counts = port.counts;
    if (counts.nest == 0) return;
    counts.nest = 0;
    s.set(port.counts, counts);
}

}  // namespace

bool fits(ThreadRecord& thread, const MessageRecord& message) {
    return static_cast<std::uint32_t>(thread.takes.get()) >= message.size;
}

void name_port(KernelStep& s, ThreadRecord& thread, PortRef port, std::uint32_t message) {
    TaskRecord& task = s.k.task(thread.task.get().index);
    const std::uint32_t name = name_taken_from(thread);
    const std::uint32_t index = find_name(s.k, task, name);
    const bool same = index != 0 && entry(s.k, task, index).port.get() == port && (entry(s.k, task, index).bits.get().rights & right_set) == 0;
    const std::uint32_t found = same ? 0 : find_port(s.k, task, port);
    s.k.message(message).local = same ? name : found != 0 ? entry(s.k, task, found).bits.get().name : 0;
}

Transfer transfer(KernelStep& s, PortRef ref, std::uint32_t message) {
    PortRecord& port = s.k.port(ref.index);
    MessageRecord& record = s.k.message(message);
    Field<Pair>& receivers = receivers_of(s.k, port);
    if (receivers.get().first == 0 || has_news(port)) return Transfer::nobody_waits;
    const std::uint32_t thread = whose_turn(s, receivers, record);
    if (thread == 0) return Transfer::nobody_waits;
    ThreadRecord& receiver = s.k.thread(thread);
    const TaskRef task = receiver.task;
    // The receive right may have left that task, and this thread has not been told yet.
    if (port.receiver.get() != Place::of(PlaceKind::task, task.index, task.generation)) return Transfer::nobody_waits;
    if (!name_rights(s, task, message)) return Transfer::no_room;
    MessageIdentity identity = record.identity;
    identity.state = MessageState::handed;
    s.set(record.identity, identity);
    s.set(record.stands, Place::of(PlaceKind::task, task.index, task.generation));
    s.set(receiver.message, message);   // at which end_earlier_call() looks
    if (has_given_up_meanwhile(receiver)) return Transfer::no_room;
    name_port(s, receiver, ref, message);
    count_received(s, port);
    forget_nest(s, port);
    s.unlink(receivers, thread, s.k.wait_links());
    end_wait(s, thread, 0);
    return Transfer::done;
}

Answered answer(KernelStep& s, PortRef port, CallRef call, std::uint32_t message, bool names) {
    ThreadRecord& thread = s.k.thread(call.thread);
    MessageRecord& record = s.k.message(message);
    const TaskRef task = thread.task;
    if (thread.call.get() != call || thread.message.get() != 0 || !s.holds(task)) return Answered::call_over;
    const Wait wait = thread.wait;
    const bool waits = wait.kind == WaitKind::reply && wait.state == WaitState::waiting;
    const bool bare = record.identity.get().rights == 0 && record.reply.info.get().carried == Carried::none;
    const bool named = waits && fits(thread, record) && (bare || names);
    if (named && !bare && !name_rights(s, task, message)) return Answered::no_room;
    set_state(s, record, named ? MessageState::handed : MessageState::answer);
    s.set(record.stands, Place::of(PlaceKind::task, task.index, task.generation));
    s.set(thread.message, message);
    s.set(thread.call, CallRef{0, call.number});
    if (!waits) return Answered::done;
    name_port(s, thread, port, message);
    s.unlink(s.k.port(port.index).receivers, call.thread, s.k.wait_links());
    end_wait(s, call.thread, 0);
    return Answered::done;
}

}  // namespace umach::ports
