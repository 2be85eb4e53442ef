// SPDX-License-Identifier: BSL-1.0
// The items of calls: a type each, which says how the item stands in a message. What a handler takes and
// gives is written in these types, and everything else follows from them.
#pragma once

#include <mach/mach_types.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace umach::tasks {

// One number, or one right by its name in the caller's space.
template <std::uint32_t Code, class V>
struct Scalar {
    using Value = V;
    static constexpr std::uint32_t code = Code;
    static constexpr std::uint32_t bits = 8 * sizeof(V);
    static constexpr bool is_right = MSG_TYPE_PORT_ANY(Code);
    static constexpr bool is_array = false;

    V value{};
};

using Int = Scalar<MSG_TYPE_INTEGER_32, int>;
using Bool = Scalar<MSG_TYPE_BOOLEAN, boolean_t>;
using Word = Scalar<MSG_TYPE_INTEGER_64, std::uint64_t>;   // an address or a size of memory
using Name = Scalar<MSG_TYPE_PORT_NAME, port_name_t>;      // in the space of the task that is worked on
using Port = Scalar<MSG_TYPE_PORT, port_t>;                // in: copied; out: a new send right
using PortAll = Scalar<MSG_TYPE_PORT_ALL, port_t>;         // receive right and ownership
using SendOnce = Scalar<MSG_TYPE_PORT_SEND_ONCE, port_t>;  // in: made or moved

template <class Element>
struct ArrayItem {
    using Value = typename Element::Value;
    static constexpr std::uint32_t code = Element::code;
    static constexpr std::uint32_t bits = Element::bits;
    static constexpr bool is_right = Element::is_right;
    static constexpr bool is_array = true;
};
// Any number of them, in line. A list comes in and is the caller's; an array goes out and is made by the
// handler.
template <class Element>
struct List : ArrayItem<Element> {
    static_assert(sizeof(typename Element::Value) == 4, "in a message wider elements are not aligned");
    std::span<const typename Element::Value> values;
};
template <class Element>
struct Array : ArrayItem<Element> {
    std::vector<typename Element::Value> values;
};

// Bytes that come in, in line or out of line, and are the caller's: by function they are still in its memory, and a handler
// copies them as such.
struct Data {
    using Value = std::byte;
    static constexpr std::uint32_t code = MSG_TYPE_BYTE;
    static constexpr std::uint32_t bits = 8;
    static constexpr bool is_right = false;
    static constexpr bool is_array = true;
    std::span<const std::byte> values;
};
// Memory that goes out and is the caller's from then on: made by the handler in the caller's task.
struct Memory : Data {};

template <class Item>
inline constexpr bool is_moved = std::is_same_v<Item, Memory>;

template <class Item>
std::size_t count_of(const Item& item) {
    if constexpr (Item::is_array)
        return item.values.size();
    else
        return 1;
}

// The bytes of an item in a message.
constexpr std::size_t size_of_item(std::size_t number, std::size_t bits) {
    const std::size_t descriptor = number > 0xfff ? sizeof(msg_type_long_t) : sizeof(msg_type_t);
    return descriptor + ((number * bits / 8 + 3) & ~std::size_t{3});
}
template <class Item>
std::size_t size_of(const Item& item) {
    return size_of_item(count_of(item), Item::bits);
}

// Where the next item stands when an item stands at `at`, counted from the message's first byte; an item of values that
// stand elsewhere.
constexpr std::size_t end_of_pointer(std::size_t at) {
    return ((at + sizeof(msg_type_long_t) + 7) & ~std::size_t{7}) + sizeof(std::uint64_t);
}
// The same for any item. out_of_line: arrays of values stand elsewhere; memory that moves does in any case
template <class Item>
std::size_t end_of(const Item& item, std::size_t at, bool out_of_line) {
    const bool elsewhere = is_moved<Item> || (Item::is_array && !Item::is_right && out_of_line);
    return elsewhere ? end_of_pointer(at) : at + size_of(item);
}

// Writes items one behind the other, where there is room for them.
class ItemWriter {
public:
    // text: of the message; at: of the first item
    explicit ItemWriter(std::byte* text, std::size_t at = sizeof(msg_header_t), bool out_of_line = false)
        : text_(text), at_(at), out_of_line_(out_of_line) {}

    template <class Item>
    void write(const Item& item) {
        if constexpr (is_moved<Item>)
            put_pointer(Item::code, Item::bits, item.values.size(), item.values.data(), true);
        else if constexpr (Item::is_array)
            write_array(item);
        else
            put(Item::code, Item::bits, 1, &item.value);
    }

private:
    template <class Item>
    void write_array(const Item& item) {
        if (out_of_line_ && !Item::is_right) put_pointer(Item::code, Item::bits, item.values.size(), item.values.data(), false);
        else put(Item::code, Item::bits, item.values.size(), item.values.data());
    }
    void put(std::uint32_t code, std::uint32_t bits, std::size_t number, const void* values);
    void put_pointer(std::uint32_t code, std::uint32_t bits, std::size_t number, const void* values, bool moves);

    std::byte* text_;
    std::size_t at_;
    bool out_of_line_;
};

// Reads items that must be those that are asked for. Looks at nothing behind the end.
class ItemReader {
public:
    // takes: memory: where the data of its out-of-line items is, one behind the other, if their pointers do not say so
    ItemReader(const std::byte* text, std::size_t bytes, std::vector<const std::byte*> memory = {}, bool pointers_say = true)
        : text_(text), end_(bytes), memory_(std::move(memory)), pointers_say_(pointers_say) {}

    // returns: false when something else stands there
    template <class Item>
    bool read(Item& item) {
        const Found found = take(Item::code, Item::bits, Item::is_array);
        if (found.at == nullptr) return false;
        if constexpr (Item::is_array)
            item.values = {reinterpret_cast<const typename Item::Value*>(found.at), found.number};
        else
            std::memcpy(&item.value, found.at, sizeof item.value);
        return true;
    }
    template <class Element>
    bool read(Array<Element>& array) {
        List<Element> list;
        if (!read(list)) return false;
        array.values.assign(list.values.begin(), list.values.end());
        if (!list.values.empty() && !is_in_text(list.values.data())) copied_.push_back(std::as_bytes(list.values));
        return true;
    }
    // Out-of-line data of arrays, which have copies of it now.
    const std::vector<std::span<const std::byte>>& copied() const { return copied_; }
    bool at_end() const { return at_ == end_; }

private:
    struct Found {
        const std::byte* at = nullptr;
        std::size_t number = 0;
    };
    Found take(std::uint32_t code, std::uint32_t bits, bool any_number);
    const std::byte* take_pointer(std::size_t bytes);
    bool is_in_text(const void* at) const { return at >= text_ && at < text_ + end_; }

    const std::byte* text_;   // of the message
    std::size_t at_ = sizeof(msg_header_t);
    std::size_t end_;
    std::vector<const std::byte*> memory_;
    std::size_t next_memory_ = 0;
    bool pointers_say_;
    std::vector<std::span<const std::byte>> copied_;
};

}  // namespace umach::tasks
