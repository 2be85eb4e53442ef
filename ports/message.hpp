// SPDX-License-Identifier: BSL-1.0
// A message on its way in and out: fetched once from the sender's memory into a record of the zone, decoded and checked
// there with no lock held; on the way out its header and names are written and the bytes copied to the receiver.
#pragma once

#include "ports/ahead.hpp"
#include "ports/caller.hpp"
#include "ports/out_of_line.hpp"
#include "ports/rights.hpp"

#include <mach/message.h>

namespace umach::ports {

// A message in the hand of the carrier that prepares it.
struct Prepared {
    std::uint32_t message = 0;
    msg_return_t error = SEND_SUCCESS;
    std::uint32_t destination = 0;   // name in the sender's space
    std::uint32_t reply = 0;         // name in the sender's space
    bool needs_slots = false;        // it has more rights than its record has room for
    Ahead ahead;
    std::vector<GivenUp> given_up;   // what the sender loses once the message is accepted
};

// Fetches and decodes a message from user memory. Its rights are listed, but still with the sender.
// returns: the message in the carrier's hand; or no message and a SEND_ code, with runtime::detail()
// until: throws runtime::HeldUp, with no message in hand, when somebody who does not run has the host's lock until then
Prepared prepare(Caller& caller, const msg_header_t* header, runtime::Deadline until = runtime::Deadline::never());

// Gives a message that was not sent back: references that it holds, then its record.
void discard(Caller& caller, std::uint32_t message);

// ---- replies of the kernel -----------------------------------------------------------------------------------------

// Makes the message in hand, of whose rights none was taken, an empty one that does not count against a backlog, with
// room for `size` bytes and so many rights: in another record, where its own has no room.
// returns: the message in hand from here on; 0 when the host has no memory, then the old one is there as it was
std::uint32_t remake(Caller& caller, std::uint32_t message, std::uint32_t size, std::uint32_t rights);

// Lists the rights of a message whose text the kernel has written; they are still with the sender. Its out-of-line data is
// fetched from this process's own memory.
// returns: SEND_KERNEL_REFUSED there is not so much memory
msg_return_t list_written(Caller& caller, std::uint32_t message);

// ---- out -----------------------------------------------------------------------------------------------------------

// The header as the receiver is to see it.
struct Delivery {
    std::uint32_t message = 0;
    std::uint32_t local = 0;    // name of the port that it came to
    bool at_thread = false;     // it was handed to the caller's thread; else it is in the carrier's hand
};

// Copies a taken message out; its record becomes the carrier's spare one (hand.hpp), or is freed.
// returns: RCV_SUCCESS, or RCV_INVALID_MEMORY if the buffer was unmapped since it was probed
msg_return_t deliver(Caller& caller, const Delivery& delivery, msg_header_t* buffer);

}  // namespace umach::ports
