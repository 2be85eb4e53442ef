// SPDX-License-Identifier: BSL-1.0
// What a message will need of records that somebody on another core wrote last is asked of that core before it is needed,
// and all at once: a lock waits until all that was asked for before it has come, and several lines of the cache come as
// fast as one. These are hints. They look at records without a lock, believe nothing of what they see, and change nothing.
#pragma once

#include "ports/caller.hpp"

namespace umach::ports {

// The port that a message goes to, and the call that it answers, if it does.
struct Ahead {
    std::uint32_t port = 0;     // their indices
    std::uint32_t caller = 0;   // the thread that waits for the answer
};

// To be asked as a send begins, as soon as its destination has been read.
Ahead ask_for_port(Caller& caller, std::uint32_t destination);

// When that has come, before the first lock: what stands behind it.
void ask_for_receiver(Kernel& k, const Ahead& port);

// When a wait has ended: for the delivery of the message that it may have brought, and for the answer to that.
void ask_for_message(Caller& caller);

}  // namespace umach::ports
