// SPDX-License-Identifier: BSL-1.0
#include "ports/item.hpp"

#include <cstring>

namespace umach::ports {
namespace {

// Where the item ends, once its descriptor is known.
bool find_end(std::uint32_t size, Item& item) {
    if (!item.in_line) {
        item.data = (item.data + 7) & ~7u;
        item.next = item.data + 8;
        return item.next <= size;
    }
    const std::uint64_t bytes = item.bytes();
    if (bytes > size || item.data + bytes > size) return false;
    item.next = item.data + rounded(static_cast<std::uint32_t>(bytes));
    return true;
}

}  // namespace

bool read_item(std::byte* body, std::uint32_t size, std::uint32_t at, Item& item) {
    msg_type_long_t type{};
    if (at + sizeof(msg_type_t) > size) return false;
    std::memcpy(&type, body + at, sizeof(msg_type_t));
    msg_type_t& head = type.msg_type_header;
    item = {at, at + 4, head.msg_type_name, head.msg_type_size, head.msg_type_number, 0,
            head.msg_type_inline != 0, head.msg_type_longform != 0, head.msg_type_deallocate != 0};
    if (item.long_form) {
        if (at + sizeof type > size) return false;
        std::memcpy(&type, body + at, sizeof type);
        item.data = at + 12;
        item.code = type.msg_type_long_name;
        item.bits = type.msg_type_long_size;
        item.number = type.msg_type_long_number;
        head.msg_type_name = head.msg_type_size = 0;
        head.msg_type_number = 0;
    }
    head.msg_type_unused = head.msg_type_deallocate = 0;
    std::memcpy(body + at, &type, sizeof(msg_type_t));
    return find_end(size, item);
}

void write_code(std::byte* body, const Item& item, std::uint32_t code) {
    if (item.long_form) {
        const auto wide = static_cast<std::uint16_t>(code);
        std::memcpy(body + item.at + 4, &wide, sizeof wide);
    } else {
        msg_type_t head{};
        std::memcpy(&head, body + item.at, sizeof head);
        head.msg_type_name = code & 0xff;
        std::memcpy(body + item.at, &head, sizeof head);
    }
}

std::uint64_t read_pointer(const std::byte* body, const Item& item) {
    std::uint64_t pointer = 0;
    std::memcpy(&pointer, body + item.data, sizeof pointer);
    return pointer;
}

void write_pointer(std::byte* body, const Item& item, std::uint64_t pointer) {
    std::memcpy(body + item.data, &pointer, sizeof pointer);
}

}  // namespace umach::ports
