// SPDX-License-Identifier: BSL-1.0
// A message on its way: what stands in its header, its body with the names taken out, and its rights.
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

// An element of an item that is a right.
struct Element {
    unsigned code;           // MSG_TYPE_..., as it stands in the body
    std::size_t descriptor;  // where its item begins
    std::size_t offset;      // where its name stands
};

// Visits the rights of a body, in order.
// returns: false when the body is no sequence of items with in-line data
bool visit_rights(View body, const std::function<void(const Element&)>& visit);

// Gives up every right in a message that is nobody's.
void discard(const Buffer& message);

// Writes a name into a body; and makes an item's rights of another code, given up by the sender or not.
void put_name(std::span<std::byte> body, std::size_t offset, port_t name);
port_t name_at(View body, std::size_t offset);
void put_code(std::span<std::byte> body, std::size_t descriptor, unsigned code, bool give_up);

}  // namespace umach::netmsg
