// SPDX-License-Identifier: BSL-1.0
// Watching: a hidden thread of the receiver's process mirrors the state of ports and sets in descriptors. Whoever adds
// news to a watched port or set counts the arrival there and ends the watcher's wait, if it waits.
#pragma once

#include "ports/caller.hpp"

#include <mach/kern_return.h>
#include <mach/port.h>

namespace umach::ports {

// Lets a thread of any task watch a port or set of the caller's task; 0: nobody.
// returns: KERN_INVALID_ARGUMENT for a name that is not in use, KERN_NOT_RECEIVER for one that is neither a receive right
// nor a set
kern_return_t set_watch(Caller& caller, port_name_t name, std::uint32_t thread);

struct Watched {
    bool there = false;           // the caller's task still receives by that name, and the watcher is still set
    bool pending = false;         // a receive would find something
    std::uint32_t arrivals = 0;   // since it is watched, modulo 2^32
};
Watched look_at_watched(Caller& caller, port_name_t name);

// Begins a wait of the calling thread for any arrival at what it watches, to be parked on (wait.hpp), and ends it.
std::uint32_t begin_watch(Caller& caller);
void end_watch(Caller& caller);

}  // namespace umach::ports
