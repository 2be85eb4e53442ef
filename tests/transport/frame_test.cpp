// SPDX-License-Identifier: BSL-1.0
// The bytes of a frame.
#include <cstring>
#include <random>

#include "runtime/transport/checksum.hpp"
#include "tests/transport/kinds.hpp"

namespace umach::transport::test {
namespace {

Bytes encoded(const FrameHead& head, View body) {
    Bytes bytes;
    encode_frame(head, body, bytes);
    return bytes;
}

const FrameHead head{FrameKind::data, 0, 0x1122334455667788, 5, 4, 0x80000001};

TEST(Frame, StandsOnTheWireAsItsPageSaysWhateverTheMachine) {
    const Bytes bytes = encoded(head, bytes_of("abc"));
    const unsigned char expected[] = {'u',  'M',  1,    2,    3, 0, 0, 0, 0x88, 0x77, 0x66, 0x55,
                                      0x44, 0x33, 0x22, 0x11, 5, 0, 0, 0, 0,    0,    0,    0,
                                      4,    0,    0,    0,    0, 0, 0, 0, 1,    0,    0,    0x80};
    ASSERT_EQ(bytes.size(), frame_head_bytes + 3);
    EXPECT_EQ(std::memcmp(bytes.data(), expected, sizeof expected), 0);
    EXPECT_EQ(text_of_bytes(Bytes(bytes.begin() + frame_head_bytes, bytes.end())), "abc");
}

// The check value that every description of CRC-32C gives: of "123456789" it is E3069283.
TEST(Frame, ChecksumIsCrc32c) {
    std::uint32_t sum = ~0u;
    const Bytes bytes = encoded(head, pattern(1000, 1));
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (i >= 36 && i < 40) continue;
        sum ^= std::to_integer<std::uint32_t>(bytes[i]);
        for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1) ^ ((sum & 1) != 0 ? 0x82F63B78 : 0);
    }
    std::uint32_t there = 0;
    for (std::size_t i = 0; i < 4; ++i) there |= std::to_integer<std::uint32_t>(bytes[36 + i]) << (8 * i);
    EXPECT_EQ(there, ~sum);
}

TEST(Frame, ChecksumIsTheSameByInstructionAndByTablesWhateverTheLengthAndInWhateverPieces) {
    const Bytes bytes = pattern(200'000, 3);
    for (const std::size_t length : {0u, 1u, 7u, 8u, 9u, 4'096u, 64'511u, 64'512u, 64'513u, 129'023u, 129'024u, 199'999u}) {
        const View some = View(bytes).subspan(1, length);
        const std::uint32_t whole = crc32c_by_tables(~0u, some);
        EXPECT_EQ(crc32c(~0u, some), whole) << length;
        EXPECT_EQ(crc32c(crc32c(~0u, some.first(length / 3)), some.subspan(length / 3)), whole) << length;
    }
}

TEST(Frame, ComesOutAsItWentIn) {
    const Bytes body = pattern(777, 9);
    const Bytes bytes = encoded(head, body);
    const Decoded decoded = decode_frame(bytes, 777);
    ASSERT_EQ(decoded.fault, FrameFault::none);
    EXPECT_EQ(decoded.bytes, bytes.size());
    EXPECT_EQ(decoded.head.kind, FrameKind::data);
    EXPECT_EQ(decoded.head.incarnation, head.incarnation);
    EXPECT_EQ(decoded.head.sequence, head.sequence);
    EXPECT_EQ(decoded.head.acknowledged, head.acknowledged);
    EXPECT_EQ(decoded.head.selected, head.selected);
    EXPECT_EQ(Bytes(decoded.body.begin(), decoded.body.end()), body);
}

TEST(Frame, CutAtAnyByteIsIncompleteAndNothingElse) {
    const Bytes bytes = encoded(head, pattern(60, 2));
    for (std::size_t length = 0; length < bytes.size(); ++length)
        EXPECT_EQ(decode_frame(View(bytes).first(length), 60).fault, FrameFault::incomplete) << length;
}

TEST(Frame, WithAnyBitTurnedIsNoFrameOrWaitsForBytesThatNeverCome) {
    const Bytes good = encoded(head, pattern(20, 2));
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
        Bytes bad = good;
        bad[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
        EXPECT_NE(decode_frame(bad, 4096).fault, FrameFault::none) << bit;
    }
}

TEST(Frame, FaultsAreNamed) {
    const Bytes good = encoded(head, pattern(20, 2));
    const auto fault_with = [&](std::size_t at, unsigned char value) {
        Bytes bad = good;
        bad[at] = static_cast<std::byte>(value);
        return decode_frame(bad, 4096).fault;
    };
    EXPECT_EQ(fault_with(0, 'x'), FrameFault::not_a_frame);
    EXPECT_EQ(fault_with(2, 2), FrameFault::version);
    EXPECT_EQ(fault_with(3, 0), FrameFault::kind);
    EXPECT_EQ(fault_with(3, 6), FrameFault::kind);
    EXPECT_EQ(fault_with(7, 0xFF), FrameFault::length);
    EXPECT_EQ(fault_with(39, 0), FrameFault::checksum);
    EXPECT_EQ(decode_frame(good, 19).fault, FrameFault::length);
}

TEST(Frame, RandomBytesAreNeverOneAndAreNeverReadPastTheirEnd) {
    std::mt19937_64 dice(4);
    for (int times = 0; times < 100'000; ++times) {
        const std::size_t length = dice() % 64;
        Bytes bytes = pattern(length, dice());
        for (std::size_t i = 0; i < std::min<std::size_t>(dice() % 5, length); ++i)
            bytes[i] = static_cast<std::byte>("uM\1\2"[i]);
        // A copy of its exact size, so that a read past it is found by the address sanitizer.
        const auto exact = std::make_unique<std::byte[]>(length);
        std::copy(bytes.begin(), bytes.end(), exact.get());
        EXPECT_NE(decode_frame(View(exact.get(), length), 4096).fault, FrameFault::none);
    }
}

}  // namespace
}  // namespace umach::transport::test
