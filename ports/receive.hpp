// SPDX-License-Identifier: BSL-1.0
// The receive trap, and the receive half of msg_rpc. One step under the receiver's own lock takes the first notice or
// message and names every right in it; the bytes are copied out afterwards, with no lock held.
#pragma once

#include "ports/caller.hpp"

#include <mach/message.h>

namespace umach::ports {

// Receives from the port or set that header->msg_local_port names, at most header->msg_size bytes.
// waits: for a message, as the options say
// returns: the RCV_ codes of <mach/message.h>
msg_return_t receive(Caller& caller, msg_header_t* header, msg_option_t options, msg_timeout_t timeout);

// Sends the message and waits for the answer to it, in the same buffer of receive_size bytes.
msg_return_t rpc(Caller& caller, msg_header_t* header, msg_option_t options, msg_size_t receive_size,
                 msg_timeout_t send_timeout, msg_timeout_t receive_timeout);

}  // namespace umach::ports
