// SPDX-License-Identifier: BSL-1.0
#include "servers/netmsg/order.hpp"

#include <algorithm>

#include "servers/netmsg/parcel.hpp"

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

// Where an item begins. returns: false when the body ends within its descriptor
bool turn_descriptor(std::span<std::byte> bytes, std::endian from, std::endian to) {
    if (bytes.size() < 4) return false;
    const Descriptor head = descriptor_of(number_at(bytes.first(4), from), from);
    put_number(bytes.first(4), word_of(head, to), to);
    if ((head.flags & 2) == 0) return true;
    if (bytes.size() < 12) return false;
    turn_number(bytes.subspan(4, 2), from, to);
    turn_number(bytes.subspan(6, 2), from, to);
    turn_number(bytes.subspan(8, 4), from, to);
    return true;
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
        if (to == std::endian::native && !turn_descriptor(body.subspan(at), from, to)) return false;
        const auto item = item_at(body, at);
        if (!item) return false;
        if (from == std::endian::native) turn_descriptor(body.subspan(at), from, to);
        if (item->in_line) turn_elements(body.subspan(item->data, static_cast<std::size_t>(item->bytes())), item->bits);
        at = item->end();
    }
    return true;
}

}  // namespace umach::netmsg
