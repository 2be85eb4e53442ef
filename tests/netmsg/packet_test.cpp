// SPDX-License-Identifier: BSL-1.0
// What comes out of bytes that may be anything.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "servers/netmsg/parcel.hpp"

namespace umach::netmsg::test {
namespace {

// A body with an item of two rights and one of four bytes.
Bytes body_with_rights() {
    const msg_type_t rights{MSG_TYPE_PORT, 32, 2, 1, 0, 0, 0}, bytes{MSG_TYPE_BYTE, 8, 4, 1, 0, 0, 0};
    Bytes body(20);
    std::memcpy(body.data(), &rights, sizeof rights);
    std::memcpy(body.data() + 12, &bytes, sizeof bytes);
    return body;
}

Parcel parcel_with_rights() {
    Parcel parcel;
    parcel.id = -5;
    parcel.type = 1;
    parcel.simple = false;
    parcel.reply = {RightKind::once, 9, 0};
    parcel.rights = {{RightKind::mine, 1, 0}, {RightKind::all, 0x80000001, 3}};
    parcel.body = body_with_rights();
    return parcel;
}

Bytes encoded(const Parcel& parcel) {
    Bytes bytes;
    encode_parcel(parcel, bytes);
    return bytes;
}

TEST(Parcel, ComesOutAsItWentIn) {
    const Parcel parcel = parcel_with_rights();
    const auto decoded = decode_parcel(encoded(parcel));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->id, -5);
    EXPECT_EQ(decoded->type, 1);
    EXPECT_FALSE(decoded->simple);
    EXPECT_EQ(decoded->reply.kind, RightKind::once);
    ASSERT_EQ(decoded->rights.size(), 2u);
    EXPECT_EQ(decoded->rights[1].kind, RightKind::all);
    EXPECT_EQ(decoded->rights[1].was, 3u);
    EXPECT_EQ(decoded->body, parcel.body);
}

TEST(Parcel, CutAtAnyByteOrWithOneMoreIsNone) {
    Bytes bytes = encoded(parcel_with_rights());
    for (std::size_t length = 0; length < bytes.size(); ++length)
        EXPECT_FALSE(decode_parcel(View(bytes).first(length))) << length;
    bytes.push_back(std::byte{0});
    EXPECT_FALSE(decode_parcel(bytes));
}

TEST(Parcel, WhoseRightsAreMoreOrFewerThanItsBodyHasIsNone) {
    Parcel parcel = parcel_with_rights();
    parcel.rights.pop_back();
    EXPECT_FALSE(decode_parcel(encoded(parcel)));
    parcel.rights.resize(3);
    EXPECT_FALSE(decode_parcel(encoded(parcel)));
    parcel.rights.resize(2);
    EXPECT_TRUE(decode_parcel(encoded(parcel)));
}

TEST(Parcel, WithAPointerOrAnItemPastItsEndIsNone) {
    Parcel parcel = parcel_with_rights();
    msg_type_t type{MSG_TYPE_BYTE, 8, 4, 0, 0, 0, 0};
    std::memcpy(parcel.body.data() + 12, &type, sizeof type);
    EXPECT_FALSE(decode_parcel(encoded(parcel)));
    parcel.body.resize(24);
    EXPECT_TRUE(decode_parcel(encoded(parcel)));
    parcel.body.resize(20);
    type = {MSG_TYPE_BYTE, 8, 5, 1, 0, 0, 0};
    std::memcpy(parcel.body.data() + 12, &type, sizeof type);
    EXPECT_FALSE(decode_parcel(encoded(parcel)));
}

TEST(Parcel, WithALengthThatOverflowsIsNone) {
    Parcel parcel = parcel_with_rights();
    parcel.rights.clear();
    msg_type_long_t type{};
    type.msg_type_header.msg_type_inline = type.msg_type_header.msg_type_longform = 1;
    type.msg_type_long_name = MSG_TYPE_BYTE;
    type.msg_type_long_size = 0xFFFF;
    type.msg_type_long_number = 0xFFFF'FFFF;
    parcel.body.assign(sizeof type, std::byte{0});
    std::memcpy(parcel.body.data(), &type, sizeof type);
    EXPECT_FALSE(decode_parcel(encoded(parcel)));
}

TEST(Parcel, OfChangedBytesIsNoneOrOneWhoseBodyHasItsRights) {
    std::mt19937_64 dice(5);
    const Bytes good = encoded(parcel_with_rights());
    int accepted = 0;
    for (int times = 0; times < 200'000; ++times) {
        Bytes bytes = good;
        for (std::uint64_t changes = 1 + dice() % 4; changes > 0; --changes)
            bytes[dice() % bytes.size()] = static_cast<std::byte>(dice());
        bytes.resize(dice() % 8 == 0 ? dice() % bytes.size() : bytes.size());
        const auto parcel = decode_parcel(bytes);
        if (!parcel) continue;
        ++accepted;
        std::size_t rights = 0;
        const bool whole = parcel->simple || visit_items(parcel->body, [&](const Item& item) {
                               rights += item.rights() ? item.number : 0;
                               EXPECT_LE(item.data + (item.in_line ? item.bytes() : 8), parcel->body.size());
                           });
        EXPECT_TRUE(whole);
        EXPECT_EQ(rights, parcel->rights.size());
    }
    EXPECT_GT(accepted, 0);
}

}  // namespace
}  // namespace umach::netmsg::test
