// SPDX-License-Identifier: BSL-1.0
#include "servers/netmsg/parcel.hpp"

#include <bit>
#include <cstring>

namespace umach::netmsg {

// Descriptors and integers of a body go as they lie in memory.
static_assert(std::endian::native == std::endian::little, "bodies are little-endian on the wire");

namespace {

constexpr std::size_t most_body = MSG_SIZE_MAX - sizeof(msg_header_t);

struct ItemHead {
    unsigned code = 0;
    std::uint64_t bits = 0, number = 0;
    std::size_t bytes = 0;  // of the descriptor
    bool in_line = false;
};

// returns: nothing when the body ends within the descriptor
std::optional<ItemHead> head_at(View body, std::size_t at) {
    msg_type_long_t type{};
    if (body.size() - at < sizeof(msg_type_t)) return std::nullopt;
    std::memcpy(&type, body.data() + at, std::min(sizeof type, body.size() - at));
    const msg_type_t& brief = type.msg_type_header;
    ItemHead head;
    head.in_line = brief.msg_type_inline != 0;
    if (brief.msg_type_longform == 0) {
        head = {brief.msg_type_name, brief.msg_type_size, brief.msg_type_number, sizeof brief, head.in_line};
        return head;
    }
    if (body.size() - at < sizeof type) return std::nullopt;
    head = {type.msg_type_long_name, type.msg_type_long_size, type.msg_type_long_number, sizeof type,
            head.in_line};
    return head;
}

}  // namespace

bool visit_rights(View body, const std::function<void(const Element&)>& visit) {
    for (std::size_t at = 0; at < body.size();) {
        const auto head = head_at(body, at);
        if (!head || !head->in_line) return false;
        const std::uint64_t data = ((head->bits * head->number + 7) / 8 + 3) & ~std::uint64_t{3};
        if (data > body.size() - at - head->bytes) return false;
        const bool rights = MSG_TYPE_PORT_ANY(head->code);
        if (rights && head->bits != 32) return false;
        for (std::size_t i = 0; rights && i < head->number; ++i)
            visit({head->code, at, at + head->bytes + i * sizeof(port_t)});
        at += head->bytes + static_cast<std::size_t>(data);
    }
    return true;
}

void discard(const Buffer& message) {
    give_up(message.header.msg_remote_port);
    if (message.header.msg_simple != 0 || message.header.msg_size < sizeof(msg_header_t)) return;
    const auto* const begin = reinterpret_cast<const std::byte*>(message.bytes) + sizeof(msg_header_t);
    const View body(begin, message.header.msg_size - sizeof(msg_header_t));
    visit_rights(body, [&](const Element& element) {
        const port_t name = name_at(body, element.offset);
        if (element.code == MSG_TYPE_PORT_RECEIVE || element.code == MSG_TYPE_PORT_ALL)
            end_port(name);
        else if (element.code == MSG_TYPE_PORT_OWNERSHIP)
            port_release(task_self(), name, PORT_TYPE_OWN);
        else
            give_up(name);
    });
}

void put_name(std::span<std::byte> body, std::size_t offset, port_t name) {
    std::memcpy(body.data() + offset, &name, sizeof name);
}

port_t name_at(View body, std::size_t offset) {
    port_t name = PORT_NULL;
    std::memcpy(&name, body.data() + offset, sizeof name);
    return name;
}

void put_code(std::span<std::byte> body, std::size_t descriptor, unsigned code, bool give_up) {
    msg_type_long_t type{};
    const std::size_t bytes = std::min(sizeof type, body.size() - descriptor);
    std::memcpy(&type, body.data() + descriptor, bytes);
    type.msg_type_header.msg_type_deallocate = give_up;
    if (type.msg_type_header.msg_type_longform == 0)
        type.msg_type_header.msg_type_name = code & 0xFF;
    else
        type.msg_type_long_name = static_cast<unsigned short>(code);
    const std::size_t changed = type.msg_type_header.msg_type_longform == 0 ? sizeof(msg_type_t) : bytes;
    std::memcpy(body.data() + descriptor, &type, changed);
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
    std::size_t found = 0;
    const bool whole = parcel.simple || visit_rights(parcel.body, [&](const Element&) { ++found; });
    return whole && found == rights ? std::optional(std::move(parcel)) : std::nullopt;
}

}  // namespace umach::netmsg
