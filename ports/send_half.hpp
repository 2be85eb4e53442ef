// SPDX-License-Identifier: BSL-1.0
// What the send trap and the send half of msg_rpc share.
#pragma once

#include "ports/ahead.hpp"
#include "ports/message.hpp"
#include "runtime/clock.hpp"

namespace umach::ports {

struct SendOrder {
    std::uint32_t message = 0;       // prepared, in the carrier's hand
    std::uint32_t destination = 0;   // name in the sender's space
    msg_option_t options = 0;
    msg_timeout_t timeout = 0;
    runtime::Deadline deadline = runtime::Deadline::never();   // what these two come to
    Ahead ahead;
    CallRef call;                    // of a call; with:
    std::uint32_t reply = 0;         // name of the port where its answer is to come
    std::uint32_t room = 0;          // for the answer, bytes
    bool waits = false;              // the wait for the answer begins with the send
};

// What a send came to. Of a call:
struct Sending {
    msg_return_t code = SEND_SUCCESS;
    PortRef reply_port;              // null: the task does not receive from the name directly; the message is discarded
    std::uint32_t epoch = 0;         // of the wait for the answer; 0: it has not begun
};

runtime::Deadline deadline_of_send(msg_option_t options, msg_timeout_t timeout);

// prepare(), or for a call: what an earlier call of this thread had to leave as it was, is ended first.
// returns: no message, and SEND_TIMED_OUT, when somebody who does not run holds it up until the deadline
Prepared prepare_in_time(Caller& caller, const msg_header_t* header, runtime::Deadline until, bool is_call);

// takes: the message, in every case
Sending send_prepared(Caller& caller, const SendOrder& order);

// After a send that came to `code`: what was accepted, and had the deallocate bit, is no longer in the sender's memory.
void lose_given_up(Caller& caller, const Prepared& prepared, msg_return_t code);

}  // namespace umach::ports
