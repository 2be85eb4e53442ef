// SPDX-License-Identifier: BSL-1.0
// Sending and receiving through the C++ API: the four policies, and what becomes of the rights in a message.
#include <gtest/gtest.h>

#include <thread>

#include <umach/umach.hpp>

#include "names_held.hpp"

namespace umach::test {
namespace {

using std::chrono::milliseconds;

class Send : public ::testing::Test {
protected:
    void fill() {
        MessageWriter message;
        for (int i = 0; i < PORT_BACKLOG_DEFAULT; ++i) port_.send(message, WhenFull::never_wait()).value();
    }
    void drain() {
        while (port_.receive(WhenEmpty::never_wait())) {
        }
    }
    Message next() { return port_.receive(WhenEmpty::never_wait()).value(); }

    ReceiveRight port_ = ReceiveRight::allocate().value();
    ReceiveRight other_ = ReceiveRight::allocate().value();
};

TEST_F(Send, ItemsArriveInOrderWithTheirId) {
    MessageWriter message(7);
    message.put(12);
    message.put("text");
    EXPECT_EQ(port_.send(message).value(), Sent::queued);
    Message received = next();
    MessageReader reader = received.reader();
    EXPECT_EQ(received.id(), 7);
    EXPECT_EQ(received.arrived_at(), PortName(port_));
    EXPECT_EQ(reader.get<int>().value(), 12);
    EXPECT_EQ(reader.get<std::string>().value(), "text");
    EXPECT_TRUE(reader.at_end());
}

TEST_F(Send, LargestMessageArrivesWhole) {
    MessageWriter message;
    const std::vector<std::byte> bytes(MSG_SIZE_MAX - sizeof(msg_header_t) - sizeof(msg_type_long_t),
                                       std::byte{5});
    ASSERT_TRUE(message.put(std::span<const std::byte>(bytes)));
    port_.send(message).value();
    Message received = next();
    EXPECT_EQ(received.size(), static_cast<std::size_t>(MSG_SIZE_MAX));
    const auto arrived = received.reader().get_bytes().value();
    EXPECT_TRUE(std::equal(arrived.begin(), arrived.end(), bytes.begin(), bytes.end()));
}

TEST_F(Send, EmptyMailboxTimesOut) {
    EXPECT_EQ(port_.receive(WhenEmpty::never_wait()).code(), RCV_TIMED_OUT);
    EXPECT_EQ(port_.receive(WhenEmpty::wait_for(milliseconds(5))).code(), RCV_TIMED_OUT);
}

TEST_F(Send, NinthMessageNeverWaitingTimesOut) {
    fill();
    MessageWriter ninth;
    EXPECT_EQ(port_.send(ninth, WhenFull::never_wait()).code(), SEND_TIMED_OUT);
    EXPECT_EQ(port_.waiting_messages().value(), PORT_BACKLOG_DEFAULT);
}

TEST_F(Send, NinthMessageWaitingATimeTimesOutNotBeforeIt) {
    fill();
    MessageWriter ninth;
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(port_.send(ninth, WhenFull::wait_for(milliseconds(20))).code(), SEND_TIMED_OUT);
    EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(20));
}

TEST_F(Send, NinthMessageWaitingIsQueuedWhenOneIsReceived) {
    fill();
    Result<Sent> sent = Error(KERN_FAILURE);
    std::thread sender([&] {
        MessageWriter ninth(9);
        sent = port_.send(ninth, WhenFull::wait());
    });
    for (int i = 0; i < PORT_BACKLOG_DEFAULT; ++i) EXPECT_EQ(port_.receive().value().id(), 0);
    EXPECT_EQ(port_.receive().value().id(), 9);
    sender.join();
    EXPECT_EQ(sent.value(), Sent::queued);
}

TEST_F(Send, NinthMessageNotifyingIsKeptAndItsAcceptanceIsTold) {
    fill();
    MessageWriter ninth(9);
    MessageWriter tenth(10);
    EXPECT_EQ(port_.send(ninth, WhenFull::notify()).value(), Sent::kept);
    EXPECT_EQ(port_.send(tenth, WhenFull::notify()).code(), SEND_NOTIFY_IN_PROGRESS);
    next();
    const Notification told = receive_notification(WhenEmpty::wait_for(milliseconds(10000))).value();
    ASSERT_TRUE(std::holds_alternative<MessageAccepted>(told));
    EXPECT_EQ(std::get<MessageAccepted>(told).name, port_.name());
}

TEST_F(Send, MovedRightStaysWithItsObjectUntilASendSucceeds) {
    const ReceiveRight home = ReceiveRight::allocate().value();
    SendRight right = home.make_send().value();
    MessageWriter message;
    ASSERT_TRUE(message.move(right));
    fill();
    EXPECT_FALSE(port_.send(message, WhenFull::never_wait()));
    EXPECT_EQ(right.name(), home.name());
    drain();
    EXPECT_TRUE(port_.send(message, WhenFull::never_wait()));
    EXPECT_FALSE(right);
    EXPECT_EQ(next().reader().get<SendRight>().value().name(), home.name());
}

TEST_F(Send, RightMovedIntoTheWriterSurvivesAFailedSend) {
    const ReceiveRight home = ReceiveRight::allocate().value();
    MessageWriter message;
    ASSERT_TRUE(message.move(home.make_send().value()));
    fill();
    EXPECT_FALSE(port_.send(message, WhenFull::never_wait()));
    drain();
    EXPECT_TRUE(port_.send(message, WhenFull::never_wait()));
    EXPECT_EQ(next().reader().get<SendRight>().value().name(), home.name());
}

TEST_F(Send, RightsOfAnUnsentWriterEndWithIt) {
    const auto before = names_held();
    {
        MessageWriter message;
        message.move(ReceiveRight::allocate().value());
    }
    EXPECT_EQ(names_held(), before);
}

TEST_F(Send, RightsThatNobodyReadsEndWithTheirMessage) {
    const auto before = names_held();
    MessageWriter message;
    message.move(ReceiveRight::allocate().value());
    message.move_array([] {
        std::vector<SendRight> rights;
        rights.push_back(ReceiveRight::allocate().value().make_send().value());
        return rights;
    }());
    message.make_send_once(other_);
    message.reply_to(other_);
    port_.send(message).value();
    { const Message unread = next(); }
    EXPECT_EQ(names_held(), before);
}

TEST_F(Send, RightThatWasReadOutlivesItsMessage) {
    MessageWriter message;
    message.move(ReceiveRight::allocate().value());
    port_.send(message).value();
    const ReceiveRight moved = next().reader().get<ReceiveRight>().value();
    EXPECT_EQ(type_of(moved.name()), PORT_TYPE_RECEIVE_OWN);
}

TEST_F(Send, MovedReceiveRightTakesItsQueueAlongAndLeavesNoSendRight) {
    MessageWriter inside(5);
    other_.send(inside).value();
    const port_t name = other_.name();
    MessageWriter message;
    message.move(other_);
    port_.send(message).value();
    EXPECT_FALSE(other_);
    EXPECT_EQ(type_of(name), PORT_TYPE_NONE);
    const ReceiveRight moved = next().reader().get<ReceiveRight>().value();
    EXPECT_EQ(moved.receive(WhenEmpty::never_wait()).value().id(), 5);
}

TEST_F(Send, SendRightsOfTheSenderStayWhenItsReceiveRightMoves) {
    const SendRight kept = other_.make_send().value();
    MessageWriter message;
    message.move(other_);
    port_.send(message).value();
    EXPECT_EQ(type_of(kept.name()), PORT_TYPE_SEND);
}

TEST_F(Send, CopiedRightStaysAndArrives) {
    const SendRight right = other_.make_send().value();
    MessageWriter message;
    message.copy(right);
    message.make_send(other_);
    port_.send(message).value();
    Message received = next();
    MessageReader reader = received.reader();
    EXPECT_EQ(reader.get<SendRight>().value().name(), other_.name());
    EXPECT_EQ(reader.get<SendRight>().value().name(), other_.name());
    EXPECT_TRUE(right);
}

TEST_F(Send, SendOnceRightSendsOnce) {
    MessageWriter message;
    message.make_send_once(other_);
    port_.send(message).value();
    SendOnceRight once = next().reader().get<SendOnceRight>().value();
    EXPECT_EQ(type_of(once.name()), PORT_TYPE_SEND_ONCE);
    MessageWriter used(3);
    EXPECT_TRUE(once.send(used));
    EXPECT_FALSE(once);
    EXPECT_EQ(once.send(used).code(), SEND_INVALID_PORT);
    EXPECT_EQ(other_.receive(WhenEmpty::never_wait()).value().id(), 3);
}

TEST_F(Send, OwnershipTravelsApartFromReceive) {
    MessageWriter message;
    message.move(Ownership::of(other_));
    port_.send(message).value();
    EXPECT_EQ(type_of(other_.name()), PORT_TYPE_RECEIVE);
    const Ownership back = next().reader().get<Ownership>().value();
    EXPECT_EQ(type_of(other_.name()), PORT_TYPE_RECEIVE_OWN);
    EXPECT_EQ(back.name(), other_.name());
}

TEST_F(Send, LentReceiveRightArrivesWithoutItsOwnership) {
    const Ownership kept = Ownership::of(other_);
    MessageWriter message;
    ASSERT_TRUE(message.lend(other_));
    port_.send(message).value();
    EXPECT_FALSE(other_);
    EXPECT_EQ(type_of(kept.name()), PORT_TYPE_OWN);
    const ReceiveRight back = next().reader().get<ReceiveRight>().value();
    EXPECT_EQ(back.name(), kept.name());
}

TEST_F(Send, ArrayOfRightsArrivesAsAnArray) {
    const std::vector<PortName> names{other_, PortName(), other_};
    MessageWriter message;
    message.copy_array(names);
    port_.send(message).value();
    const auto rights = next().reader().get<std::vector<SendRight>>().value();
    ASSERT_EQ(rights.size(), 3U);
    EXPECT_EQ(rights[0].name(), other_.name());
    EXPECT_FALSE(rights[1]);
    EXPECT_EQ(rights[2].name(), other_.name());
}

TEST_F(Send, ReplyGoesToThePortThatTheSenderNamed) {
    MessageWriter question(1);
    question.reply_to(other_);
    port_.send(question).value();
    MessageWriter answer(2);
    Message received = next();
    ASSERT_TRUE(received.has_reply_right());
    EXPECT_TRUE(received.reply(answer));
    EXPECT_FALSE(received.has_reply_right());
    EXPECT_EQ(other_.receive(WhenEmpty::never_wait()).value().id(), 2);
}

TEST_F(Send, ReplyWithoutAReplyRightIsInvalidPort) {
    MessageWriter question(1);
    port_.send(question).value();
    MessageWriter answer(2);
    EXPECT_EQ(next().reply(answer).code(), SEND_INVALID_PORT);
}

TEST_F(Send, ReceiveWhileSendersEndsWhenNobodyElseCanSend) {
    EXPECT_EQ(port_.receive(WhenEmpty::wait().while_senders()).code(), RCV_ONLY_SENDER);
}

}  // namespace
}  // namespace umach::test
