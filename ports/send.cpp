// SPDX-License-Identifier: BSL-1.0
#include "ports/send.hpp"

#include "ports/ahead.hpp"
#include "ports/death.hpp"
#include "ports/hand.hpp"
#include "ports/kernel_port.hpp"
#include "ports/memory.hpp"
#include "ports/queue.hpp"
#include "ports/send_half.hpp"
#include "ports/sending.hpp"
#include "ports/thread.hpp"
#include "ports/transfer.hpp"
#include "ports/wait.hpp"
#include "runtime/detail.hpp"

namespace umach::ports {
namespace {

using runtime::set_detail;

// How far a send may go when there is no room.
enum class Patience { wait, keep, none };

// The sender's right to the destination. A name that is not found is looked for again under the lock; a right that the
// send uses up, and rights in the message, need the lock in any case.
Destination locate(KernelStep& s, const Send& send) {
    const std::uint32_t name = send.order.destination;
    const Destination found = destination_of(s.k, send.task, name);
    if (s.holds(send.caller.task) || (found.port && !found.send_once && !send.carries_rights)) return found;
    if (!s.lock(send.caller.task)) return {};
    return destination_of(s.k, send.task, name);
}

// The port that the answer comes to: one that this task receives from directly. Its root is the task, which is locked here.
bool find_reply_port(KernelStep& s, Send& send) {
    s.lock(send.caller.task);
    const std::uint32_t index = find_name(s.k, send.task, send.order.reply);
    if (index == 0) return false;
    EntryRecord& e = entry(s.k, send.task, index);
    send.reply_port = e.port;
    return (e.bits.get().rights & right_receive) != 0 && !s.k.port(send.reply_port.index).set.get();
}

// A call's own reply right is in the message from the start and needs nobody's lock: nobody else can have it yet.
void bind_reply(KernelStep& s, const Send& send) {
    RightSlot& reply = send.message.reply;
    RightInfo info = reply.info;
    info.code = MSG_TYPE_MAKE_SEND_ONCE;
    info.carried = Carried::send_once;
    info.held = 1;
    reply.info.put(info);
    reply.port.put(send.reply_port);
    reply.call.put(send.order.call);
    s.set(send.thread.call, send.order.call);
}

// The wait for the answer begins in the step of the send: nobody can answer before.
// returns: its epoch, 0 if the caller does not wait
std::uint32_t await_answer(KernelStep& s, const Send& send) {
    if (!send.order.waits) return 0;
    const std::uint32_t thread = send.caller.thread.index;
    send.thread.takes.put(takes_word(send.order.room, send.order.reply));
    const std::uint32_t epoch = begin_wait(s, thread, WaitKind::reply, send.reply_port);
    s.append(s.k.port(send.reply_port.index).receivers, thread, s.k.wait_links());
    return epoch;
}

// What a send leaves in the carrier's hand: of a call nothing, its answer brings a record.
void let_go(KernelStep& s, const Send& send) {
    if (send.order.call) s.set(s.mine().in_hand, 0);
    else refill_hand(s, send.order.message);
}

Attempt done(KernelStep& s, const Send& send, PortRef port) {
    let_go(s, send);
    const std::uint32_t epoch = await_answer(s, send);
    return s.keep(Attempt{Sent::done, SEND_SUCCESS, epoch, port});
}

// From here on the rights in the message have a root: the destination's.
void place_at(KernelStep& s, const Send& send, PortRef port) {
    s.set(send.message.stands, Place::of(PlaceKind::port, port.index, port.generation));
}

// Sends to a send-once right: there is always room, and the right is used up.
Attempt send_once(KernelStep& s, const Send& send, const Destination& to) {
    const PortRef at = entry(s.k, send.task, to.entry).at;
    const CallRef call{at.index, at.generation};
    if (send.carries_rights) {
        place_at(s, send, to.port);
        if (const msg_return_t code = take_rights(s, send.caller.task, send.order.message, to.port, true); code != 0)
            return refused(s, code);
        // They may have used up the destination itself.
        if (destination_of(s.k, send.task, send.order.destination).entry != to.entry)
            return set_detail("the message moves the send-once right that it is sent to"), refused(s, SEND_INVALID_PORT);
    }
    free_entry(s, send.task, to.entry);
    MessageIdentity identity = send.message.identity;
    identity.flags |= message_uncounted;
    s.set(send.message.identity, identity);
    if (!call) {
        enqueue(s, to.port.index, send.order.message);
    } else if (const Answered end = answer(s, to.port, call, send.order.message, send.names); end == Answered::no_room) {
        return s.undo(Attempt{Sent::no_room, SEND_SUCCESS, 0, to.port});
    } else if (end == Answered::call_over) {
        return set_detail("the call that this right answers is over"), refused(s, SEND_INVALID_PORT);
    }
    return done(s, send, to.port);
}

Attempt send_now(KernelStep& s, const Send& send, PortRef port) {
    if (send.carries_rights) {
        place_at(s, send, port);
        const msg_return_t code = take_rights(s, send.caller.task, send.order.message, port, true);
        if (code != SEND_SUCCESS) return refused(s, code);
    }
    // Who calls waits anyway, and does the receiver's work meanwhile; who only sends goes on.
    const bool may_hand = send.names && send.order.call;
    const Transfer short_way = may_hand ? transfer(s, port, send.order.message) : Transfer::nobody_waits;
    if (short_way == Transfer::no_room) return s.undo(Attempt{Sent::no_room, SEND_SUCCESS, 0, port});
    if (short_way == Transfer::nobody_waits) enqueue(s, port.index, send.order.message);
    return done(s, send, port);
}

}  // namespace

// A kept message belongs to the port: everything leaves the sender now. It may be answered after its sender has gone
// on, so a call's reply right becomes an ordinary send-once right.
void note_kept(KernelStep& s, const Send& send, PortRef port) {
    s.set(send.message.sender, send.caller.thread);
    if (send.order.call) {
        s.set(send.message.reply.call, CallRef{});
        s.set(send.thread.call, CallRef{0, send.order.call.number});
    }
    s.set(send.thread.kept_name, send.order.destination);
    s.set(send.thread.kept_port, port);
}

msg_return_t may_keep(KernelStep& s, const Send& send, PortRef port) {
    s.lock(send.caller.task);
    if (send.thread.kept_port.get()) {
        set_detail("this thread's earlier kept message still waits");
        return SEND_NOTIFY_IN_PROGRESS;
    }
    if (send.thread.accepted_span.get().second == most_accepted) {
        set_detail("%u acceptances of this thread's messages were not received yet", most_accepted);
        return SEND_NOTIFY_IN_PROGRESS;
    }
    return s.k.port(port.index).counts.get().orphans >= most_orphans ? SEND_TIMED_OUT : SEND_WILL_NOTIFY;
}

namespace {

Attempt keep_message(KernelStep& s, const Send& send, PortRef port) {
    if (const msg_return_t code = may_keep(s, send, port); code != SEND_WILL_NOTIFY) return refused(s, code);
    place_at(s, send, port);
    const msg_return_t code = take_rights(s, send.caller.task, send.order.message, port, true);
    if (code != SEND_SUCCESS) return refused(s, code);
    line_up(s, port.index, send.order.message, MessageState::kept);
    note_kept(s, send, port);
    s.set(s.mine().in_hand, 0);
    return s.keep(Attempt{Sent::done, SEND_WILL_NOTIFY, 0, port});
}

// A caller that waits for room can sleep on until it has its answer, if that wait has no end or interruption of its own.
bool goes_on_to_wait(const SendOrder& order) {
    return order.waits && (order.options & (RCV_TIMEOUT | RCV_INTERRUPT | SEND_INTERRUPT)) == 0;
}

Attempt wait_in_line(KernelStep& s, const Send& send, PortRef port) {
    if (send.thread.message.get() != 0) end_earlier(s, send.caller);
    if (send.carries_rights) {
        s.lock(send.caller.task);
        const msg_return_t code = take_rights(s, send.caller.task, send.order.message, port, false);
        if (code != SEND_SUCCESS) return refused(s, code);
    }
    if (goes_on_to_wait(send.order)) {
        send.thread.takes.put(takes_word(send.order.room, send.order.reply));
        MessageIdentity identity = send.message.identity;
        identity.flags |= message_goes_on;
        s.set(send.message.identity, identity);
    }
    line_up(s, port.index, send.order.message, MessageState::waiting);
    s.set(send.thread.message, send.order.message);
    const std::uint32_t epoch = begin_wait(s, send.caller.thread.index, WaitKind::send, port);
    s.set(s.mine().in_hand, 0);
    return s.keep(Attempt{Sent::wait, SEND_SUCCESS, epoch, port});
}

// The message stays with its sender, who must hold every right in it all the same: what could not have been sent anyway
// says so first.
// returns: `outcome`, with nothing changed, or the code of a right that is not held
Attempt check_only(KernelStep& s, const Send& send, PortRef port, Attempt outcome) {
    if (send.carries_rights) {
        s.lock(send.caller.task);
        place_at(s, send, port);
        const msg_return_t code = take_rights(s, send.caller.task, send.order.message, port, true);
        if (code != SEND_SUCCESS) return refused(s, code);
    }
    return s.undo(outcome);
}

Attempt attempt(KernelStep& s, Send& send, Patience patience) {
    if (send.order.call && !find_reply_port(s, send)) return s.undo(Attempt{Sent::no_reply_port, SEND_SUCCESS, 0, {}});
    const Destination to = locate(s, send);
    if (!to.port) {
        set_detail("msg_remote_port: name %d is no right to send with", static_cast<int>(send.order.destination));
        return refused(s, SEND_INVALID_PORT);
    }
    PortRecord* port = s.lock_live(to.port);
    if (port == nullptr) {
        set_detail("msg_remote_port: the port of name %d is dead", static_cast<int>(send.order.destination));
        return refused(s, SEND_INVALID_PORT);
    }
    if (static_cast<PortKind>(port->identity.get().kind) != PortKind::ordinary)
        return check_only(s, send, to.port, {Sent::call, SEND_SUCCESS, 0, to.port});
    if (send.order.call) bind_reply(s, send);
    if (to.send_once) return send_once(s, send, to);
    if (port->line.get().first == 0 && has_room(*port)) return send_now(s, send, to.port);
    if (patience == Patience::none) return check_only(s, send, to.port, {Sent::time_out, SEND_TIMED_OUT, 0, to.port});
    return patience == Patience::keep ? keep_message(s, send, to.port) : wait_in_line(s, send, to.port);
}

Attempt attempt_in_time(Send& send, Patience patience, runtime::Deadline deadline) {
    for (;;) {
        try {
            const Attempt end = send.caller.step_until(deadline, [&](KernelStep& s) { return attempt(s, send, patience); });
            if (end.sent != Sent::no_room) return end;
            send.names = false;
        } catch (const runtime::HeldUp&) {
            set_detail("%s", held_up);
            return {Sent::refused, SEND_TIMED_OUT, 0, {}};
        }
    }
}

Patience patience_of(const SendOrder& order) {
    const bool no_wait = (order.options & SEND_TIMEOUT) != 0 && order.timeout == 0;
    if ((order.options & SEND_NOTIFY) != 0 && (no_wait || (order.options & SEND_TIMEOUT) == 0)) return Patience::keep;
    return no_wait ? Patience::none : Patience::wait;
}

// Has the call served that the message is.
msg_return_t serve(const Send& send, PortRef port) {
    const KernelObject object = object_of_port(send.caller.k, port);
    if (object.kind == PortKind::ordinary) {
        set_detail("msg_remote_port: the kernel port died");
        discard(send.caller, send.order.message);
        return SEND_INVALID_PORT;
    }
    const RightInfo reply = send.message.reply.info;
    const std::uint32_t to = reply.carried == Carried::none ? 0 : reply.name;
    if (!take_memory(send.caller, send.order.message)) return discard(send.caller, send.order.message), SEND_INVALID_MEMORY;
    KernelRequest request{send.caller, object, send.order.message, {to, send.reply_port, send.order.call}};
    kernel_receiver(request);
    return SEND_SUCCESS;
}

void end_call(const Send& send) {
    if (!send.order.call) return;
    const auto body = [&](KernelStep& s) {
        s.lock(send.caller.task);
        s.set(send.thread.call, CallRef{0, send.order.call.number});
        return s.keep(0);
    };
    try {
        send.caller.k.step(send.caller.carrier, body, runtime::Deadline::in(std::chrono::seconds(0)));
    } catch (const runtime::HeldUp&) {
    }   // the next call of this thread ends it
}

}  // namespace

Sending send_prepared(Caller& caller, const SendOrder& order) {
    ask_for_receiver(caller.k, order.ahead);
    Send send(caller, order);
    Attempt end = attempt_in_time(send, patience_of(order), order.deadline);
    if (end.sent == Sent::done) return {end.code, send.reply_port, end.epoch};
    if (end.sent == Sent::wait) {
        discard_put_aside(caller);
        end = wait_for_room(send, end, order.deadline);
        if (end.sent == Sent::refused) end_call(send);
    }
    if (end.sent == Sent::call) return {serve(send, end.port), send.reply_port, 0};
    if (end.sent == Sent::time_out) set_detail("the queue is full");
    if (end.sent != Sent::done && end.sent != Sent::left) discard(caller, order.message);
    return {end.code, end.sent == Sent::no_reply_port ? PortRef{} : send.reply_port, end.sent == Sent::done ? end.epoch : 0};
}

runtime::Deadline deadline_of_send(msg_option_t options, msg_timeout_t timeout) {
    return (options & SEND_TIMEOUT) != 0 ? runtime::Deadline::in(std::chrono::milliseconds(timeout)) : runtime::Deadline::never();
}

void lose_given_up(Caller& caller, const Prepared& prepared, msg_return_t code) {
    if (code != SEND_SUCCESS && code != SEND_WILL_NOTIFY) return;
    for (const GivenUp& lost : prepared.given_up) static_cast<void>(deallocate_address(caller, lost.address, lost.bytes));
}

Prepared prepare_in_time(Caller& caller, const msg_header_t* header, runtime::Deadline until, bool is_call) {
    try {
        if (is_call) end_earlier_call(caller, until);
        return prepare(caller, header, until);
    } catch (const runtime::HeldUp&) {
        set_detail("%s", held_up);
        Prepared none;
        none.error = SEND_TIMED_OUT;
        return none;
    }
}

msg_return_t send(Caller& caller, const msg_header_t* header, msg_option_t options, msg_timeout_t timeout) {
    const runtime::Deadline deadline = deadline_of_send(options, timeout);
    const Prepared prepared = prepare_in_time(caller, header, deadline, false);
    if (prepared.message == 0) return prepared.error;
    if (prepared.reply != 0) {
        RightSlot& reply = caller.k.message(prepared.message).reply;
        RightInfo info = reply.info;
        info.name = prepared.reply;
        info.carried = Carried::send;
        reply.info.put(info);
    }
    const msg_return_t code = send_prepared(caller, {prepared.message, prepared.destination, options, timeout, deadline, prepared.ahead, {}}).code;
    lose_given_up(caller, prepared, code);
    return code;
}

}  // namespace umach::ports
