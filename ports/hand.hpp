// SPDX-License-Identifier: BSL-1.0
// The hand of a carrier: the record of the message that it prepares or copies out and, between two of them, a spare
// one, empty, for the next. So a send seldom has to look for a record, and a receive to give one back.
#pragma once

#include "ports/kernel.hpp"

namespace umach::ports {

// The spare record in the hand if it is of that size class, else 0.
std::uint32_t spare_in_hand(Kernel& k, runtime::Carrier& carrier, std::uint32_t message_class);

// Puts a message into the hand; the record that was there is freed. It has no rights.
void put_in_hand(KernelStep& s, std::uint32_t message);

// The message has left the hand, or was never in it: what is there from now on is a spare of the same size, if the
// carrier has one in stock.
void refill_hand(KernelStep& s, std::uint32_t like);

// The end of a message that was copied out and whose rights have all gone: it becomes the spare, or is given back.
void done_with(KernelStep& s, std::uint32_t message);
// The same for one that is in the hand.
// returns: false when it has to be given back, in a step
bool keep_as_spare(Kernel& k, std::uint32_t message);

}  // namespace umach::ports
