// SPDX-License-Identifier: BSL-1.0
// MessageReader against what a writer wrote, and against bodies that lie. No kernel.
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>

#include "crafted.hpp"

namespace umach::test {
namespace {

struct Point {
    int x;
    double y;
};

TEST(Reader, EveryKindOfItemComesOutAsItWentIn) {
    MessageWriter writer;
    const std::array<std::int32_t, 3> numbers{1, -2, 3};
    writer.put(std::int16_t{-5});
    writer.put(true);
    writer.put(2.5);
    writer.put("forty-two");
    writer.put_array(numbers);
    writer.put_struct(Point{7, 0.5});
    Message message = received(writer);
    MessageReader reader = message.reader();
    EXPECT_EQ(reader.get<std::int16_t>().value(), -5);
    EXPECT_TRUE(reader.get<bool>().value());
    EXPECT_EQ(reader.get<double>().value(), 2.5);
    EXPECT_EQ(reader.get<std::string>().value(), "forty-two");
    EXPECT_EQ(reader.get<std::vector<std::int32_t>>().value(), std::vector<std::int32_t>({1, -2, 3}));
    EXPECT_EQ(reader.get_struct<Point>().value().x, 7);
    EXPECT_TRUE(reader.at_end());
}

TEST(Reader, EmptyBodyHasNothingToGet) {
    Message message = received(std::vector<std::byte>());
    EXPECT_EQ(message.reader().get<int>().code(), MIG_TYPE_ERROR);
    EXPECT_TRUE(message.reader().at_end());
}

TEST(Reader, WrongTypeIsTypeErrorAndTheReaderStays) {
    MessageWriter writer;
    writer.put(5);
    Message message = received(writer);
    MessageReader reader = message.reader();
    EXPECT_EQ(reader.get<std::int64_t>().code(), MIG_TYPE_ERROR);
    EXPECT_EQ(reader.get<std::string>().code(), MIG_TYPE_ERROR);
    EXPECT_EQ(reader.get<int>().value(), 5);
}

TEST(Reader, ArrayIsNotTakenForOneNumber) {
    MessageWriter writer;
    const std::array<int, 2> two{1, 2};
    writer.put_array(two);
    Message message = received(writer);
    EXPECT_EQ(message.reader().get<int>().code(), MIG_TYPE_ERROR);
}

TEST(Reader, StructureOfAnotherSizeIsTypeError) {
    MessageWriter writer;
    writer.put_struct(Point{1, 2});
    Message message = received(writer);
    EXPECT_EQ(message.reader().get_struct<int>().code(), MIG_TYPE_ERROR);
}

TEST(Reader, ItemThatRunsPastTheEndIsTypeError) {
    Message message = received(body_of(short_descriptor(MSG_TYPE_BYTE, 8, 100), 96));
    EXPECT_EQ(message.reader().get_bytes().code(), MIG_TYPE_ERROR);
}

TEST(Reader, DescriptorCutOffIsTypeError) {
    Message message = received(std::vector<std::byte>(2));
    EXPECT_EQ(message.reader().peek().code(), MIG_TYPE_ERROR);
}

TEST(Reader, LongDescriptorCutOffIsTypeError) {
    msg_type_t descriptor = short_descriptor(0, 0, 0);
    descriptor.msg_type_longform = 1;
    Message message = received(body_of(descriptor, 4));
    EXPECT_EQ(message.reader().peek().code(), MIG_TYPE_ERROR);
}

TEST(Reader, HugeNumberOfHugeElementsIsTypeErrorAndDoesNotWrap) {
    msg_type_long_t descriptor{};
    descriptor.msg_type_header.msg_type_inline = 1;
    descriptor.msg_type_header.msg_type_longform = 1;
    descriptor.msg_type_long_name = MSG_TYPE_BYTE;
    descriptor.msg_type_long_size = 0xffff;
    descriptor.msg_type_long_number = 0xffffffff;
    std::vector<std::byte> body;
    append(body, &descriptor, sizeof descriptor);
    Message message = received(body);
    EXPECT_EQ(message.reader().peek().code(), MIG_TYPE_ERROR);
}

TEST(Reader, OutOfLineItemIsTypeErrorAndItsPointerIsNotFollowed) {
    msg_type_t descriptor = short_descriptor(MSG_TYPE_BYTE, 8, 4);
    descriptor.msg_type_inline = 0;
    Message message = received(body_of(descriptor, 16));
    EXPECT_EQ(message.reader().get_bytes().code(), MIG_TYPE_ERROR);
}

TEST(Reader, RightInAMessageTheKernelDidNotLookIntoIsNone) {
    std::vector<std::byte> body = body_of(short_descriptor(MSG_TYPE_PORT, 32, 1), 4);
    body[4] = std::byte{7};  // a name that the sender made up
    Message message = received(body);
    EXPECT_EQ(message.reader().get<SendRight>().code(), MIG_TYPE_ERROR);
}

TEST(Reader, NullRightComesOutEmpty) {
    Message message = received(body_of(short_descriptor(MSG_TYPE_PORT, 32, 1), 4), false);
    const Result<SendRight> right = message.reader().get<SendRight>();
    ASSERT_TRUE(right);
    EXPECT_FALSE(*right);
}

TEST(Reader, DeadRightComesOutEmpty) {
    std::vector<std::byte> body = body_of(short_descriptor(MSG_TYPE_PORT, 32, 1), 4);
    std::fill(body.begin() + 4, body.end(), std::byte{0xff});
    Message message = received(body, false);
    const Result<SendRight> right = message.reader().get<SendRight>();
    ASSERT_TRUE(right);
    EXPECT_FALSE(*right);
}

TEST(Reader, RightOfAnotherKindIsTypeError) {
    Message message = received(body_of(short_descriptor(MSG_TYPE_PORT, 32, 1), 4), false);
    EXPECT_EQ(message.reader().get<ReceiveRight>().code(), MIG_TYPE_ERROR);
    EXPECT_EQ(message.reader().get<SendOnceRight>().code(), MIG_TYPE_ERROR);
}

TEST(Reader, TextWithoutFinalZeroEndsWithItsItem) {
    std::vector<std::byte> body = body_of(short_descriptor(MSG_TYPE_CHAR, 8, 4), 0);
    append(body, "abcd", 4);
    append(body, "efgh", 4);
    Message message = received(body);
    EXPECT_EQ(message.reader().get<std::string>().value(), "abcd");
}

TEST(Reader, ImpossibleSizeIsCutToTheBuffer) {
    auto buffer = std::make_unique<MessageBuffer>();
    buffer->header.msg_size = 0xffffffff;
    buffer->header.msg_simple = TRUE;
    const Message message(std::move(buffer));
    EXPECT_EQ(message.body().size(), MSG_SIZE_MAX - sizeof(msg_header_t));
}

TEST(Reader, EmptyTextAndEmptyArrayAreItems) {
    MessageWriter writer;
    writer.put("");
    writer.put(std::span<const std::byte>());
    Message message = received(writer);
    MessageReader reader = message.reader();
    EXPECT_EQ(reader.get<std::string>().value(), "");
    EXPECT_EQ(reader.get_bytes().value().size(), 0U);
    EXPECT_TRUE(reader.at_end());
}

TEST(Reader, RandomBodiesAreReadToTheirEndOrRefusedButNeverPassed) {
    std::mt19937 random(1986);
    for (int round = 0; round < 20000; ++round) {
        std::vector<std::byte> body(random() % 64);
        for (auto& byte : body) byte = static_cast<std::byte>(random());
        Message message = received(body);
        MessageReader reader = message.reader();
        while (!reader.at_end()) {
            const std::size_t before = reader.offset();
            const Result<Item> item = reader.peek();
            if (!item) break;
            ASSERT_LE(item->data + item->bytes, body.size());
            ASSERT_TRUE(reader.skip());
            ASSERT_GT(reader.offset(), before);
        }
    }
}

}  // namespace
}  // namespace umach::test
