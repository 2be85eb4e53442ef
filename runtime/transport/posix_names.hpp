// SPDX-License-Identifier: BSL-1.0
// Inside runtime/transport: POSIX queues, which can only be made under a name.
#pragma once

#include "runtime/descriptor.hpp"
#include "runtime/transport/listened_name.hpp"
#include "runtime/transport/transport.hpp"

namespace umach::transport {

constexpr std::size_t queue_message_bytes = 4'096;

std::unique_ptr<const ListenedName> queue_name(const std::string& name, const Allowed& allowed);

// returns: that queue, at which somebody listens; or ECONNREFUSED, or EPERM when it is not to be used
runtime::Outcome<runtime::Descriptor> open_listened(const std::string& name, const Allowed& allowed);

struct NamelessQueues {
    runtime::Descriptor first, second;
};

// Two queues whose names are gone.
runtime::Outcome<NamelessQueues> make_nameless_queues();

// returns: why it is refused: it is no queue, of somebody who is not allowed, or open to others
runtime::Outcome<void> check_queue(int queue, const std::string& what, const Allowed& allowed);

}  // namespace umach::transport
