// SPDX-License-Identifier: BSL-1.0
// Memory in messages, as C++ programs write and read it.
#include <gtest/gtest.h>

#include <umach/umach.hpp>

#include <algorithm>
#include <numeric>
#include <string>

namespace umach::test {
namespace {

class RegionOf : public ::testing::Test {
protected:
    Result<Message> there_and_back(MessageWriter& message) {
        Result<Sent> sent = port_.send(message, WhenFull::never_wait());
        if (!sent) {
            return sent.error();
        }
        return port_.receive(WhenEmpty::never_wait());
    }
    static Region numbers(std::size_t number) {
        Region region = Region::for_overwrite(number * sizeof(int)).value();
        std::iota(region.as<int>().begin(), region.as<int>().end(), 1);
        return region;
    }
    ReceiveRight port_ = ReceiveRight::allocate().value();
};

TEST_F(RegionOf, ZerosIsAllocatedAndGivenBackAtItsEnd) {
    vm_address_t address = 0;
    {
        const Region region = Region::allocate(10'000).value();
        EXPECT_EQ(region.size(), 10'000U);
        EXPECT_TRUE(std::all_of(region.bytes().begin(), region.bytes().end(), [](std::byte byte) { return byte == std::byte{0}; }));
        address = reinterpret_cast<vm_address_t>(region.data());
    }
    EXPECT_EQ(vm_deallocate(task_self(), address, 10'000), KERN_INVALID_ADDRESS);
}

TEST_F(RegionOf, NumbersMovesInAMessageAndIsReadWhereItIs) {
    Region region = numbers(100'000);
    const std::byte* at = region.data();
    MessageWriter message(5);
    EXPECT_TRUE(message.move(std::move(region)));
    Message got = there_and_back(message).value();
    const Region arrived = got.reader().get_region().value();
    EXPECT_EQ(arrived.data(), at);
    EXPECT_EQ(arrived.as<int>()[99'999], 100'000);
}

TEST_F(RegionOf, AMessageThatIsNotSentStaysInTheWriterAndEndsWithIt) {
    Region region = numbers(5'000);
    const auto address = reinterpret_cast<vm_address_t>(region.data());
    {
        MessageWriter message;
        message.move(std::move(region));
        EXPECT_EQ(SendRight().send(message, WhenFull::never_wait()).code(), SEND_INVALID_PORT);
        Message got = there_and_back(message).value();
        EXPECT_EQ(got.reader().get<std::vector<std::byte>>().value().size(), 20'000U);
    }
    EXPECT_EQ(vm_deallocate(task_self(), address, 20'000), KERN_INVALID_ADDRESS);
}

TEST_F(RegionOf, DataOfAnySizeIsPutAndReadByTheSameCalls) {
    for (const std::size_t bytes : {std::size_t{0}, std::size_t{10}, MessageWriter::most_in_line, MessageWriter::most_in_line + 1,
                                    std::size_t{3'000'000}}) {
        const std::string text(bytes, 'x');
        MessageWriter message;
        message.put(1);
        message.put_data(text);
        message.put(2);
        Message got = there_and_back(message).value();
        MessageReader reader = got.reader();
        EXPECT_EQ(reader.get<int>().value(), 1);
        const Result<Item> item = reader.peek();
        EXPECT_EQ(item->out_of_line, bytes > MessageWriter::most_in_line);
        const auto read = reader.get_bytes().value();
        EXPECT_TRUE(std::ranges::equal(read, std::as_bytes(std::span(text))));
        EXPECT_EQ(reader.get<int>().value(), 2);
        EXPECT_TRUE(reader.at_end());
    }
}

TEST_F(RegionOf, AMessageGivesBackWhatNobodyTook) {
    for (int round = 0; round < 2'000; ++round) {   // the quota would end sooner
        MessageWriter message;
        message.put_data(std::string(5'000'000 / 1'000, 'y'));
        message.move(Region::allocate(4u << 20).value());
        Message got = there_and_back(message).value();
        EXPECT_TRUE(got.carries_rights());
    }
}

TEST_F(RegionOf, BytesThatCameInLineIsACopy) {
    MessageWriter message;
    message.put_data("few");
    Message got = there_and_back(message).value();
    EXPECT_EQ(got.reader().get_region().value().size(), 3U);
}

TEST_F(RegionOf, AForgedPointerInASimpleMessageIsNotFollowed) {
    MessageBuffer buffer{};
    buffer.header.msg_simple = TRUE;
    buffer.header.msg_size = sizeof(msg_header_t) + 16;
    buffer.header.msg_remote_port = port_.name();
    std::byte* body = buffer.body.data();
    detail::write_pointer(body, body + 16, MSG_TYPE_BYTE, 8, 100, body, false);
    buffer.header.msg_size = sizeof(msg_header_t) + 24;
    ASSERT_EQ(msg_send(&buffer.header, SEND_TIMEOUT, 0), SEND_SUCCESS);
    Message got = port_.receive(WhenEmpty::never_wait()).value();
    EXPECT_EQ(got.reader().get_bytes().code(), MIG_TYPE_ERROR);
    EXPECT_EQ(got.reader().get_region().code(), MIG_TYPE_ERROR);
}

TEST_F(RegionOf, AnArrayOfRightsOutOfLineIsReadAsRights) {
    std::array<port_t, 3> names{};
    std::array<ReceiveRight, 3> ports;
    for (std::size_t i = 0; i < 3; ++i) {
        ports[i] = ReceiveRight::allocate().value();
        names[i] = ports[i].name();
    }
    MessageBuffer buffer{};
    buffer.header.msg_size = sizeof(msg_header_t) + 24;
    buffer.header.msg_remote_port = port_.name();
    std::byte* body = buffer.body.data();
    detail::write_pointer(body, body + 16, MSG_TYPE_PORT, 32, 3, names.data(), false);
    ASSERT_EQ(msg_send(&buffer.header, SEND_TIMEOUT, 0), SEND_SUCCESS);
    Message got = port_.receive(WhenEmpty::never_wait()).value();
    const auto rights = got.reader().get<std::vector<SendRight>>().value();
    ASSERT_EQ(rights.size(), 3U);
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(rights[i].name(), ports[i].name());
    }
}

}  // namespace
}  // namespace umach::test
