// SPDX-License-Identifier: BSL-1.0
#include "letter.hpp"

#include <cstring>

namespace umach::tests {

namespace {

constexpr std::size_t padded(std::size_t bytes) {
    return (bytes + 3) & ~std::size_t{3};
}

}  // namespace

msg_type_t descriptor(unsigned code, unsigned bits, unsigned number, bool deallocate) {
    msg_type_t type{};
    type.msg_type_name = code & 0xff;
    type.msg_type_size = bits & 0xff;
    type.msg_type_number = number & 0xfff;
    type.msg_type_inline = 1;
    type.msg_type_deallocate = deallocate ? 1 : 0;
    return type;
}

Letter::Letter(port_t to, msg_id_t id, port_t reply) {
    header().msg_simple = TRUE;
    header().msg_size = sizeof(msg_header_t);
    header().msg_remote_port = to;
    header().msg_local_port = reply;
    header().msg_id = id;
}

void Letter::append(const void* bytes, std::size_t size) {
    std::memcpy(buffer_.data() + header().msg_size, bytes, size);
    header().msg_size += static_cast<msg_size_t>(padded(size));
}

Letter& Letter::text(std::string_view bytes) {
    append(bytes.data(), bytes.size());
    return *this;
}

Letter& Letter::item(unsigned code, const std::vector<port_t>& names, bool deallocate) {
    return item(Item{code, names, deallocate, false});
}

Letter& Letter::item(const Item& item) {
    header().msg_simple = FALSE;
    const auto number = static_cast<unsigned>(item.names.size());
    if (item.longform) {
        msg_type_long_t type{};
        type.msg_type_header = descriptor(0, 0, 0, item.deallocate);
        type.msg_type_header.msg_type_longform = 1;
        type.msg_type_long_name = static_cast<unsigned short>(item.code);
        type.msg_type_long_size = 32;
        type.msg_type_long_number = number;
        append(&type, sizeof type);
    } else {
        const msg_type_t type = descriptor(item.code, 32, number, item.deallocate);
        append(&type, sizeof type);
    }
    append(item.names.data(), item.names.size() * sizeof(port_t));
    return *this;
}

Letter& Letter::raw(msg_type_t type, std::string_view bytes) {
    header().msg_simple = FALSE;
    append(&type, sizeof type);
    append(bytes.data(), bytes.size());
    return *this;
}

Letter& Letter::sized(msg_size_t size) {
    header().msg_size = size;
    return *this;
}

msg_return_t Letter::send(msg_option_t option, msg_timeout_t timeout) {
    return msg_send(&header(), option, timeout);
}

msg_return_t Letter::receive(port_t from, msg_option_t option, msg_timeout_t timeout, msg_size_t size) {
    header() = msg_header_t{};
    header().msg_local_port = from;
    header().msg_size = size;
    return msg_receive(&header(), option, timeout);
}

msg_return_t Letter::rpc(msg_option_t option, msg_timeout_t send_timeout, msg_timeout_t rcv_timeout,
                         msg_size_t size) {
    return msg_rpc(&header(), option, size, send_timeout, rcv_timeout);
}

std::string Letter::body() const {
    msg_header_t head;
    std::memcpy(&head, buffer_.data(), sizeof head);
    return {reinterpret_cast<const char*>(buffer_.data()) + sizeof head, head.msg_size - sizeof head};
}

std::vector<Item> Letter::items() const {
    const std::string bytes = body();
    std::vector<Item> found;
    for (std::size_t at = 0; at + sizeof(msg_type_t) <= bytes.size();) {
        msg_type_long_t type{};
        std::memcpy(&type.msg_type_header, bytes.data() + at, sizeof(msg_type_t));
        const msg_type_t& head = type.msg_type_header;
        Item item{head.msg_type_name, {}, head.msg_type_deallocate != 0, head.msg_type_longform != 0};
        std::size_t bits = head.msg_type_size;
        std::size_t number = head.msg_type_number;
        if (item.longform && at + sizeof type <= bytes.size()) {
            std::memcpy(&type, bytes.data() + at, sizeof type);
            item.code = type.msg_type_long_name;
            bits = type.msg_type_long_size;
            number = type.msg_type_long_number;
            at += sizeof type;
        } else {
            at += sizeof(msg_type_t);
        }
        if (bits == 32 && at + 4 * number <= bytes.size()) {
            item.names.resize(number);
            std::memcpy(item.names.data(), bytes.data() + at, 4 * number);
        }
        at += padded((bits * number + 7) / 8);
        found.push_back(item);
    }
    return found;
}

port_t Letter::name(std::size_t item) const {
    const std::vector<Item> all = items();
    return item < all.size() && !all[item].names.empty() ? all[item].names[0] : PORT_NULL;
}

unsigned Letter::code(std::size_t item) const {
    const std::vector<Item> all = items();
    return item < all.size() ? all[item].code : 0;
}

}  // namespace umach::tests
