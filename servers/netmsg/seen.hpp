// SPDX-License-Identifier: BSL-1.0
// What a netmsg server tells of its links to whoever asks: a request without a body to the port that it checked
// in under its process's number, and rows out of line in the answer.
#pragma once

#include <cstdint>
#include <string>

#include <mach/message.h>
#include <unistd.h>

namespace umach::netmsg {

inline constexpr msg_id_t see_links_id = 1050, see_proxies_id = 1051;  // an answer's is 100 more

inline std::string seen_under(int process) {
    return "netmsg server/" + std::to_string(process);
}

struct SeenLink {
    char peer[32];      // "" until joined
    char address[104];  // with the kind of transport before the first colon; cut if longer
    std::uint32_t listened, frames_waiting;
    std::uint32_t proxies, without_credit;  // ports of the other side here; of these, whose message is on its way
    std::uint32_t holdings, waiting;        // rights kept for the other side; messages that wait at their ports
    std::uint64_t messages_out, messages_in, frames_out, frames_in, bytes_out, bytes_in;
    std::uint64_t sent_again, discarded, round_trip_ns;
    std::uint64_t memory_out, memory_in;  // out of line, that is not the receiver's yet
};

struct SeenProxy {
    char peer[32];
    std::int32_t name;  // in the server's space
    std::uint32_t id;   // on the link
    std::uint32_t once, credit;
};

struct SeenRows {
    msg_header_t header{};
    msg_type_long_t type{{0, 0, 0, 0, 1, 0, 0}, MSG_TYPE_BYTE, 8, 0};
    std::byte* rows = nullptr;
};

}  // namespace umach::netmsg
