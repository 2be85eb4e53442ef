// SPDX-License-Identifier: BSL-1.0
// Good inputs, from which the others are made by change.
#include <mach.h>

#include <cstring>
#include <functional>
#include <initializer_list>

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
            parcel_of({}, {{RightKind::own, 9, 0}}, MSG_TYPE_PORT_OWNERSHIP, true),
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

// An item of bytes that stand elsewhere.
void put_distant_item(Bytes& body, unsigned bytes) {
    const msg_type_t type{MSG_TYPE_BYTE, 8, bytes & 0xFFF, 0, 0, 0, 0};
    const auto* const raw = reinterpret_cast<const std::byte*>(&type);
    body.insert(body.end(), raw, raw + sizeof type);
    body.resize((body.size() + 7) / 8 * 8 + sizeof(void*));
}

void put_memory(Bytes& input, std::uint32_t length, std::uint32_t begin, std::uint32_t end) {
    put_packet(input, Op::memory, [&](Writer& w) {
        for (const std::uint32_t number : {std::uint32_t{1}, length, begin}) w.u32(number);
        w.bytes(Bytes(end - begin, std::byte{0x6D}));
    });
}

void put_numbers(Bytes& input, Op op, std::initializer_list<std::uint32_t> numbers) {
    put_packet(input, op, [&](Writer& w) {
        for (const std::uint32_t number : numbers) w.u32(number);
    });
}

// Data out of line, of one item and of two.
std::vector<Bytes> conversations_with_memory() {
    std::vector<Bytes> all;
    for (const std::vector<unsigned>& items : {std::vector<unsigned>{100}, std::vector<unsigned>{60, 0, 40}}) {
        Parcel parcel = parcel_of({RightKind::once, 6, 0}, {}, 0, false);
        parcel.simple = false;
        for (const unsigned bytes : items) put_distant_item(parcel.body, bytes);
        all.push_back(greeted());
        put_memory(all.back(), 100, 0, 64);
        put_memory(all.back(), 100, 64, 100);
        put_message(all.back(), parcel);
        put_numbers(all.back(), Op::room, {0, 50});
        put_numbers(all.back(), Op::taken, {0, 100});
    }
    return all;
}

// Ports that move and owners who are elsewhere, and what is said of them then.
std::vector<Bytes> conversations_of_moves() {
    constexpr std::uint32_t other = netmsg::chosen_by_other;
    std::vector<Bytes> all;
    const auto begin = [&](const Parcel& parcel) -> Bytes& {
        all.push_back(greeted());
        put_message(all.back(), parcel);
        return all.back();
    };
    Bytes& moved = begin(parcel_of({}, {{RightKind::receive, other + 1, 0}}, MSG_TYPE_PORT_RECEIVE, false));
    put_numbers(moved, Op::unowned, {other + 1});
    put_numbers(moved, Op::release, {other + 1, 1});
    Bytes& owned = begin(parcel_of({}, {{RightKind::own, 9, 0}}, MSG_TYPE_PORT_OWNERSHIP, false));
    put_numbers(owned, Op::inherit, {other + 2, 9});
    put_numbers(owned, Op::dead, {9});
    Bytes& replaced = begin(parcel_of({RightKind::mine, 9, 0}, {{RightKind::mine, 9, 0}}, MSG_TYPE_PORT, false));
    put_message(replaced, parcel_of({}, {{RightKind::all, other + 3, 9}}, MSG_TYPE_PORT_ALL, false));
    Bytes& home = begin(parcel_of({}, {{RightKind::own_home, 1, 0}}, MSG_TYPE_PORT_OWNERSHIP, false));
    put_numbers(home, Op::inherit, {other + 4, 77});
    return all;
}

// Questions, and answers to the one that a search of the server's has put: it has number 1.
std::vector<Bytes> conversations_of_names() {
    std::vector<Bytes> all;
    for (const WireRight& right : {WireRight{RightKind::mine, 9, 0}, WireRight{RightKind::yours, 1, 0}, WireRight{}}) {
        all.push_back(greeted());
        put_numbers(all.back(), Op::version, {5});
        put_packet(all.back(), Op::found, [&](Writer& w) {
            w.u32(1);
            w.u32(right.kind == RightKind::none ? 1000u : 0u);
            w.right(right);
        });
    }
    all.push_back(greeted());
    put_packet(all.back(), Op::told, [](Writer& w) {
        w.u32(1);
        w.text("a version");
    });
    return all;
}

std::vector<Bytes> conversations() {
    std::vector<Bytes> all{greeted()};
    for (const auto some : {conversations_with_memory, conversations_of_moves, conversations_of_names})
        for (Bytes& one : some()) all.push_back(std::move(one));
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
