// SPDX-License-Identifier: BSL-1.0
// The wait of a send for room, and its end.
#include "ports/hand.hpp"
#include "ports/queue.hpp"
#include "ports/sending.hpp"
#include "ports/wait.hpp"
#include "runtime/detail.hpp"

namespace umach::ports {
namespace {

using runtime::set_detail;

// Takes the waiting message back into the carrier's hand.
void take_back_message(KernelStep& s, const Send& send, PortRef port) {
    leave_line(s, port.index, send.order.message);
    set_state(s, send.message, MessageState::prep);
    s.set(send.thread.message, 0);
    put_in_hand(s, send.order.message);
    cancel_wait(s, send.caller.thread.index);
    owe_admission(s, port.index);
}

bool waits_for_room(const Send& send) {
    const Wait wait = send.thread.wait;
    return wait.kind == WaitKind::send && wait.state == WaitState::waiting;
}

// The wait was not ended by others: either the message leaves the line, or (SEND_NOTIFY) it is kept in its place.
// returns: `wait` when somebody ended the wait after all, or made it the one for the answer
Attempt give_up(KernelStep& s, const Send& send, PortRef port, msg_return_t code) {
    // Who makes it that one has this lock, too; the port's may be held up.
    if (send.order.call) s.lock(send.caller.task);
    if (!waits_for_room(send)) return s.undo(Attempt{Sent::wait, 0, 0, port});
    PortRecord* record = s.lock_root(port);
    if (record == nullptr || !waits_for_room(send)) return s.undo(Attempt{Sent::wait, 0, 0, port});
    if (code == SEND_TIMED_OUT && (send.order.options & SEND_NOTIFY) != 0 && may_keep(s, send, port) == SEND_WILL_NOTIFY) {
        if (take_rights(s, send.caller.task, send.order.message, port, true) != SEND_SUCCESS) return refused(s, SEND_INVALID_PORT);
        set_state(s, send.message, MessageState::kept);
        note_kept(s, send, port);
        s.set(send.thread.message, 0);
        cancel_wait(s, send.caller.thread.index);
        return s.keep(Attempt{Sent::done, SEND_WILL_NOTIFY, 0, port});
    }
    if (code == SEND_TIMED_OUT && (send.order.options & SEND_NOTIFY) != 0) code = may_keep(s, send, port);
    take_back_message(s, send, port);
    return s.keep(Attempt{Sent::refused, code, 0, port});
}

// The result that somebody else wrote. A refused message is the sender's again; of an admitted call the wait may have
// become the one for the answer.
Attempt ended(const Send& send) {
    const Wait wait = send.thread.wait;
    if (wait.kind == WaitKind::reply) return {Sent::done, SEND_SUCCESS, wait.epoch, {}};
    const int result = wait.result;
    if (result == SEND_SUCCESS) return {Sent::done, SEND_SUCCESS, 0, {}};
    set_detail(result == SEND_INTERRUPTED ? "the wait for room was aborted"
                                          : "the port died, or a right in the message was lost, while the message waited for room");
    send.caller.k.step(send.caller.carrier, [&](KernelStep& s) {
        s.set(send.thread.message, 0);
        put_in_hand(s, send.order.message);
        return s.keep(0);
    });
    return {Sent::refused, result, 0, {}};
}

// returns: as give_up(); `left` when the message had to be left behind in the line
Attempt give_up_in_time(const Send& send, const Attempt& begun, msg_return_t code) {
    for (;;) {
        try {
            const auto body = [&](KernelStep& s) { return give_up(s, send, begun.port, code); };
            return send.caller.step_until(runtime::Deadline::in(std::chrono::seconds(0)), body);
        } catch (const runtime::HeldUp&) {
            if (leave_behind(send.thread, begun.epoch, send.message)) return {Sent::left, code, 0, begun.port};
        }
    }
}

}  // namespace

bool leave_behind(ThreadRecord& self, std::uint32_t epoch, const MessageRecord& message) {
    give_up_waiting(self, epoch);
    return message.identity.look().state == MessageState::waiting;
}

Attempt wait_for_room(const Send& send, const Attempt& begun, runtime::Deadline deadline) {
    const bool interruptible = (send.order.options & SEND_INTERRUPT) != 0;
    const Parked parked = park(send.caller, begun.epoch, deadline, interruptible);
    if (parked == Parked::rung) return ended(send);
    const msg_return_t code = parked == Parked::timed_out ? SEND_TIMED_OUT : SEND_INTERRUPTED;
    Attempt end = give_up_in_time(send, begun, code);
    if (end.sent == Sent::left) set_detail("%s", held_up);
    // A right was lost before the message could be kept: it leaves the line with that error.
    if (end.sent == Sent::refused && end.code == SEND_INVALID_PORT) end = give_up_in_time(send, begun, SEND_INVALID_PORT);
    return end.sent == Sent::wait ? ended(send) : end;
}

}  // namespace umach::ports
