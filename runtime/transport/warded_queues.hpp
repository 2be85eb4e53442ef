// SPDX-License-Identifier: BSL-1.0
// Inside runtime/transport: System V queues that their warden makes and removes, so that none stays when all
// who used them are killed at once.
#pragma once

#include <optional>

#include "runtime/warden.hpp"

namespace umach::transport {

struct WardedQueues {
    int ids[2];  // the second is -1 when only one was asked for
    runtime::Descriptor lifeline;
};

// A queue under that key, which goes with its maker.
// returns: EEXIST when there is one
runtime::Outcome<WardedQueues> make_warded_queue(key_t key, const std::string& what);

// Two queues that nobody else has. They go when neither their maker lives nor the process whose pidfd `peer`
// is: what one of them wrote is still there for the other.
runtime::Outcome<WardedQueues> make_warded_pair(int peer);

}  // namespace umach::transport
