// SPDX-License-Identifier: BSL-1.0
// The order of bytes. Bodies, and data out of line, stand on the wire as a little-endian machine has them in memory. One
// of the other order turns them round when they leave and when they come: the descriptors, whose bits begin at the other
// end there, and each element of 16, 32 or 64 bits, which they tell of. What has no items is bytes, and stays.
#pragma once

#include <bit>

#include "servers/netmsg/packet.hpp"

namespace umach::netmsg {

// A body of items from this machine's order to the other, or from that. Data out of line is turned on its own.
// returns: false when it is no sequence of items; it may be half turned then
bool turn_body(std::span<std::byte> body, std::endian from, std::endian to);
// Elements of so many bits each, from any order to the other.
void turn_elements(std::span<std::byte> data, std::uint64_t bits);

// Between this machine and the wire.
inline bool body_to_wire(std::span<std::byte> body) { return turn_body(body, std::endian::native, std::endian::little); }
inline bool body_from_wire(std::span<std::byte> body) { return turn_body(body, std::endian::little, std::endian::native); }
inline void turn_data(std::span<std::byte> data, std::uint64_t bits) {
    if constexpr (std::endian::native != std::endian::little) turn_elements(data, bits);
}

}  // namespace umach::netmsg
