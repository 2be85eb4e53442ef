// SPDX-License-Identifier: BSL-1.0
// msg_rpc: a send whose reply right is bound to the call, and a wait for that answer or the news of its death.
#include "ports/death.hpp"
#include "ports/queue.hpp"
#include "ports/receive.hpp"
#include "ports/receive_half.hpp"
#include "ports/send.hpp"
#include "ports/send_half.hpp"
#include "runtime/detail.hpp"

namespace umach::ports {

using runtime::set_detail;

namespace {

void end_call(KernelStep& s, const Receive& r) { s.set(r.thread().call, CallRef{0, r.thread().call.get().number}); }

// An answer that cannot be taken stays at the reply port for msg_receive, as a message to a send-once right does.
void leave_answer(KernelStep& s, const Receive& r, PortRef port, std::uint32_t message) {
    s.set(r.thread().message, 0);
    end_call(s, r);
    PortRecord* record = s.lock_live(port);
    const Place here = Place::of(PlaceKind::task, r.caller.task.index, r.caller.task.generation);
    if (record != nullptr && record->receiver.get() == here) enqueue(s, port.index, message);
    else doom(s, r.caller.task, message);
}

Taken answer_too_large(KernelStep& s, const Receive& r, PortRef port, std::uint32_t message) {
    Taken taken = with_code(RCV_TOO_LARGE);
    taken.needed = s.k.message(message).size;
    leave_answer(s, r, port, message);
    set_detail("the answer has %u bytes, the buffer %u", taken.needed, r.room);
    return s.keep(taken);
}

Taken take_answer(KernelStep& s, const Receive& r, PortRef port) {
    const auto message = static_cast<std::uint32_t>(r.thread().message.get());
    if (s.k.message(message).size > r.room) return answer_too_large(s, r, port, message);
    if (!name_rights(s, r.caller.task, message)) return no_space(s);
    s.set(r.thread().message, 0);
    end_call(s, r);
    hold(s, r, message);
    Taken got;
    got.got = Got::message;
    got.delivery = {message, name_of(s.k, r.task(), port)};
    return s.keep(got);
}

Taken give_up_call(KernelStep& s, const Receive& r, msg_return_t code) {
    end_call(s, r);
    return s.keep(with_code(code));
}

bool still_ours(Kernel& k, const Receive& r, PortRef port) {
    PortRecord& record = k.port(port.index);
    const Place here = Place::of(PlaceKind::task, r.caller.task.index, r.caller.task.generation);
    return record.identity.get().generation == port.generation && record.identity.get().life == Life::live &&
           record.receiver.get() == here && !record.set.get();
}

Taken look_for_answer(KernelStep& s, const Receive& r, PortRef port) {
    s.lock(r.caller.task);
    if (r.thread().message.get() != 0) return take_answer(s, r, port);
    if (r.thread().call.get().thread == 0) {
        set_detail("the reply right died unanswered");
        return s.undo(with_code(MIG_SERVER_DIED));
    }
    if (!still_ours(s.k, r, port)) return give_up_call(s, r, RCV_INVALID_PORT);
    if (!r.may_wait) return give_up_call(s, r, RCV_TIMED_OUT);
    Taken taken = wait_for_news(s, r, WaitKind::reply, port, s.k.port(port.index).receivers);
    taken.at = port;
    return taken;
}

msg_return_t receive_answer(Receive& r, PortRef port, msg_timeout_t timeout) {
    r.may_wait = (r.options & RCV_TIMEOUT) == 0 || timeout != 0;
    const runtime::Deadline deadline = deadline_of(r.options, timeout);
    for (;;) {
        const Taken got = r.caller.step([&](KernelStep& s) { return look_for_answer(s, r, port); });
        if (got.code == RCV_NOT_ENOUGH_MEMORY && got.got == Got::code) {
            r.caller.step([&](KernelStep& s) {
                s.lock(r.caller.task);
                leave_answer(s, r, port, static_cast<std::uint32_t>(r.thread().message.get()));
                return s.keep(0);
            });
            return RCV_NOT_ENOUGH_MEMORY;
        }
        if (got.got != Got::wait) return finish(r, got);
        const msg_return_t code = wait_for_end(r, got, deadline);
        if (code == RCV_SUCCESS) continue;
        const bool answered = r.caller.step([&](KernelStep& s) {
            s.lock(r.caller.task);
            if (r.thread().message.get() != 0) return s.keep(true);   // at the last moment
            end_call(s, r);
            return s.keep(false);
        });
        if (!answered) return code;
    }
}

// The reply port of a call: one that this task receives from directly.
PortRef own_reply_port(Caller& caller, std::uint32_t name) {
    return caller.k.step(caller.carrier, [&](KernelStep& s) {
        s.lock(caller.task);
        TaskRecord& task = s.k.task(caller.task.index);
        const std::uint32_t index = find_name(s.k, task, name);
        if (index == 0) return s.undo(PortRef{});
        const EntryBits bits = entry(s.k, task, index).bits;
        const PortRef port = entry(s.k, task, index).port;
        const bool fit = (bits.rights & right_receive) != 0 && !s.k.port(port.index).set.get();
        return s.undo(fit ? port : PortRef{});
    });
}

}  // namespace

msg_return_t rpc(Caller& caller, msg_header_t* header, msg_option_t options, msg_size_t receive_size,
                 msg_timeout_t send_timeout, msg_timeout_t receive_timeout) {
    Receive r{caller, header, 0, 0, options};
    const Prepared prepared = prepare(caller, header);
    if (prepared.message == 0) return prepared.error;
    const PortRef port = prepared.reply != 0 ? own_reply_port(caller, prepared.reply) : PortRef{};
    if (!port) {
        discard(caller, prepared.message);
        const msg_return_t sent = send(caller, header, options, send_timeout);   // as msg_send: its error comes first
        if (sent != SEND_SUCCESS) return sent;
        set_detail("msg_local_port: this task does not receive from name %d directly", static_cast<int>(prepared.reply));
        return RCV_INVALID_PORT;
    }
    if (!check_buffer(r, header, receive_size)) {
        discard(caller, prepared.message);
        return RCV_INVALID_MEMORY;
    }
    const CallRef call{caller.thread.index, r.thread().call.get().number + 1};
    const msg_return_t sent =
        send_prepared(caller, {prepared.message, prepared.destination, options, send_timeout, port, call});
    lose_given_up(caller, prepared, sent);
    return sent == SEND_SUCCESS ? receive_answer(r, port, receive_timeout) : sent;
}

}  // namespace umach::ports
