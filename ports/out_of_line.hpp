// SPDX-License-Identifier: BSL-1.0
// Out-of-line data: the item has a pointer to it, and the receiver gets memory of its own.
//
// On its way the data is a region, listed among the message's rights, and the pointer says only where in the region's
// first page it begins. What the sender gives up (the deallocate bit) and is a whole region moves: nothing is copied, and
// until the message is accepted it stays the sender's. Everything else is copied once, when the message is prepared,
// straight to where the receiver will read it; what the sender writes later is not seen.
#pragma once

#include "ports/caller.hpp"
#include "ports/item.hpp"

#include <vector>

namespace umach::ports {

// Memory that the sender loses once the message is accepted, though it was copied.
struct GivenUp {
    std::uint64_t address = 0;
    std::uint64_t bytes = 0;
};

// Lists the memory of an item that has some as the message's next right.
// takes: identity counts the rights listed so far
// returns: SEND_INVALID_MEMORY it cannot be read; SEND_KERNEL_REFUSED there is not so much memory
msg_return_t fetch_memory(Caller& caller, std::uint32_t message, const Item& item, MessageIdentity& identity,
                          std::vector<GivenUp>& given_up);

// The address of an item's data in this process, which a slot of a message's rights has the region of.
std::byte* address_of(Kernel& k, RightSlot& slot, const std::byte* body, const Item& item);

// Where in this process the data of a message's out-of-line items is, one behind the other.
std::vector<const std::byte*> memory_of(Kernel& k, std::uint32_t message);

// Makes memory that a message is to take from its sender its own: a call that is served takes it in any case.
// returns: false when some of it has gone meanwhile
bool take_memory(Caller& caller, std::uint32_t message);

// Whether the region of a slot is still the task's, and as it was when the message was prepared; under the task's lock.
bool may_move(Kernel& k, TaskRef task, RightSlot& slot);

}  // namespace umach::ports
