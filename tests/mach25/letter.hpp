// SPDX-License-Identifier: BSL-1.0
// A message and its buffer, for tests: written item by item, sent, received into, and read item by item. Its
// calls never wait unless they are told to.
#pragma once

#include <mach.h>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace umach::tests {

// How long a test waits for what must come, in milliseconds; only a failure waits as long.
inline constexpr msg_timeout_t patience = 20'000;

// One item of a message that carries names or numbers of 32 bits.
struct Item {
    unsigned code = 0;
    std::vector<port_t> names;
    bool deallocate = false;
    bool longform = false;
};

class Letter {
public:
    Letter() : Letter(PORT_NULL) {}
    explicit Letter(port_t to, msg_id_t id = 0, port_t reply = PORT_NULL);

    // Appends bytes that the kernel does not look at.
    Letter& text(std::string_view bytes);
    // Appends an item of names, and makes the message a complex one.
    Letter& item(unsigned code, const std::vector<port_t>& names, bool deallocate = false);
    Letter& item(const Item& item);
    // Appends an item of any kind: its descriptor, then these bytes.
    Letter& raw(msg_type_t descriptor, std::string_view bytes);
    Letter& sized(msg_size_t size);

    msg_header_t& header() { return *reinterpret_cast<msg_header_t*>(buffer_.data()); }
    msg_header_t* operator->() { return &header(); }

    msg_return_t send(msg_option_t option = SEND_TIMEOUT, msg_timeout_t timeout = 0);
    msg_return_t receive(port_t from, msg_option_t option = RCV_TIMEOUT, msg_timeout_t timeout = 0,
                         msg_size_t size = MSG_SIZE_MAX);
    msg_return_t rpc(msg_option_t option = SEND_TIMEOUT | RCV_TIMEOUT, msg_timeout_t send_timeout = patience,
                     msg_timeout_t rcv_timeout = patience, msg_size_t size = MSG_SIZE_MAX);

    // What stands behind the header.
    std::string body() const;
    // The items of the message, as far as they are names or numbers of 32 bits.
    std::vector<Item> items() const;
    // The first name of an item.
    port_t name(std::size_t item = 0) const;
    unsigned code(std::size_t item = 0) const;

private:
    alignas(8) std::array<std::byte, MSG_SIZE_MAX + 512> buffer_{};
    void append(const void* bytes, std::size_t size);
};

msg_type_t descriptor(unsigned code, unsigned bits, unsigned number, bool deallocate = false);

}  // namespace umach::tests
