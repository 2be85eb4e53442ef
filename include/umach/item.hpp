// SPDX-License-Identifier: BSL-1.0
// Item: one typed item of a message body, and how its descriptor stands in the bytes.
//
// A descriptor is 4 bytes, or 12 in long form; in-line data stands directly behind it, padded to 4.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

#include <mach.h>
#include <umach/result.hpp>

namespace umach {

/// Room for one message.
struct alignas(8) MessageBuffer {
    msg_header_t header;
    std::array<std::byte, MSG_SIZE_MAX - sizeof(msg_header_t)> body;
};
static_assert(sizeof(MessageBuffer) == MSG_SIZE_MAX);

/// What a descriptor says, checked against the bytes that are there. Offsets count from the body's start.
struct Item {
    unsigned type = 0;          ///< MSG_TYPE_*
    unsigned element_bits = 0;  ///< size of one element
    unsigned number = 0;        ///< of elements
    std::size_t data = 0;       ///< where the data begins
    std::size_t bytes = 0;      ///< of data, without padding
    std::size_t next = 0;       ///< where the next item begins

    [[nodiscard]] bool is_right() const noexcept { return MSG_TYPE_PORT_ANY(type); }
};

namespace detail {

inline constexpr std::size_t item_alignment = 4;
inline constexpr unsigned short_form_numbers = 1U << 12;
inline constexpr unsigned short_form_bits = 1U << 8;

constexpr std::size_t padded(std::size_t bytes) noexcept {
    return (bytes + item_alignment - 1) / item_alignment * item_alignment;
}

constexpr std::size_t descriptor_bytes(unsigned element_bits, std::size_t number) noexcept {
    const bool is_short = element_bits < short_form_bits && number < short_form_numbers;
    return is_short ? sizeof(msg_type_t) : sizeof(msg_type_long_t);
}

inline Error malformed(const char* why) {
    return Error(MIG_TYPE_ERROR, why);
}

/// Reads the item at `offset`. returns: MIG_TYPE_ERROR when there is none, it is out-of-line, or it overruns.
inline Result<Item> parse_item(std::span<const std::byte> body, std::size_t offset) {
    msg_type_long_t descriptor{};
    if (offset > body.size() || body.size() - offset < sizeof(msg_type_t)) {
        return malformed("the body ends before this item");
    }
    std::memcpy(&descriptor.msg_type_header, body.data() + offset, sizeof(msg_type_t));
    const msg_type_t& head = descriptor.msg_type_header;
    Item item{
        head.msg_type_name, head.msg_type_size, head.msg_type_number, offset + sizeof(msg_type_t), 0, 0};
    if (head.msg_type_longform) {
        if (body.size() - offset < sizeof descriptor) {
            return malformed("the body ends inside a long descriptor");
        }
        std::memcpy(&descriptor, body.data() + offset, sizeof descriptor);
        item = Item{descriptor.msg_type_long_name,
                    descriptor.msg_type_long_size,
                    descriptor.msg_type_long_number,
                    offset + sizeof descriptor,
                    0,
                    0};
    }
    if (!head.msg_type_inline) {
        return malformed("an out-of-line item");
    }
    const std::uint64_t bytes = (std::uint64_t{item.number} * item.element_bits + 7) / 8;
    if (bytes > body.size() - item.data) {
        return malformed("an item runs past the end of the message");
    }
    item.bytes = static_cast<std::size_t>(bytes);
    item.next = item.data + padded(item.bytes);
    return item;
}

/// Writes a descriptor. takes: room for descriptor_bytes(). returns: where the data goes.
inline std::byte* write_descriptor(std::byte* at, unsigned type, unsigned element_bits, std::size_t number,
                                   bool deallocate = false) noexcept {
    msg_type_long_t descriptor{};
    msg_type_t& head = descriptor.msg_type_header;
    const std::size_t size = descriptor_bytes(element_bits, number);
    head.msg_type_inline = 1;
    head.msg_type_deallocate = deallocate ? 1 : 0;
    if (size == sizeof(msg_type_t)) {
        head.msg_type_name = type & 0xffU;
        head.msg_type_size = element_bits & 0xffU;
        head.msg_type_number = static_cast<unsigned>(number) & 0xfffU;
    } else {
        head.msg_type_longform = 1;
        descriptor.msg_type_long_name = static_cast<unsigned short>(type);
        descriptor.msg_type_long_size = static_cast<unsigned short>(element_bits);
        descriptor.msg_type_long_number = static_cast<unsigned>(number);
    }
    std::memcpy(at, &descriptor, size);
    return at + size;
}

}  // namespace detail

/// Numbers that have an item type of their own.
template <typename T>
concept Scalar = std::integral<T> || std::floating_point<T> || std::same_as<T, std::byte>;

/// Structures that may travel as bytes between programs of one machine and one build.
template <typename T>
concept Plain =
    std::is_trivially_copyable_v<T> && std::is_default_constructible_v<T> && !std::is_pointer_v<T>;

/// How an element of type T is described: MSG_TYPE_* and bits.
struct ElementType {
    unsigned type;
    unsigned bits;
};

template <Scalar T>
constexpr ElementType element_type() noexcept {
    static_assert(sizeof(T) <= 8, "no item type has more than 64 bits");
    constexpr auto bits = static_cast<unsigned>(sizeof(T) * 8);
    if constexpr (std::same_as<T, bool>) {
        return {MSG_TYPE_BOOLEAN, 32};  // boolean_t
    } else if constexpr (std::floating_point<T>) {
        return {MSG_TYPE_REAL, bits};
    } else if constexpr (std::same_as<T, char>) {
        return {MSG_TYPE_CHAR, bits};
    } else if constexpr (bits == 8) {
        return {MSG_TYPE_BYTE, bits};
    } else if constexpr (bits == 16) {
        return {MSG_TYPE_INTEGER_16, bits};
    } else if constexpr (bits == 32) {
        return {MSG_TYPE_INTEGER_32, bits};
    } else {
        return {MSG_TYPE_INTEGER_64, bits};
    }
}

}  // namespace umach
