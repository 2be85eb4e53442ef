// SPDX-License-Identifier: BSL-1.0
// An item of a message's body, as its descriptor says: what its elements are, how many, and whether they stand behind it
// or elsewhere.
#pragma once

#include <mach/message.h>

#include <cstddef>
#include <cstdint>

namespace umach::ports {

inline constexpr std::uint32_t header_bytes = sizeof(msg_header_t);

constexpr std::uint32_t rounded(std::uint32_t bytes) { return (bytes + 3) & ~3u; }

struct Item {
    std::uint32_t at = 0;         // of the descriptor
    std::uint32_t data = 0;       // of the first element, or of the pointer to it
    std::uint32_t code = 0;
    std::uint32_t bits = 0;       // of one element
    std::uint64_t number = 0;
    std::uint32_t next = 0;       // of the item behind it
    bool in_line = false, long_form = false, give_up = false;

    std::uint64_t bytes() const { return (number * bits + 7) / 8; }   // of all elements
};

// Reads the item at `at`, and clears what a receiver must not see in its descriptor.
// returns: false when it runs past the end of the message
bool read_item(std::byte* body, std::uint32_t size, std::uint32_t at, Item& item);

// Gives the item another type.
void write_code(std::byte* body, const Item& item, std::uint32_t code);

inline bool is_right(std::uint32_t code) { return MSG_TYPE_PORT_ANY(code); }
inline bool is_known(std::uint32_t code) { return code < MSG_TYPE_LAST || is_right(code); }

// The pointer of an out-of-line item.
std::uint64_t read_pointer(const std::byte* body, const Item& item);
void write_pointer(std::byte* body, const Item& item, std::uint64_t pointer);

}  // namespace umach::ports
