// SPDX-License-Identifier: BSL-1.0
#include "ports/receive.hpp"

#include "ports/ahead.hpp"
#include "ports/death.hpp"
#include "ports/hand.hpp"
#include "ports/queue.hpp"
#include "ports/receive_half.hpp"
#include "ports/thread.hpp"
#include "ports/transfer.hpp"
#include "runtime/checked_copy.hpp"
#include "runtime/detail.hpp"

#include <algorithm>

namespace umach::ports {
namespace {

using runtime::set_detail;

constexpr std::uint32_t notice_bytes = sizeof(notification_t);

Taken too_large(KernelStep& s, const Receive& r, std::uint32_t needed) {
    set_detail("the message has %u bytes, the buffer %u", needed, r.room);
    Taken taken = with_code(RCV_TOO_LARGE);
    taken.needed = needed;
    return s.undo(taken);
}

Taken take_notice(KernelStep& s, const Receive& r, PortRef ref, std::uint32_t name) {
    if (r.room < notice_bytes) return too_large(s, r, notice_bytes);
    Taken got;
    got.got = Got::notice;
    got.notice = take_first(s, s.k.port(ref.index));
    if (got.notice.id == NOTIFY_PORT_DESTROYED) {
        const std::uint32_t index = put_receive(s, r.caller.task, got.notice.port, Carried::all);
        if (index == 0) return no_space(s);
        got.notice.name = entry(s.k, r.task(), index).bits.get().name;
    }
    rotate_ready(s, ref.index);
    got.delivery.local = name;
    return s.keep(got);
}

Taken take_message(KernelStep& s, const Receive& r, PortRef ref, std::uint32_t name) {
    const std::uint32_t message = s.k.port(ref.index).queue.get().first;
    if (s.k.message(message).size > r.room) return too_large(s, r, s.k.message(message).size);
    dequeue(s, ref.index, message);
    rotate_ready(s, ref.index);
    owe_admission(s, ref.index);
    if (!name_rights(s, r.caller.task, message)) return no_space(s);
    hold(s, r, message);
    count_received(s, s.k.port(ref.index));
    Taken got;
    got.got = Got::message;
    got.delivery = {message, name};
    return s.keep(got);
}

// name: the task's for the port
Taken take_from(KernelStep& s, const Receive& r, PortRef ref, std::uint32_t name) {
    const bool notice = s.k.port(ref.index).notices.get().first != 0;
    const Taken got = notice ? take_notice(s, r, ref, name) : take_message(s, r, ref, name);
    if (got.got != Got::code) pass_news(s, ref.index);
    return got;
}

// Whether the receiver is the only one that could send to the port.
bool alone(Kernel& k, const Receive& r, PortRef ref) {
    const std::uint32_t index = find_port(k, r.task(), ref);
    const bool own_send = index != 0 && (entry(k, r.task(), index).bits.get().rights & right_send) != 0;
    return k.port(ref.index).send_rights.get() == (own_send ? 1u : 0u);
}

Taken look_at_port(KernelStep& s, const Receive& r, PortRef ref) {
    PortRecord& port = s.k.port(ref.index);
    if (port.set.get()) {
        set_detail("msg_local_port: the port is in a set, receive from the set");
        return s.undo(with_code(RCV_INVALID_PORT));
    }
    if (has_news(port)) return take_from(s, r, ref, r.name);
    const bool ask_senders = (r.options & RCV_NO_SENDERS) != 0;
    if (ask_senders && alone(s.k, r, ref)) return s.undo(with_code(RCV_ONLY_SENDER));
    Taken taken = wait_for_news(s, r, ask_senders ? WaitKind::receive_senders : WaitKind::receive, ref, port.receivers);
    taken.at = ref;
    return taken;
}

Taken look_at_set(KernelStep& s, const Receive& r, SetRef ref) {
    PortSetRecord& set = s.k.set(ref.index);
    const std::uint32_t ready = set.ready.get().first;
    if (ready != 0) return take_from(s, r, s.k.ref_of_port(ready), name_of(s.k, r.task(), s.k.ref_of_port(ready)));
    Taken taken = wait_for_news(s, r, WaitKind::receive_set, PortRef{ref.index, ref.generation}, set.receivers);
    taken.set = ref;
    return taken;
}

// What was handed to the thread for a receive from the same name, which had to give up. Anything else that it has is lost.
bool take_late(KernelStep& s, const Receive& r, Taken& taken) {
    const bool late = was_handed(r) && name_taken_from(r.thread()) == r.name;
    if (!late) return end_earlier(s, r.caller), false;
    const auto message = static_cast<std::uint32_t>(r.thread().message.get());
    taken.got = Got::message;
    taken.delivery = {message, s.k.message(message).local, true};
    return true;
}

Taken look(KernelStep& s, const Receive& r) {
    s.lock(r.caller.task);
    if (Taken late; r.thread().message.get() != 0 && take_late(s, r, late)) return s.keep(late);
    const std::uint32_t index = find_name(s.k, r.task(), r.name);
    const std::uint8_t rights = index != 0 ? entry(s.k, r.task(), index).bits.get().rights : std::uint8_t{0};
    const PortRef port = index != 0 ? entry(s.k, r.task(), index).port.get() : PortRef{};
    if ((rights & right_set) != 0) return look_at_set(s, r, SetRef{port.index, port.generation});
    if ((rights & right_receive) != 0 && s.k.port(port.index).identity.get().life == Life::live) return look_at_port(s, r, port);
    set_detail("msg_local_port: name %d is no receive right and no port set", static_cast<int>(r.name));
    return s.undo(with_code(RCV_INVALID_PORT));
}

// ---- the end of a wait ---------------------------------------------------------------------------------------------

// Leaves the list of receivers that this thread waits in.
// returns: false when somebody ended the wait after all
bool stop_waiting(KernelStep& s, const Receive& r, const Taken& begun) {
    const bool at_port = static_cast<bool>(begun.at);
    const bool locked = at_port ? s.lock_root(begun.at) != nullptr : s.lock(r.caller.task);
    if (!locked || r.thread().wait.get().state != WaitState::waiting) return false;
    Field<Pair>& receivers = at_port ? s.k.port(begun.at.index).receivers : s.k.set(begun.set.index).receivers;
    s.unlink(receivers, r.caller.thread.index, s.k.wait_links());
    cancel_wait(s, r.caller.thread.index);
    return true;
}

// Who cannot leave the list, because somebody who does not run has the lock, stays in it until its next wait begins. It
// is handed nothing more (transfer.cpp); what has come by now waits for this thread's next receive from the same name.
// returns: as stop_waiting()
bool stop_in_time(const Receive& r, const Taken& begun) {
    try {
        const auto body = [&](KernelStep& s) { return s.keep(stop_waiting(s, r, begun)); };
        return r.caller.step_until(runtime::Deadline::in(std::chrono::seconds(0)), body);
    } catch (const runtime::HeldUp&) {
        give_up_waiting(r.thread(), begun.epoch);
        set_detail("%s", held_up);
        return true;
    }
}

// Who was told that a port is not to be received from any more tells the next.
void pass_on(const Receive& r, const Taken& begun, int result, runtime::Deadline until) {
    r.caller.step_until(until, [&](KernelStep& s) {
        if (begun.at) {
            if (PortRecord* port = s.lock_root(begun.at); port != nullptr) kick_receivers(s, *port, result);
        }
        return s.keep(0);
    });
}

// Who was told of news and cannot take it tells another receiver.
void leave_news(const Receive& r, runtime::Deadline until) {
    r.caller.step_until(until, [&](KernelStep& s) {
        s.lock(r.caller.task);
        const std::uint32_t index = find_name(s.k, r.task(), r.name);
        if (index == 0) return s.keep(0);
        EntryRecord& e = entry(s.k, r.task(), index);
        const std::uint8_t rights = e.bits.get().rights;
        const PortRef at = e.port;
        const std::uint32_t port = (rights & right_set) != 0 ? s.k.set(at.index).ready.get().first : at.index;
        if (port != 0 && (rights & (right_set | right_receive)) != 0) pass_news(s, port);
        return s.keep(0);
    });
}

// ---- into the buffer -----------------------------------------------------------------------------------------------

msg_return_t deliver_notice(const Receive& r, const Taken& got) {
    notification_t text{};
    const bool destroyed = got.notice.id == NOTIFY_PORT_DESTROYED;
    text.notify_header.msg_unused = MSG_UNUSED_KERNEL;
    text.notify_header.msg_simple = destroyed ? 0 : 1;
    text.notify_header.msg_size = notice_bytes;
    text.notify_header.msg_type = MSG_TYPE_EMERGENCY;
    text.notify_header.msg_local_port = static_cast<port_t>(got.delivery.local);
    text.notify_header.msg_id = got.notice.id;
    text.notify_type.msg_type_name = destroyed ? MSG_TYPE_PORT_ALL : MSG_TYPE_PORT_NAME;
    text.notify_type.msg_type_size = 32;
    text.notify_type.msg_type_number = 1;
    text.notify_type.msg_type_inline = 1;
    text.notify_port = static_cast<port_t>(got.notice.name);
    return runtime::copy_out(r.buffer, &text, sizeof text) ? RCV_SUCCESS : RCV_INVALID_MEMORY;
}

msg_return_t say_needed(const Receive& r, std::uint32_t needed) {
    return runtime::copy_out(&r.buffer->msg_size, &needed, sizeof needed) ? RCV_TOO_LARGE : RCV_INVALID_MEMORY;
}

}  // namespace

std::uint32_t name_of(Kernel& k, TaskRecord& task, PortRef port) {
    const std::uint32_t index = find_port(k, task, port);
    return index != 0 ? entry(k, task, index).bits.get().name : 0;
}

Taken no_space(KernelStep& s) { return s.undo(with_code(RCV_NOT_ENOUGH_MEMORY)); }

void hold(KernelStep& s, const Receive& r, std::uint32_t message) {
    MessageRecord& record = s.k.message(message);
    set_state(s, record, MessageState::taken);
    s.set(record.stands, Place::of(PlaceKind::task, r.caller.task.index, r.caller.task.generation));
    put_in_hand(s, message);
}

Taken wait_for_news(KernelStep& s, const Receive& r, WaitKind kind, PortRef at, Field<Pair>& receivers) {
    if (!r.may_wait) return s.undo(with_code(RCV_TIMED_OUT));
    Taken taken;
    taken.got = Got::wait;
    r.thread().takes.put(takes_word(r.room, r.name));
    taken.epoch = begin_wait(s, r.caller.thread.index, kind, at);
    s.append(receivers, r.caller.thread.index, s.k.wait_links());
    return s.keep(taken);
}

msg_return_t wait_for_end(const Receive& r, const Taken& begun, runtime::Deadline deadline) {
    const Parked parked = park(r.caller, begun.epoch, deadline, (r.options & RCV_INTERRUPT) != 0);
    ask_for_message(r.caller);
    if (parked != Parked::rung && stop_in_time(r, begun)) return parked == Parked::timed_out ? RCV_TIMED_OUT : RCV_INTERRUPTED;
    const int result = r.thread().wait.get().result;
    if (result == RCV_INVALID_PORT || result == RCV_PORT_CHANGE) pass_on(r, begun, result, deadline);
    if (result == RCV_INVALID_PORT) set_detail("the receive right went away during the wait");
    if (result == RCV_PORT_CHANGE) set_detail("the port was put into a set during the wait");
    return result;
}

bool was_handed(const Receive& r) {
    const auto message = static_cast<std::uint32_t>(r.thread().message.get());
    if (message == 0) return false;
    MessageRecord& record = r.caller.k.message(message);
    return record.identity.get().state == MessageState::handed && record.size <= r.room;
}

msg_return_t finish_handed(const Receive& r) {
    const auto message = static_cast<std::uint32_t>(r.thread().message.get());
    return deliver(r.caller, {message, r.caller.k.message(message).local, true}, r.buffer);
}

msg_return_t finish(const Receive& r, const Taken& got) {
    if (got.got == Got::notice) return deliver_notice(r, got);
    if (got.got == Got::message) return deliver(r.caller, got.delivery, r.buffer);
    return got.code == RCV_TOO_LARGE ? say_needed(r, got.needed) : got.code;
}

runtime::Deadline deadline_of(msg_option_t options, msg_timeout_t timeout) {
    return (options & RCV_TIMEOUT) != 0 ? runtime::Deadline::in(std::chrono::milliseconds(timeout)) : runtime::Deadline::never();
}

bool check_buffer(Receive& r, msg_header_t* header, std::uint32_t size) {
    r.buffer = header;
    r.room = std::min<std::uint32_t>(size, MSG_SIZE_MAX);
    if (runtime::probe_write(header, std::max<std::uint32_t>(r.room, sizeof(msg_header_t)))) return true;
    set_detail("the receive buffer at %p (%u bytes) cannot be written", static_cast<void*>(header), size);
    return false;
}

namespace {

msg_return_t receive_until(Receive& r, runtime::Deadline deadline) {
    for (bool waited = false;;) {
        const Taken got = r.caller.step_until(deadline, [&](KernelStep& s) { return look(s, r); });
        discard_put_aside(r.caller);
        if (got.got == Got::code && waited) leave_news(r, deadline);
        if (got.got != Got::wait) return finish(r, got);
        waited = true;
        if (const msg_return_t code = wait_for_end(r, got, deadline); code != RCV_SUCCESS) return code;
        if (was_handed(r)) return finish_handed(r);
    }
}

}  // namespace

msg_return_t receive(Caller& caller, msg_header_t* header, msg_option_t options, msg_timeout_t timeout) {
    msg_header_t wanted{};
    Receive r{caller, header, 0, 0, options};
    if (!runtime::copy_in(&wanted, header, sizeof wanted) || !check_buffer(r, header, wanted.msg_size)) return RCV_INVALID_MEMORY;
    r.name = static_cast<std::uint32_t>(wanted.msg_local_port);
    r.may_wait = (options & RCV_TIMEOUT) == 0 || timeout != 0;
    try {
        return receive_until(r, deadline_of(options, timeout));
    } catch (const runtime::HeldUp&) {
        set_detail("%s", held_up);
        return RCV_TIMED_OUT;
    }
}

}  // namespace umach::ports
