// SPDX-License-Identifier: BSL-1.0
// MessageWriter at its bounds, without a kernel: what it writes, and what it refuses.
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "crafted.hpp"

namespace umach::test {
namespace {

constexpr std::size_t body_room = MSG_SIZE_MAX - sizeof(msg_header_t);

msg_type_t first_descriptor(const MessageWriter& writer) {
    msg_type_t descriptor{};
    std::memcpy(&descriptor, writer.body().data(), sizeof descriptor);
    return descriptor;
}

TEST(Writer, NewMessageIsAHeaderAndNothingElse) {
    const MessageWriter writer(42);
    EXPECT_EQ(writer.size(), sizeof(msg_header_t));
    EXPECT_EQ(writer.id(), 42);
    EXPECT_TRUE(writer.status().ok());
}

TEST(Writer, NumberIsOneShortDescriptorWithItsDataBehindIt) {
    MessageWriter writer;
    ASSERT_TRUE(writer.put(std::int32_t{-7}));
    const msg_type_t descriptor = first_descriptor(writer);
    EXPECT_EQ(descriptor.msg_type_name, static_cast<unsigned>(MSG_TYPE_INTEGER_32));
    EXPECT_EQ(descriptor.msg_type_size, 32U);
    EXPECT_EQ(descriptor.msg_type_number, 1U);
    EXPECT_EQ(descriptor.msg_type_inline, 1U);
    EXPECT_EQ(descriptor.msg_type_longform, 0U);
    std::int32_t value = 0;
    std::memcpy(&value, writer.body().data() + sizeof descriptor, sizeof value);
    EXPECT_EQ(value, -7);
}

TEST(Writer, SixtyFourBitNumberStandsFourBytesBehindItsDescriptor) {
    MessageWriter writer;
    ASSERT_TRUE(writer.put(std::uint64_t{1} << 40));
    EXPECT_EQ(writer.body().size(), 4U + 8U);
}

TEST(Writer, DataIsPaddedToFourWithZeros) {
    MessageWriter writer;
    ASSERT_TRUE(writer.put(char{'x'}));
    ASSERT_EQ(writer.body().size(), 8U);
    EXPECT_EQ(writer.body()[4], std::byte{'x'});
    for (std::size_t i = 5; i < 8; ++i) EXPECT_EQ(writer.body()[i], std::byte{0}) << i;
}

TEST(Writer, ArrayOf4096ElementsTakesALongDescriptor) {
    MessageWriter writer;
    const std::vector<std::byte> bytes(4096, std::byte{1});
    ASSERT_TRUE(writer.put(std::span<const std::byte>(bytes)));
    EXPECT_EQ(first_descriptor(writer).msg_type_longform, 1U);
    EXPECT_EQ(writer.body().size(), sizeof(msg_type_long_t) + 4096U);
}

TEST(Writer, BytesThatFillTheMessageExactlyAreAccepted) {
    MessageWriter writer;
    const std::vector<std::byte> bytes(body_room - sizeof(msg_type_long_t));
    ASSERT_TRUE(writer.put(std::span<const std::byte>(bytes)));
    EXPECT_EQ(writer.size(), static_cast<std::size_t>(MSG_SIZE_MAX));
}

TEST(Writer, OneByteTooManyIsMsgTooLargeAndLeavesTheMessageAsItWas) {
    MessageWriter writer;
    ASSERT_TRUE(writer.put(1));
    const std::size_t before = writer.size();
    const std::vector<std::byte> bytes(body_room - sizeof(msg_type_long_t) - 8 + 1);
    EXPECT_EQ(writer.put(std::span<const std::byte>(bytes)).code(), SEND_MSG_TOO_LARGE);
    EXPECT_EQ(writer.size(), before);
}

TEST(Writer, FirstRefusalStaysAndRefusesWhatWouldFit) {
    MessageWriter writer;
    EXPECT_EQ(writer.put(std::string(2 * MSG_SIZE_MAX, 'x')).code(), SEND_MSG_TOO_LARGE);
    EXPECT_EQ(writer.put(1).code(), SEND_MSG_TOO_LARGE);
    EXPECT_EQ(writer.size(), sizeof(msg_header_t));
}

TEST(Writer, RefusedMessageIsNotSent) {
    MessageWriter writer;
    writer.put(std::string(2 * MSG_SIZE_MAX, 'x'));
    EXPECT_EQ(writer.send_to(PortName()).code(), SEND_MSG_TOO_LARGE);
}

TEST(Writer, ClearForgetsItemsAndRefusal) {
    MessageWriter writer(1);
    writer.put(std::string(2 * MSG_SIZE_MAX, 'x'));
    writer.clear(2);
    EXPECT_TRUE(writer.put(5));
    EXPECT_EQ(writer.id(), 2);
    EXPECT_EQ(writer.size(), sizeof(msg_header_t) + 8);
}

TEST(Writer, SixtyFourRightsFitAndTheSixtyFifthIsRefused) {
    MessageWriter writer;
    for (int i = 0; i < MSG_RIGHTS_MAX; ++i) ASSERT_TRUE(writer.copy(PortName())) << i;
    EXPECT_EQ(writer.copy(PortName()).code(), SEND_MSG_TOO_LARGE);
}

TEST(Writer, ArrayCountsEachOfItsRights) {
    MessageWriter writer;
    const std::vector<PortName> names(MSG_RIGHTS_MAX);
    ASSERT_TRUE(writer.copy_array(names));
    EXPECT_EQ(writer.copy(PortName()).code(), SEND_MSG_TOO_LARGE);
}

TEST(Writer, FillsUpWithManySmallItemsWithoutPassingTheEnd) {
    MessageWriter writer;
    std::size_t items = 0;
    while (writer.put(std::int16_t{1})) ++items;
    EXPECT_EQ(items, body_room / 8);
    EXPECT_LE(writer.size(), static_cast<std::size_t>(MSG_SIZE_MAX));
}

}  // namespace
}  // namespace umach::test
