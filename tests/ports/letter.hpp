// SPDX-License-Identifier: BSL-1.0
// A message of rights: a header, and one item a right.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <mach/message.h>

namespace umach::ports {

class Letter {
public:
    explicit Letter(port_name_t to) {
        text_.header.msg_remote_port = to;
        set_size();
    }

    // code: one of MSG_TYPE_PORT_*; give_up: the item's deallocate bit
    Letter& with(std::uint32_t code, port_name_t name, bool give_up = false) {
        Item& item = text_.items.at(count_++);
        item.type.msg_type_name = code & 0xff;
        item.type.msg_type_size = 32;
        item.type.msg_type_number = 1;
        item.type.msg_type_inline = 1;
        item.type.msg_type_deallocate = give_up ? 1 : 0;
        item.name = name;
        set_size();
        return *this;
    }

    // Data that stands elsewhere, in words of 32 bits: at most 4,095.
    Letter& with_memory(const void* at, std::uint32_t words, bool give_up = false) {
        Item& item = text_.items.at(count_);
        item.type.msg_type_name = MSG_TYPE_INTEGER_32;
        item.type.msg_type_size = 32;
        item.type.msg_type_number = words & 0xfff;
        item.type.msg_type_deallocate = give_up ? 1 : 0;
        std::memcpy(&text_.items.at(count_ + 1), &at, sizeof at);
        count_ += 2;
        set_size();
        return *this;
    }

    static constexpr msg_size_t most_bytes =
        sizeof(msg_header_t) + MSG_RIGHTS_MAX * (sizeof(msg_type_t) + sizeof(port_name_t));

    // How a buffer of that many bytes says where to receive from.
    static Letter from(port_name_t port, msg_size_t room = most_bytes) {
        Letter letter(PORT_NULL);
        letter.text_.header.msg_local_port = port;
        letter.text_.header.msg_size = room;
        return letter;
    }

    msg_header_t* header() { return &text_.header; }
    port_name_t name(std::size_t item) const { return text_.items.at(item).name; }

private:
    struct Item {
        msg_type_t type;
        port_t name;
    };
    void set_size() {
        text_.header.msg_simple = count_ == 0 ? 1 : 0;
        text_.header.msg_size = static_cast<msg_size_t>(sizeof(msg_header_t) + count_ * sizeof(Item));
    }

    std::size_t count_ = 0;
    struct {
        msg_header_t header;
        std::array<Item, MSG_RIGHTS_MAX> items;
    } text_{};
};

}  // namespace umach::ports
