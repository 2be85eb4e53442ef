// SPDX-License-Identifier: BSL-1.0
// A send while it is under way: what its first step (send.cpp) and its wait for room (send_wait.cpp) share.
#pragma once

#include "ports/send_half.hpp"
#include "runtime/step.hpp"

namespace umach::ports {

// What the step of a send came to.
// call: the destination is a kernel port. no_room: whom it would be handed to has none for the rights. no_reply_port: of
// a call. left: the message stands in line, and will not be sent.
enum class Sent { done, wait, time_out, refused, call, no_room, no_reply_port, left };
struct Attempt {
    Sent sent = Sent::refused;
    msg_return_t code = SEND_SUCCESS;
    std::uint32_t epoch = 0;   // of the wait for room; once done: of the wait for the answer
    PortRef port;
};

// A message with more rights goes by the queue, which takes them out of one space and into the other in two steps: what
// one step changes is limited (runtime/carrier.hpp, log_entries).
inline constexpr std::uint8_t most_rights_handed = 16;

struct Send {
    Send(Caller& by, const SendOrder& what)
        : caller(by), order(what), message(by.k.message(what.message)), thread(by.k.thread(by.thread.index)),
          task(by.k.task(by.task.index)),
          carries_rights(message.identity.get().rights != 0 || message.reply.info.get().carried != Carried::none),
          names(message.identity.get().rights <= most_rights_handed) {}

    Caller& caller;
    const SendOrder& order;
    MessageRecord& message;
    ThreadRecord& thread;
    TaskRecord& task;
    const bool carries_rights;   // that are still with the sender
    bool names;                  // it can be handed to a thread that waits, which has room for the rights as far as we know
    PortRef reply_port;          // of a call
};

inline Attempt refused(KernelStep& s, msg_return_t code) { return s.undo(Attempt{Sent::refused, code, 0, {}}); }

// returns: SEND_WILL_NOTIFY when this thread can have a message kept at the port, or the code to fail with
msg_return_t may_keep(KernelStep& s, const Send& send, PortRef port);
// Notes a message that is kept at the port, as part of the step that keeps it.
void note_kept(KernelStep& s, const Send& send, PortRef port);

// Gives up the wait for room of that epoch: for who cannot leave the line, because who has the lock does not run.
// Who is to admit its message sees that (queue.hpp, begin_admission).
// returns: false when somebody is about to admit the message; only the one who has the lock knows what becomes of it
bool leave_behind(ThreadRecord& self, std::uint32_t epoch, const MessageRecord& message);

// Waits in line for room, from `begun` on, and ends the wait.
// returns: done, refused (the message is in hand again), or left
Attempt wait_for_room(const Send& send, const Attempt& begun, runtime::Deadline deadline);

}  // namespace umach::ports
