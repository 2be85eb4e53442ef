// SPDX-License-Identifier: BSL-1.0
// The send trap. Life of a send: fetch and decode (message.hpp) with no lock held; then one step under the lock of
// the destination's root that either queues the message and moves every right in it, or, when there is no room, ends
// as the options say: time out, be kept beside the queue, or wait in line.
#pragma once

#include "ports/caller.hpp"

#include <mach/message.h>

namespace umach::ports {

// takes: on success every right that the message moves; on any other result nothing
// waits: for room, as the options say
// returns: the SEND_ codes of <mach/message.h>; SEND_INTERRUPTED whenever a signal arrived and SEND_INTERRUPT was given
msg_return_t send(Caller& caller, const msg_header_t* header, msg_option_t options, msg_timeout_t timeout);

}  // namespace umach::ports
