// SPDX-License-Identifier: BSL-1.0
// Good inputs, from which the others are made by change.
#include <mach.h>

#include <cstring>
#include <functional>

#include "runtime/transport/frame.hpp"
#include "servers/netmsg/parcel.hpp"
#include "tests/fuzz/targets.hpp"

namespace umach::fuzz {
namespace {

using netmsg::Op;
using netmsg::Parcel;
using netmsg::RightKind;
using netmsg::WireRight;
using netmsg::Writer;

std::vector<Bytes> frames() {
    std::vector<Bytes> all;
    for (unsigned kind = 1; kind <= 5; ++kind)
        for (const std::size_t length : {0u, 1u, 7u, 8u, 100u}) {
            Bytes bytes;
            transport::encode_frame({static_cast<transport::FrameKind>(kind), 0, kind * 77, length, 3, 9},
                                    Bytes(length, std::byte{0x5A}), bytes);
            all.push_back(std::move(bytes));
        }
    return all;
}

void put_item(Bytes& body, unsigned code, unsigned bits, unsigned number, bool long_form) {
    msg_type_long_t type{};
    type.msg_type_header = {code & 0xFF, bits & 0xFF, number & 0xFFF, 1, long_form ? 1u : 0u, 0, 0};
    type.msg_type_long_name = static_cast<unsigned short>(code);
    type.msg_type_long_size = static_cast<unsigned short>(bits);
    type.msg_type_long_number = number;
    const auto* const raw = reinterpret_cast<const std::byte*>(&type);
    body.insert(body.end(), raw, raw + (long_form ? sizeof type : sizeof(msg_type_t)));
    body.resize(body.size() + (bits * number / 8 + 3) / 4 * 4);
}

// With a right of each kind, as a peer has them after its look-up.
Parcel parcel_of(WireRight reply, const std::vector<WireRight>& rights, unsigned code, bool long_form) {
    Parcel parcel;
    parcel.id = 4711;
    parcel.simple = rights.empty();
    parcel.reply = reply;
    parcel.rights = rights;
    put_item(parcel.body, MSG_TYPE_BYTE, 8, 13, !long_form);
    if (!rights.empty()) put_item(parcel.body, code, 32, static_cast<unsigned>(rights.size()), long_form);
    return parcel;
}

std::vector<Parcel> all_parcels() {
    constexpr std::uint32_t other = netmsg::chosen_by_other;
    return {parcel_of({}, {}, 0, false),
            parcel_of({RightKind::mine, 5, 0}, {}, 0, true),
            parcel_of({RightKind::once, 6, 0}, {{RightKind::yours, 1, 0}, {RightKind::dead, 0, 0}},
                      MSG_TYPE_PORT, false),
            parcel_of({RightKind::yours, 1, 0}, {{RightKind::mine, 7, 0}, {RightKind::mine, 7, 0}},
                      MSG_TYPE_PORT, true),
            parcel_of({}, {{RightKind::receive, other + 1, 0}}, MSG_TYPE_PORT_RECEIVE, false),
            parcel_of({RightKind::dead, 0, 0}, {{RightKind::all, other + 2, 7}}, MSG_TYPE_PORT_ALL, true)};
}

std::vector<Bytes> parcels() {
    std::vector<Bytes> all;
    for (const Parcel& parcel : all_parcels()) {
        all.emplace_back();
        netmsg::encode_parcel(parcel, all.back());
    }
    return all;
}

void put_packet(Bytes& input, Op op, const std::function<void(Writer&)>& write) {
    Bytes packet;
    Writer writer(packet);
    writer.u8(static_cast<std::uint8_t>(op));
    write(writer);
    for (const std::size_t byte : {packet.size() & 0xFF, packet.size() >> 8})
        input.push_back(static_cast<std::byte>(byte));
    input.insert(input.end(), packet.begin(), packet.end());
}

Bytes greeted() {
    Bytes input;
    put_packet(input, Op::hello, [](Writer& w) {
        w.u8(netmsg::protocol_version);
        w.text("peer");
    });
    put_packet(input, Op::look_up, [](Writer& w) {
        w.u32(1);
        w.text("target");  // which has id 1 then
    });
    return input;
}

// In two parts.
void put_message(Bytes& input, const Parcel& parcel) {
    Bytes bytes;
    netmsg::encode_parcel(parcel, bytes);
    for (const std::size_t at : {std::size_t{0}, bytes.size() / 2}) {
        const std::size_t end = at == 0 ? bytes.size() / 2 : bytes.size();
        put_packet(input, Op::part, [&](Writer& w) {
            w.u32(1);
            w.u32(static_cast<std::uint32_t>(bytes.size()));
            w.u32(static_cast<std::uint32_t>(at));
            w.bytes(View(bytes).subspan(at, end - at));
        });
    }
}

std::vector<Bytes> conversations() {
    std::vector<Bytes> all{greeted()};
    for (const Parcel& parcel : all_parcels()) {
        all.push_back(greeted());
        put_message(all.back(), parcel);
        for (const Op op : {Op::credit, Op::dead, Op::release}) {
            put_packet(all.back(), op, [&](Writer& w) {
                w.u32(1);
                if (op == Op::release) w.u32(1);
            });
        }
    }
    return all;
}

}  // namespace

const std::vector<Target>& targets() {
    static const std::vector<Target> all{{"frame", feed_frame, frames, 300'000},
                                         {"parcel", feed_parcel, parcels, 100'000},
                                         {"protocol", feed_protocol, conversations, 500},
                                         {"stream", feed_stream, scripts, 20'000},
                                         {"datagrams", feed_datagrams, scripts, 20'000}};
    return all;
}

}  // namespace umach::fuzz
