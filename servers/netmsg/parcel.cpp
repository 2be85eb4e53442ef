// SPDX-License-Identifier: BSL-1.0
#include "servers/netmsg/parcel.hpp"

#include "servers/netmsg/memory.hpp"
#include "servers/netmsg/order.hpp"

#include <cstring>
#include <utility>

namespace umach::netmsg {

namespace {

constexpr std::size_t most_body = MSG_SIZE_MAX - sizeof(msg_header_t);

// returns: nothing when the body ends within the descriptor
std::optional<Item> head_at(View body, std::size_t at) {
    msg_type_long_t type{};
    if (body.size() - at < sizeof(msg_type_t)) return std::nullopt;
    std::memcpy(&type, body.data() + at, std::min(sizeof type, body.size() - at));
    const msg_type_t& brief = type.msg_type_header;
    const bool in_line = brief.msg_type_inline != 0;
    if (brief.msg_type_longform == 0)
        return Item{brief.msg_type_name, brief.msg_type_size, brief.msg_type_number, at, at + sizeof brief, in_line};
    if (body.size() - at < sizeof type) return std::nullopt;
    return Item{type.msg_type_long_name, type.msg_type_long_size, type.msg_type_long_number, at,
                at + sizeof type,        in_line};
}

void give_up_as(unsigned code, port_t name) {
    if (code == MSG_TYPE_PORT_RECEIVE || code == MSG_TYPE_PORT_ALL)
        end_port(name);
    else if (code == MSG_TYPE_PORT_OWNERSHIP)
        port_release(task_self(), name, PORT_TYPE_OWN);
    else
        give_up(name);
}

}  // namespace

View body_of(const Buffer& message) {
    const auto* const begin = reinterpret_cast<const std::byte*>(message.bytes) + sizeof(msg_header_t);
    const bool typed = message.header.msg_simple == 0 && message.header.msg_size >= sizeof(msg_header_t);
    return {begin, typed ? message.header.msg_size - sizeof(msg_header_t) : 0};
}

bool visit_items(View body, const std::function<void(const Item&)>& visit) {
    for (std::size_t at = 0; at < body.size();) {
        const auto item = item_at(body, at);
        if (!item) return false;
        visit(*item);
        at = item->end();
    }
    return true;
}

std::optional<Item> item_at(View body, std::size_t at) {
    auto item = head_at(body, at);
    if (!item || (item->rights() && item->bits != 32)) return std::nullopt;
    if (!item->in_line) item->data = (item->data + 7) & ~std::size_t{7};
    const bool whole = item->data <= body.size() && item->room() <= body.size() - item->data;
    return whole ? item : std::nullopt;
}

std::byte* data_of(std::byte* body, const Item& item) {
    if (item.in_line) return body + item.data;
    std::byte* pointer = nullptr;
    std::memcpy(&pointer, body + item.data, sizeof pointer);
    return pointer;
}

void put_pointer(std::byte* body, const Item& item, const void* pointer) {
    std::memcpy(body + item.data, &pointer, sizeof pointer);
}

void discard(const Buffer& message) {
    const View view = body_of(message);
    auto* const body = const_cast<std::byte*>(view.data());
    give_up(message.header.msg_remote_port);
    visit_items(view, [&](const Item& item) {
        for (std::size_t i = 0; item.rights() && i < item.number; ++i) {
            port_t name = PORT_NULL;
            std::memcpy(&name, data_of(body, item) + i * sizeof name, sizeof name);
            give_up_as(item.code, name);
        }
        if (!item.in_line) Memory(data_of(body, item), item.bytes());
    });
}

bool names_ports(const Buffer& message) {
    bool names = type_of(message.header.msg_remote_port) == PORT_TYPE_SEND;
    visit_items(body_of(message), [&](const Item& item) { names = names || (item.rights() && item.number > 0); });
    return names;
}

port_t put_by(Buffer& message) {
    const View view = body_of(message);
    auto* const body = reinterpret_cast<std::byte*>(message.bytes) + sizeof(msg_header_t);
    visit_items(view, [&](const Item& item) { put_code(body, item, item.code, true); });
    port_t reply = message.header.msg_remote_port;
    if (type_of(reply) == PORT_TYPE_DEAD_NAME) give_up(std::exchange(reply, PORT_NULL));
    const port_t port = new_port();
    message.header.msg_local_port = reply;
    message.header.msg_remote_port = port;
    const bool sent = msg_send(&message.header, SEND_TIMEOUT, 0) == SEND_SUCCESS;
    if (sent && type_of(reply) == PORT_TYPE_SEND) give_up(reply);
    if (sent) return port;
    message.header.msg_remote_port = reply;
    discard(message);
    if (port != PORT_NULL) end_port(port);
    return PORT_NULL;
}

bool take_back(port_t port, Buffer& message) {
    message.header.msg_size = sizeof message;
    message.header.msg_local_port = port;
    const bool there = port != PORT_NULL && msg_receive(&message.header, RCV_TIMEOUT, 0) == RCV_SUCCESS;
    if (port != PORT_NULL) end_port(port);
    return there;
}

std::uint64_t memory_of(View body) {
    std::uint64_t bytes = 0;
    visit_items(body, [&](const Item& item) { bytes += item.memory(); });
    return bytes;
}

void put_code(std::byte* body, const Item& item, unsigned code, bool give_up) {
    msg_type_long_t type{};
    std::memcpy(&type, body + item.descriptor, sizeof(msg_type_t));
    type.msg_type_header.msg_type_deallocate = give_up;
    std::size_t changed = sizeof(msg_type_t);
    if (type.msg_type_header.msg_type_longform == 0) {
        type.msg_type_header.msg_type_name = code & 0xFF;
    } else {
        type.msg_type_long_name = static_cast<unsigned short>(code);
        changed += sizeof type.msg_type_long_name;
    }
    std::memcpy(body + item.descriptor, &type, changed);
}

void encode_parcel(const Parcel& parcel, Bytes& out) {
    Writer writer(out);
    writer.u32(static_cast<std::uint32_t>(parcel.id));
    writer.u32(static_cast<std::uint32_t>(parcel.type));
    writer.u8(parcel.simple ? 1 : 0);
    writer.right(parcel.reply);
    writer.u8(static_cast<std::uint8_t>(parcel.rights.size()));
    for (const WireRight& right : parcel.rights) writer.right(right);
    writer.u32(static_cast<std::uint32_t>(parcel.body.size()));
    writer.bytes(parcel.body);
}

std::optional<Parcel> decode_parcel(View bytes) {
    Reader reader(bytes);
    Parcel parcel;
    parcel.id = static_cast<msg_id_t>(reader.u32());
    parcel.type = static_cast<int>(reader.u32());
    const std::uint8_t simple = reader.u8();
    parcel.simple = simple == 1;
    parcel.reply = reader.right();
    const std::size_t rights = reader.u8();
    if (simple > 1 || rights > MSG_RIGHTS_MAX) return std::nullopt;
    for (std::size_t i = 0; i < rights && reader.ok(); ++i) parcel.rights.push_back(reader.right());
    const std::size_t length = reader.u32();
    const View body = reader.bytes(length);
    if (!reader.done() || length > most_body) return std::nullopt;
    parcel.body.assign(body.begin(), body.end());
    std::uint64_t found = 0;
    const bool whole =
        parcel.simple ||
        (body_from_wire(parcel.body) &&
         visit_items(parcel.body, [&](const Item& item) { found += item.rights() ? item.number : 0; }));
    return whole && found == rights ? std::optional(std::move(parcel)) : std::nullopt;
}

}  // namespace umach::netmsg
