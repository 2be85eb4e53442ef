// SPDX-License-Identifier: BSL-1.0
// Sections, as C++ programs share them; and data that is in line or out of line by its size.
#include <gtest/gtest.h>

#include <umach/umach.hpp>

#include <algorithm>
#include <numeric>

namespace umach::test {
namespace {

class SectionOf : public ::testing::Test {
protected:
    Message there_and_back(MessageWriter& message) {
        port_.send(message, WhenFull::never_wait()).value();
        return port_.receive(WhenEmpty::never_wait()).value();
    }
    ReceiveRight port_ = ReceiveRight::allocate().value();
};

TEST_F(SectionOf, ZerosIsSeenTheSameThroughEveryViewAndOutlivedByThem) {
    View one;
    ReadOnlyView other;
    {
        const Section section = Section::create(10'000).value();
        EXPECT_EQ(section.size(), 12'288U);
        EXPECT_TRUE(section.writable());
        one = section.map().value();
        other = section.map_read_only().value();
    }
    EXPECT_EQ(one.size(), 12'288U);
    EXPECT_TRUE(std::all_of(other.bytes().begin(), other.bytes().end(), [](std::byte byte) { return byte == std::byte{0}; }));
    std::iota(one.as<int>().begin(), one.as<int>().end(), 1);
    EXPECT_EQ(other.as<int>().back(), 3'072);
    EXPECT_NE(static_cast<const void*>(one.data()), other.data());
    const auto address = reinterpret_cast<vm_address_t>(one.data());
    one.reset();
    EXPECT_FALSE(one);
    EXPECT_EQ(vm_deallocate(task_self(), address, 1), KERN_INVALID_ADDRESS);
    EXPECT_EQ(other.as<int>().front(), 1);
}

TEST_F(SectionOf, ARightThatTravelledIsTheSameMemoryAndOneToReadOnlyMapsNoMore) {
    const Section section = Section::create(1).value();
    const View mine = section.map().value();
    Section shown = section.read_only().value();
    MessageWriter message;
    message.move(shown.right());
    Message got = there_and_back(message);
    EXPECT_FALSE(shown);
    const Section arrived = Section::of(got.reader().get<SendRight>().value()).value();
    EXPECT_FALSE(arrived.writable());
    EXPECT_EQ(arrived.map().code(), KERN_PROTECTION_FAILURE);
    const ReadOnlyView its = arrived.map_read_only().value();
    mine.bytes()[5] = std::byte{9};
    EXPECT_EQ(its.bytes()[5], std::byte{9});
}

TEST_F(SectionOf, ACopyOfOneToReadOnlyIsWrittenToAndTheSectionStaysAsItIs) {
    const Section section = Section::create(1).value();
    const View mine = section.map().value();
    mine.bytes()[5] = std::byte{9};
    const View copy = section.read_only().value().map_copy().value();
    EXPECT_EQ(copy.bytes()[5], std::byte{9});
    copy.bytes()[5] = std::byte{1};
    EXPECT_EQ(mine.bytes()[5], std::byte{9});
}

TEST_F(SectionOf, ARightToSomethingElseIsRefusedAndReleased) {
    EXPECT_EQ(Section::of(port_.make_send().value()).code(), KERN_INVALID_ARGUMENT);
    EXPECT_EQ(Section::create(0).code(), KERN_INVALID_ARGUMENT);
    EXPECT_FALSE(Section());
}

TEST_F(SectionOf, NumbersAreInLineIfFewAndOutOfLineIfMany) {
    const std::vector<int> few{1, 2, 3};
    std::vector<double> many(5'000);
    std::iota(many.begin(), many.end(), 0.5);
    MessageWriter message;
    message.put_data(few);
    message.put_data(many);
    EXPECT_LT(message.size(), 100U);
    Message got = there_and_back(message);
    MessageReader in = got.reader();
    EXPECT_FALSE(in.peek().value().out_of_line);
    EXPECT_EQ(in.get<std::vector<int>>().value(), few);
    EXPECT_TRUE(in.peek().value().out_of_line);
    EXPECT_EQ(in.get<std::vector<double>>().value(), many);
}

}  // namespace
}  // namespace umach::test
