// SPDX-License-Identifier: BSL-1.0
// A message on its way: what stands in its header, its body with names and pointers taken out, and its rights.
// Data out of line goes before it.
//
//   id, type, simple, reply right, number of rights, the rights in order, length of the body, the body
#pragma once

#include <functional>

#include "servers/netmsg/packet.hpp"
#include "servers/netmsg/space.hpp"

namespace umach::netmsg {

// The largest parcel: a message full of rights.
inline constexpr std::size_t most_parcel = MSG_SIZE_MAX + 10 * (MSG_RIGHTS_MAX + 2) + 32;

struct Parcel {
    msg_id_t id = 0;
    int type = 0;
    bool simple = true;
    WireRight reply;
    std::vector<WireRight> rights;
    Bytes body;
};

void encode_parcel(const Parcel& parcel, Bytes& out);

// returns: nothing for what is no parcel; the body has been looked through, and has as many rights as there
// are
std::optional<Parcel> decode_parcel(View bytes);

// An item of a body.
struct Item {
    unsigned code = 0;           // MSG_TYPE_..., as it stands there
    std::uint64_t bits = 0, number = 0;
    std::size_t descriptor = 0;  // where it begins
    std::size_t data = 0;        // where its data stands, or the pointer to it
    bool in_line = false;

    bool rights() const { return MSG_TYPE_PORT_ANY(code); }
    std::uint64_t bytes() const { return (bits * number + 7) / 8; }
    // How much of it goes ahead of the message.
    std::uint64_t memory() const { return in_line || rights() ? 0 : bytes(); }
    // How much of the body its data, or the pointer to it, takes.
    std::uint64_t room() const { return in_line ? (bytes() + 3) & ~std::uint64_t{3} : sizeof(std::uint64_t); }
    // Where the next one begins.
    std::size_t end() const { return data + static_cast<std::size_t>(room()); }
};

// returns: nothing when what begins there is no item, or does not end within the body
std::optional<Item> item_at(View body, std::size_t at);

// Visits the items of a body, in order.
// returns: false when the body is no sequence of items, or rights have another size than names
bool visit_items(View body, const std::function<void(const Item&)>& visit);

// Gives up every right in a message that is nobody's, and its memory too.
void discard(const Buffer& message);

// Whether there is a right in it of which another message may speak, too: any but a send-once right to answer to.
bool names_ports(const Buffer& message);

// Sends a message that was received on to a new port of ours, with all that is in it.
// returns: the port; PORT_NULL when that cannot be, and the message is discarded
port_t put_by(Buffer& message);
// Receives it again, and ends the port. returns: false when it is lost
bool take_back(port_t port, Buffer& message);

// The items of a message; none in one whose body is bytes.
View body_of(const Buffer& message);
// returns: how many bytes of these items stand out of line and are no rights
std::uint64_t memory_of(View body);

// Where an item's names or bytes are: in the body, or where its pointer leads.
std::byte* data_of(std::byte* body, const Item& item);
void put_pointer(std::byte* body, const Item& item, const void* pointer);
// Makes an item of another code, and its rights or memory given up by the sender or not.
void put_code(std::byte* body, const Item& item, unsigned code, bool give_up);

}  // namespace umach::netmsg
