// SPDX-License-Identifier: BSL-1.0
// What one link may make its server keep. A peer that goes past it is cut off, with a reason that names the
// quota; what leaves this host past it arrives as PORT_DEAD.
#pragma once

#include <cstddef>
#include <string>

#include "servers/netmsg/packet.hpp"

namespace umach::netmsg {

struct Quota {
    std::size_t rights = 4096;    // of ours that the other side has
    std::size_t ports = 4096;     // of ours that stand for ports of the other side
    std::size_t bytes = 4 << 20;  // of messages that came in part or wait for room, and of answers not yet taken
    std::size_t messages = 1024;  // that wait for room at their ports
    std::size_t memory = most_memory;  // bytes out of line that came and are not sent on; the peer is told of it
};

inline std::string past(std::size_t quota, const char* of) {
    return "the peer is past its quota of " + std::to_string(quota) + " " + of;
}

}  // namespace umach::netmsg
