// SPDX-License-Identifier: BSL-1.0
// Item: one typed item of a message body, and how its descriptor stands in the bytes.
//
// A descriptor is 4 bytes, or 12 in long form; in-line data stands directly behind it, padded to 4. Out-of-line data
// stands elsewhere in the task's memory: behind the descriptor is a pointer, where 8 bytes may stand.
#pragma once

#include <algorithm>
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
    std::size_t data = 0;       ///< where the data begins, or the pointer to it
    std::size_t bytes = 0;      ///< of data, without padding
    std::size_t next = 0;       ///< where the next item begins
    std::byte* memory = nullptr;  ///< of out-of-line data
    bool out_of_line = false;

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

inline constexpr std::size_t pointer_bytes = sizeof(std::uint64_t);

/// The body begins behind a header of 24 bytes, so what is aligned in the one is in the other.
constexpr std::size_t aligned_for_pointer(std::size_t offset) noexcept {
    return (offset + pointer_bytes - 1) / pointer_bytes * pointer_bytes;
}
static_assert(sizeof(msg_header_t) % pointer_bytes == 0);

/// Completes an item whose descriptor has been read.
inline Result<Item> find_pointer(std::span<const std::byte> body, Item item) {
    item.out_of_line = true;
    item.data = aligned_for_pointer(item.data);
    item.next = item.data + pointer_bytes;
    if (item.next > body.size()) {
        return malformed("an item runs past the end of the message");
    }
    std::memcpy(&item.memory, body.data() + item.data, sizeof item.memory);
    if (item.memory == nullptr) {
        item.bytes = 0;
    }
    return item;
}

/// Reads the item at `offset`. returns: MIG_TYPE_ERROR when there is none, or it overruns.
inline Result<Item> parse_item(std::span<const std::byte> body, std::size_t offset) {
    msg_type_long_t descriptor{};
    if (offset > body.size() || body.size() - offset < sizeof(msg_type_t)) {
        return malformed("the body ends before this item");
    }
    std::memcpy(&descriptor.msg_type_header, body.data() + offset, sizeof(msg_type_t));
    const msg_type_t& head = descriptor.msg_type_header;
    Item item;
    item.type = head.msg_type_name;
    item.element_bits = head.msg_type_size;
    item.number = head.msg_type_number;
    item.data = offset + sizeof(msg_type_t);
    if (head.msg_type_longform) {
        if (body.size() - offset < sizeof descriptor) {
            return malformed("the body ends inside a long descriptor");
        }
        std::memcpy(&descriptor, body.data() + offset, sizeof descriptor);
        item.type = descriptor.msg_type_long_name;
        item.element_bits = descriptor.msg_type_long_size;
        item.number = descriptor.msg_type_long_number;
        item.data = offset + sizeof descriptor;
    }
    const std::uint64_t bytes = (std::uint64_t{item.number} * item.element_bits + 7) / 8;
    if (!head.msg_type_inline) {
        item.bytes = static_cast<std::size_t>(bytes);
        return find_pointer(body, item);
    }
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

/// Writes a descriptor in long form, and the pointer. takes: room for both, and for what lies between.
inline void write_pointer(std::byte* at, std::byte* pointer_at, unsigned type, unsigned element_bits, std::size_t number,
                          const void* data, bool deallocate) noexcept {
    msg_type_long_t descriptor{};
    descriptor.msg_type_header.msg_type_longform = 1;
    descriptor.msg_type_header.msg_type_deallocate = deallocate ? 1 : 0;
    descriptor.msg_type_long_name = static_cast<unsigned short>(type);
    descriptor.msg_type_long_size = static_cast<unsigned short>(element_bits);
    descriptor.msg_type_long_number = static_cast<unsigned>(number);
    std::memcpy(at, &descriptor, sizeof descriptor);
    std::fill(at + sizeof descriptor, pointer_at, std::byte{0});
    std::memcpy(pointer_at, &data, sizeof data);
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
