// SPDX-License-Identifier: BSL-1.0
// What the send trap and the send half of msg_rpc share.
#pragma once

#include "ports/message.hpp"

namespace umach::ports {

struct SendOrder {
    std::uint32_t message = 0;       // prepared, in the carrier's hand
    std::uint32_t destination = 0;   // name in the sender's space
    msg_option_t options = 0;
    msg_timeout_t timeout = 0;
    PortRef reply_port;              // of a call: where its answer is to come
    CallRef call;
};

// takes: the message, in every case
msg_return_t send_prepared(Caller& caller, const SendOrder& order);

// After a send that came to `code`: what was accepted, and had the deallocate bit, is no longer in the sender's memory.
void lose_given_up(Caller& caller, const Prepared& prepared, msg_return_t code);

// Hands the answer to a call to the thread that waits for it, past the queue, as part of a step that has the answer in
// hand and holds the reply port's root.
// returns: false when the call is over
bool answer(KernelStep& s, PortRecord& port, CallRef call, std::uint32_t message);

}  // namespace umach::ports
