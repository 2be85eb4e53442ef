// SPDX-License-Identifier: BSL-1.0
// A message with one out-of-line item, which is all of the payload.
#pragma once

#include "peers/umach_link.hpp"

namespace bench {

struct MovedLetter {
    msg_header_t head{};
    msg_type_long_t type{};
    std::uint32_t unused = 0;
    std::byte* memory = nullptr;
};
static_assert(offsetof(MovedLetter, memory) == 40);

// As with memory that is lent or moves only the ends of it are touched.
inline void touch_ends(std::byte* to, const std::byte* from, std::size_t bytes) {
    std::memcpy(to, from, sizeof(Header));
    std::memcpy(to + bytes - 8, from + bytes - 8, 8);
}

inline MovedLetter letter_with(Bytes memory, bool moves, port_t to, port_t reply_to) {
    MovedLetter letter;
    letter.head.msg_simple = FALSE;
    letter.head.msg_size = sizeof letter;
    letter.head.msg_remote_port = to;
    letter.head.msg_local_port = reply_to;
    letter.type.msg_type_header.msg_type_longform = TRUE;
    letter.type.msg_type_header.msg_type_deallocate = moves ? TRUE : FALSE;
    letter.type.msg_type_long_name = MSG_TYPE_BYTE;
    letter.type.msg_type_long_size = 8;
    letter.type.msg_type_long_number = static_cast<unsigned>(memory.size());
    letter.memory = const_cast<std::byte*>(memory.data());
    return letter;
}

}  // namespace bench
