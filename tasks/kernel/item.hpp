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

// Writes items one behind the other, where there is room for them.
class ItemWriter {
public:
    explicit ItemWriter(std::byte* at) : at_(at) {}

    template <class Item>
    void write(const Item& item) {
        if constexpr (Item::is_array)
            put(Item::code, Item::bits, item.values.size(), item.values.data());
        else
            put(Item::code, Item::bits, 1, &item.value);
    }

private:
    void put(std::uint32_t code, std::uint32_t bits, std::size_t number, const void* values);

    std::byte* at_;
};

// Reads items that must be those that are asked for. Looks at nothing behind the end.
class ItemReader {
public:
    ItemReader(const std::byte* at, std::size_t bytes) : at_(at), left_(bytes) {}

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
        return true;
    }
    bool at_end() const { return left_ == 0; }

private:
    struct Found {
        const std::byte* at = nullptr;
        std::size_t number = 0;
    };
    Found take(std::uint32_t code, std::uint32_t bits, bool any_number);

    const std::byte* at_;
    std::size_t left_;
};

}  // namespace umach::tasks
