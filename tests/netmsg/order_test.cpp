// SPDX-License-Identifier: BSL-1.0
// A machine of the other byte order at the far end of a link: what it has in memory, and what is here.
#include "servers/netmsg/order.hpp"

#include <cstring>
#include <random>

#include "tests/netmsg/scripted.hpp"

namespace umach::netmsg::test {
namespace {

Bytes bytes_of(std::initializer_list<unsigned> numbers) {
    Bytes bytes;
    for (const unsigned number : numbers) bytes.push_back(static_cast<std::byte>(number));
    return bytes;
}

// Two numbers of 16 bits, one of 32, one of 64 with a long descriptor, and a word of four letters, as a big-endian machine
// lays them out: there the first field of a descriptor has the highest bits.
Bytes as_a_big_endian_machine_has_it() {
    return bytes_of({1,  16, 0,    0x28, 0x12, 0x34, 0xAB, 0xCD,                              //
                     2,  32, 0,    0x18, 0xFF, 0xFF, 0xFF, 0xFE,                              //
                     0,  0,  0,    0x0C, 0,    11,   0,    64,   0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8,  //
                     12, 8,  0,    0x48, 'w',  'o',  'r',  'd'});
}

// The same items here.
struct Items {
    msg_header_t header{};
    msg_type_t shorts_type{MSG_TYPE_INTEGER_16, 16, 2, 1, 0, 0, 0};
    std::uint16_t shorts[2] = {0x1234, 0xABCD};
    msg_type_t number_type{MSG_TYPE_INTEGER_32, 32, 1, 1, 0, 0, 0};
    std::int32_t number = -2;
    msg_type_long_t large_type{{0, 0, 0, 1, 1, 0, 0}, MSG_TYPE_INTEGER_64, 64, 1};
    std::uint32_t large[2] = {0x05060708, 0x01020304};
    msg_type_t word_type{MSG_TYPE_STRING, 8, 4, 1, 0, 0, 0};
    char word[4] = {'w', 'o', 'r', 'd'};

    Bytes body() const {
        Bytes bytes(sizeof *this - sizeof header);
        std::memcpy(bytes.data(), reinterpret_cast<const char*>(this) + sizeof header, bytes.size());
        return bytes;
    }
};

TEST(Order, OfABigEndianMachinesBodyIsThatOfTheSameItemsHere) {
    Bytes body = as_a_big_endian_machine_has_it();
    EXPECT_TRUE(turn_body(body, std::endian::big, std::endian::little));
    EXPECT_EQ(body, Items().body());
    EXPECT_TRUE(turn_body(body, std::endian::little, std::endian::big));
    EXPECT_EQ(body, as_a_big_endian_machine_has_it());
}

TEST(Order, OfBytesThatAreNoItemsIsRefusedAndNothingPastThemIsTouched) {
    std::mt19937 random(7);
    int refused = 0;
    for (int i = 0; i < 20'000; ++i) {
        Bytes body(random() % 64);
        for (std::byte& one : body) one = static_cast<std::byte>(random());
        Bytes guarded = body;
        guarded.resize(body.size() + 16, std::byte{0x5A});
        refused += turn_body(std::span(guarded).first(body.size()), std::endian::big, std::endian::little) ? 0 : 1;
        for (std::size_t k = body.size(); k < guarded.size(); ++k) ASSERT_EQ(guarded[k], std::byte{0x5A});
    }
    EXPECT_GT(refused, 10'000);
}

// What such a machine sends, after it has turned it.
Bytes from_a_big_endian_machine(std::uint32_t to) {
    Parcel parcel;
    parcel.simple = false;
    parcel.body = as_a_big_endian_machine_has_it();
    EXPECT_TRUE(turn_body(parcel.body, std::endian::big, std::endian::little));
    Bytes whole;
    encode_parcel(parcel, whole);
    return part(to, whole);
}

TEST(Order, NumbersOfABigEndianPeerAreTheSameNumbersHereAndTheOtherWayRound) {
    in_a_host([](ScriptedPeer& peer) {
        const port_t service = made();
        const std::uint32_t ours = peer.found("service", service);
        const port_t theirs = given_by(peer, ours, service);
        peer.say({from_a_big_endian_machine(ours)});
        Items got{.shorts = {}, .number = 0, .large = {}, .word = {}};
        got.header.msg_local_port = service;
        got.header.msg_size = sizeof got;
        ASSERT_EQ(msg_receive(&got.header, RCV_TIMEOUT, patience), RCV_SUCCESS);
        EXPECT_EQ(got.body(), Items().body());
        got.header.msg_remote_port = theirs;
        got.header.msg_local_port = PORT_NULL;
        ASSERT_EQ(msg_send(&got.header, SEND_TIMEOUT, patience), SEND_SUCCESS);
        Bytes there = peer.hear(Op::part, their_service).parcel.body;
        EXPECT_TRUE(turn_body(there, std::endian::little, std::endian::big));
        EXPECT_EQ(there, as_a_big_endian_machine_has_it());
    });
}

TEST(Order, DataOutOfLineIsTurnedElementByElement) {
    Bytes data = bytes_of({1, 2, 3, 4, 5, 6, 7, 8, 9});
    turn_elements(data, 32);
    EXPECT_EQ(data, bytes_of({4, 3, 2, 1, 8, 7, 6, 5, 9}));
    turn_elements(data, 8);
    EXPECT_EQ(data, bytes_of({4, 3, 2, 1, 8, 7, 6, 5, 9}));
    turn_elements(data, 64);
    EXPECT_EQ(data, bytes_of({5, 6, 7, 8, 1, 2, 3, 4, 9}));
}

}  // namespace
}  // namespace umach::netmsg::test
