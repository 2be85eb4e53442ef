// SPDX-License-Identifier: BSL-1.0
// msg_rpc: a send whose reply right is bound to the call, and a wait for that answer or the news of its death.
#include "ports/death.hpp"
#include "ports/queue.hpp"
#include "ports/receive.hpp"
#include "ports/receive_half.hpp"
#include "ports/send.hpp"
#include "ports/send_half.hpp"
#include "ports/thread.hpp"
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

// epoch: of the wait for the answer, if that has begun
msg_return_t receive_answer_until(Receive& r, PortRef port, std::uint32_t epoch, runtime::Deadline deadline) {
    Taken got;
    got.got = Got::wait;
    got.epoch = epoch;
    got.at = port;
    for (;; got.epoch = 0) {
        if (got.epoch == 0) got = r.caller.step_until(deadline, [&](KernelStep& s) { return look_for_answer(s, r, port); });
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
        if (code == RCV_SUCCESS && was_handed(r)) return finish_handed(r);
        if (code == RCV_SUCCESS) continue;
        const auto end = [&](KernelStep& s) {
            s.lock(r.caller.task);
            if (r.thread().message.get() != 0) return s.keep(true);   // at the last moment
            end_call(s, r);
            return s.keep(false);
        };
        if (!r.caller.step_until(runtime::Deadline::in(std::chrono::seconds(0)), end)) return code;
        if (was_handed(r)) return finish_handed(r);
    }
}

// A call that is held up stays open until this thread's next one. What answers it is lost, unless this thread receives
// from the reply port before.
msg_return_t receive_answer(Receive& r, const Sending& sent, runtime::Deadline deadline) {
    try {
        return receive_answer_until(r, sent.reply_port, sent.epoch, deadline);
    } catch (const runtime::HeldUp&) {
        set_detail("%s", held_up);
        return RCV_TIMED_OUT;
    }
}

// The answer could not come to the reply port: as msg_send, whose errors come first.
msg_return_t send_without_call(Caller& caller, const msg_header_t* header, msg_option_t options, msg_timeout_t timeout,
                               std::uint32_t reply) {
    const msg_return_t sent = send(caller, header, options, timeout);
    if (sent != SEND_SUCCESS) return sent;
    set_detail("msg_local_port: this task does not receive from name %d directly", static_cast<int>(reply));
    return RCV_INVALID_PORT;
}

}  // namespace

msg_return_t rpc(Caller& caller, msg_header_t* header, msg_option_t options, msg_size_t receive_size,
                 msg_timeout_t send_timeout, msg_timeout_t receive_timeout) {
    Receive r{caller, header, 0, 0, options};
    const runtime::Deadline deadline = deadline_of_send(options, send_timeout);
    const Prepared prepared = prepare_in_time(caller, header, deadline, true);
    if (prepared.message == 0) return prepared.error;
    if (prepared.reply == 0 || !check_buffer(r, header, receive_size)) {
        discard(caller, prepared.message);
        return prepared.reply != 0 ? RCV_INVALID_MEMORY : send_without_call(caller, header, options, send_timeout, 0);
    }
    r.name = prepared.reply;
    r.may_wait = (options & RCV_TIMEOUT) == 0 || receive_timeout != 0;
    const CallRef call{caller.thread.index, r.thread().call.get().number + 1};
    const Sending sent = send_prepared(
        caller, {prepared.message, prepared.destination, options, send_timeout, deadline, prepared.ahead, call, prepared.reply, r.room, r.may_wait});
    if (sent.code == SEND_SUCCESS && !sent.reply_port) return send_without_call(caller, header, options, send_timeout, prepared.reply);
    lose_given_up(caller, prepared, sent.code);
    return sent.code == SEND_SUCCESS ? receive_answer(r, sent, deadline_of(options, receive_timeout)) : sent.code;
}

}  // namespace umach::ports
