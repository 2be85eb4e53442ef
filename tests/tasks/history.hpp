// SPDX-License-Identifier: BSL-1.0
// What several tasks did with one port, each operation with the time at which it began and ended, and whether one
// queue that does one thing after the other could have done the same (Wing and Gong, "Testing and verifying
// concurrent objects", 1993). An operation that never ended, its process having been killed, may have been done or
// not.
#pragma once

#include <cstdint>
#include <vector>

namespace umach::tests {

struct Event {
    enum class Kind : std::uint32_t { send, receive, receive_nothing };
    static constexpr std::uint64_t never = ~std::uint64_t{0};

    Kind kind = Kind::send;
    std::uint32_t value = 0;       // of the message
    std::uint64_t begin = 0;       // ns
    std::uint64_t end = never;
};

// backlog: how many messages the queue holds
// limits: 64 operations
bool is_linearizable(const std::vector<Event>& history, std::size_t backlog);

}  // namespace umach::tests
