// SPDX-License-Identifier: BSL-1.0
#include "servers/netmsg/order.hpp"

#include <algorithm>

namespace umach::netmsg {
namespace {

struct Descriptor {
    std::uint32_t name, size, number, flags;   // flags: in line 1, long form 2, deallocate 4, unused 8
};

std::uint32_t number_at(std::span<const std::byte> bytes, std::endian order) {
    std::uint32_t number = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const std::size_t place = order == std::endian::little ? i : bytes.size() - 1 - i;
        number |= std::to_integer<std::uint32_t>(bytes[i]) << (8 * place);
    }
    return number;
}

void put_number(std::span<std::byte> bytes, std::uint32_t number, std::endian order) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const std::size_t place = order == std::endian::little ? i : bytes.size() - 1 - i;
        bytes[i] = static_cast<std::byte>(number >> (8 * place));
    }
}

// Four bits the other way round.
std::uint32_t mirrored(std::uint32_t flags) {
    return (flags & 1) << 3 | (flags & 2) << 1 | (flags & 4) >> 1 | (flags & 8) >> 3;
}

Descriptor descriptor_of(std::uint32_t word, std::endian order) {
    if (order == std::endian::little) return {word & 0xFF, word >> 8 & 0xFF, word >> 16 & 0xFFF, word >> 28};
    return {word >> 24, word >> 16 & 0xFF, word >> 4 & 0xFFF, mirrored(word & 0xF)};
}

std::uint32_t word_of(const Descriptor& head, std::endian order) {
    if (order == std::endian::little) return head.name | head.size << 8 | head.number << 16 | head.flags << 28;
    return head.name << 24 | head.size << 16 | head.number << 4 | mirrored(head.flags);
}

void turn_number(std::span<std::byte> bytes, std::endian from, std::endian to) {
    put_number(bytes, number_at(bytes, from), to);
}

}  // namespace

void turn_elements(std::span<std::byte> data, std::uint64_t bits) {
    if (bits != 16 && bits != 32 && bits != 64) return;
    const auto each = static_cast<std::size_t>(bits / 8);
    for (; data.size() >= each; data = data.subspan(each)) std::ranges::reverse(data.first(each));
}

bool turn_body(std::span<std::byte> body, std::endian from, std::endian to) {
    if (from == to) return true;
    for (std::size_t at = 0; at < body.size();) {
        if (body.size() - at < 4) return false;
        const Descriptor head = descriptor_of(number_at(body.subspan(at, 4), from), from);
        const bool in_line = (head.flags & 1) != 0, is_long = (head.flags & 2) != 0;
        if (body.size() - at < (is_long ? 12u : 4u)) return false;
        std::uint64_t bits = head.size, number = head.number;
        put_number(body.subspan(at, 4), word_of(head, to), to);
        if (is_long) {
            bits = number_at(body.subspan(at + 6, 2), from);
            number = number_at(body.subspan(at + 8, 4), from);
            turn_number(body.subspan(at + 4, 2), from, to);
            turn_number(body.subspan(at + 6, 2), from, to);
            turn_number(body.subspan(at + 8, 4), from, to);
        }
        at += is_long ? 12 : 4;
        if (!in_line) at = (at + 7) & ~std::size_t{7};
        const std::uint64_t bytes = (bits * number + 7) / 8, room = in_line ? (bytes + 3) & ~std::uint64_t{3} : 8;
        if (at > body.size() || room > body.size() - at) return false;
        if (in_line) turn_elements(body.subspan(at, static_cast<std::size_t>(bytes)), bits);
        at += static_cast<std::size_t>(room);
    }
    return true;
}

}  // namespace umach::netmsg
