// SPDX-License-Identifier: BSL-1.0
// The queue's depth, and the four policies when it is full.
#include "parties.hpp"

namespace umach::tests {
namespace {

UMACH_SUITE(Backlog);

TEST_F(Backlog, ANewPortHasABacklogOf8) {
    const Port port;
    EXPECT_EQ(8, status_of(port).backlog);
    EXPECT_EQ(8, PORT_BACKLOG_DEFAULT);
    EXPECT_EQ(8, PORT_BACKLOG_MAX);
}

TEST_F(Backlog, EightMessagesEnterTheQueueAndStandInOrder) {
    const Port port;
    fill(port);
    EXPECT_EQ(8, waiting_at(port));
    EXPECT_EQ((std::vector<int>{100, 101, 102, 103, 104, 105, 106, 107}), all_ids(port));
}

TEST_F(Backlog, NinthSendWithZeroTimeoutTimesOutAndTakesNothing) {
    const Port port;
    const Port carried;
    fill(port);
    const auto before = names_of();
    EXPECT_EQ(SEND_TIMED_OUT, Letter(port).item(MSG_TYPE_PORT_ALL, {carried}, true).send(SEND_TIMEOUT, 0));
    EXPECT_EQ(before, names_of());
    EXPECT_EQ(8, waiting_at(port));
}

TEST_F(Backlog, NinthSendWithATimeoutWaitsAtLeastThatLongAndTakesNothing) {
    const Port port;
    const Port carried;
    fill(port);
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(SEND_TIMED_OUT, Letter(port).item(MSG_TYPE_PORT_ALL, {carried}, true).send(SEND_TIMEOUT, 30));
    EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(30));
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(carried));
    EXPECT_EQ(8, waiting_at(port));
}

TEST_F(Backlog, ATimeoutWithoutItsOptionIsIgnored) {
    const Port port;
    fill(port);
    Party sender([&] { return Letter(port, 7).send(MSG_OPTION_NONE, 1); });
    sender.asleep();
    EXPECT_EQ(100, next_id(port));
    EXPECT_EQ(SEND_SUCCESS, sender.result());
}

TEST_F(Backlog, NinthSendWithoutOptionWaitsUntilThereIsRoom) {
    const Port port;
    fill(port);
    Party sender([&] { return Letter(port, 7).send(MSG_OPTION_NONE); });
    sender.asleep();
    EXPECT_FALSE(sender.ended());
    EXPECT_EQ(8, waiting_at(port));
    EXPECT_EQ(100, next_id(port));
    EXPECT_EQ(SEND_SUCCESS, sender.result());
    EXPECT_EQ((std::vector<int>{101, 102, 103, 104, 105, 106, 107, 7}), all_ids(port));
}

TEST_F(Backlog, AWaitingSendWithATimeoutSucceedsWhenRoomComesInTime) {
    const Port port;
    fill(port);
    Party sender([&] { return Letter(port, 7).send(SEND_TIMEOUT, patience); });
    sender.asleep();
    EXPECT_EQ(100, next_id(port));
    EXPECT_EQ(SEND_SUCCESS, sender.result());
}

TEST_F(Backlog, AWaitingSendIsAdmittedBeforeItsThreadRuns) {
    const Port port;
    fill(port, 8);
    Party sender([&] { return Letter(port, 7).send(MSG_OPTION_NONE); });
    sender.asleep();
    EXPECT_EQ(100, next_id(port));
    EXPECT_EQ(8, waiting_at(port)) << "who makes room admits the head of the line itself";
}

TEST_F(Backlog, NinthSendWithNotifyIsKeptBesideTheQueue) {
    const Port port;
    fill(port);
    EXPECT_EQ(SEND_WILL_NOTIFY, Letter(port, 9).send(SEND_NOTIFY));
    EXPECT_EQ(8, waiting_at(port)) << "the queue never exceeds the backlog";
    EXPECT_FALSE(next_notice());
    EXPECT_EQ(100, next_id(port));
    EXPECT_TRUE(notified(NOTIFY_MSG_ACCEPTED, port));
    EXPECT_EQ((std::vector<int>{101, 102, 103, 104, 105, 106, 107, 9}), all_ids(port));
}

TEST_F(Backlog, SendWithNotifyToAQueueWithRoomIsAPlainSuccess) {
    const Port port;
    EXPECT_EQ(SEND_SUCCESS, Letter(port, 9).send(SEND_NOTIFY));
    EXPECT_EQ(9, next_id(port));
    EXPECT_FALSE(next_notice());
}

TEST_F(Backlog, TheNotificationComesWhenTheMessageEntersTheQueueNotWhenItIsReceived) {
    const Port port;
    fill(port);
    EXPECT_EQ(SEND_WILL_NOTIFY, Letter(port, 9).send(SEND_NOTIFY));
    EXPECT_EQ(KERN_SUCCESS, port_set_backlog(self_, port, 1));
    for (int i = 0; i < 7; ++i) EXPECT_EQ(100 + i, next_id(port));
    EXPECT_FALSE(next_notice());
    EXPECT_EQ(107, next_id(port));
    EXPECT_EQ(1, waiting_at(port));
    EXPECT_TRUE(notified(NOTIFY_MSG_ACCEPTED, port));
}

TEST_F(Backlog, TimeoutWithNotifyWaitsFirstThenKeeps) {
    const Port port;
    fill(port);
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(SEND_WILL_NOTIFY, Letter(port, 9).send(SEND_TIMEOUT | SEND_NOTIFY, 30));
    EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(30));
    EXPECT_EQ(100, next_id(port));
    EXPECT_TRUE(notified(NOTIFY_MSG_ACCEPTED, port));
}

TEST_F(Backlog, TimeoutWithNotifySucceedsPlainlyWhenRoomComesInTime) {
    const Port port;
    fill(port);
    Party sender([&] { return Letter(port, 9).send(SEND_TIMEOUT | SEND_NOTIFY, patience); });
    sender.asleep();
    EXPECT_EQ(100, next_id(port));
    EXPECT_EQ(SEND_SUCCESS, sender.result());
    EXPECT_FALSE(next_notice());
}

TEST_F(Backlog, TimeoutOfZeroWithNotifyKeepsAtOnce) {
    const Port port;
    fill(port);
    EXPECT_EQ(SEND_WILL_NOTIFY, Letter(port, 9).send(SEND_TIMEOUT | SEND_NOTIFY, 0));
    EXPECT_EQ(100, next_id(port));
    EXPECT_TRUE(notified(NOTIFY_MSG_ACCEPTED, port));
}

TEST_F(Backlog, ASecondKeptMessageOfTheSameThreadIsRefusedAndNotTaken) {
    const Port port;
    const Port carried;
    fill(port);
    EXPECT_EQ(SEND_WILL_NOTIFY, Letter(port, 9).send(SEND_NOTIFY));
    EXPECT_EQ(SEND_NOTIFY_IN_PROGRESS,
              Letter(port, 10).item(MSG_TYPE_PORT_ALL, {carried}, true).send(SEND_NOTIFY));
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(carried));
    EXPECT_EQ(100, next_id(port));
    EXPECT_TRUE(notified(NOTIFY_MSG_ACCEPTED, port));
    EXPECT_EQ((std::vector<int>{101, 102, 103, 104, 105, 106, 107, 9}), all_ids(port));
}

TEST_F(Backlog, ASecondKeptMessageOfTheSameThreadIsRefusedAtAnyPort) {
    const Port port;
    const Port other;
    fill(port);
    fill(other);
    EXPECT_EQ(SEND_WILL_NOTIFY, Letter(port, 9).send(SEND_NOTIFY));
    EXPECT_EQ(SEND_NOTIFY_IN_PROGRESS, Letter(other, 10).send(SEND_NOTIFY));
    EXPECT_EQ(100, next_id(port));
    EXPECT_TRUE(notified(NOTIFY_MSG_ACCEPTED, port));
}

TEST_F(Backlog, WhileAMessageIsKeptTheThreadMaySendWhereThereIsRoom) {
    const Port port;
    const Port other;
    fill(port);
    EXPECT_EQ(SEND_WILL_NOTIFY, Letter(port, 9).send(SEND_NOTIFY));
    EXPECT_EQ(SEND_SUCCESS, Letter(other, 10).send(SEND_NOTIFY));
    EXPECT_EQ(100, next_id(port));
    EXPECT_TRUE(notified(NOTIFY_MSG_ACCEPTED, port));
}

TEST_F(Backlog, AfterItsAdmissionTheThreadMayHaveAnotherMessageKept) {
    const Port port;
    fill(port);
    EXPECT_EQ(SEND_WILL_NOTIFY, Letter(port, 9).send(SEND_NOTIFY));
    EXPECT_EQ(100, next_id(port));
    EXPECT_TRUE(notified(NOTIFY_MSG_ACCEPTED, port));
    EXPECT_EQ(SEND_WILL_NOTIFY, Letter(port, 10).send(SEND_NOTIFY));
    EXPECT_EQ(101, next_id(port));
    EXPECT_TRUE(notified(NOTIFY_MSG_ACCEPTED, port));
}

TEST_F(Backlog, TwoThreadsOfOneTaskMayEachHaveAMessageKept) {
    const Port port;
    const Port go;
    fill(port);
    EXPECT_EQ(SEND_WILL_NOTIFY, Letter(port, 9).send(SEND_NOTIFY));
    Party other([&] {
        const int code = Letter(port, 10).send(SEND_NOTIFY);
        next_id(go, patience);
        return code;
    });
    other.asleep();
    EXPECT_EQ(8, waiting_at(port));
    EXPECT_EQ(100, next_id(port));
    EXPECT_EQ(101, next_id(port));
    EXPECT_TRUE(notified(NOTIFY_MSG_ACCEPTED, port));
    EXPECT_TRUE(notified(NOTIFY_MSG_ACCEPTED, port));
    EXPECT_EQ(SEND_SUCCESS, Letter(go).send());
    EXPECT_EQ(SEND_WILL_NOTIFY, other.result());
}

TEST_F(Backlog, AKeptMessageOutlivesItsThreadAndOnlyItsNotificationIsCancelled) {
    const Port port;
    fill(port);
    {
        Party sender([&] { return Letter(port, 9).send(SEND_NOTIFY); });
        EXPECT_EQ(SEND_WILL_NOTIFY, sender.result());
    }
    EXPECT_EQ((std::vector<int>{100, 101, 102, 103, 104, 105, 106, 107, 9}), all_ids(port));
    EXPECT_FALSE(next_notice());
}

TEST_F(Backlog, APortKeepsAtMost64MessagesOfEndedSendersThenNotifyTimesOut) {
    const Port port;
    const Port carried;
    fill(port);
    for (int i = 0; i < 64; ++i) {
        Party sender([&] { return Letter(port, 200 + i).send(SEND_NOTIFY); });
        ASSERT_EQ(SEND_WILL_NOTIFY, sender.result()) << i;
    }
    EXPECT_EQ(SEND_TIMED_OUT, Letter(port, 300).item(MSG_TYPE_PORT_ALL, {carried}, true).send(SEND_NOTIFY));
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(carried));
    const auto ids = all_ids(port);
    ASSERT_EQ(72u, ids.size());
    EXPECT_EQ(200, ids[8]);
    EXPECT_EQ(263, ids[71]);
}

TEST_F(Backlog, AKeptMessageHasTakenItsRights) {
    const Port port;
    fill(port);
    Port carried;
    EXPECT_EQ(SEND_WILL_NOTIFY, Letter(port, 9).item(MSG_TYPE_PORT_ALL, {carried}, true).send(SEND_NOTIFY));
    EXPECT_EQ(PORT_TYPE_NONE, type_of(carried));
    for (int i = 0; i < 8; ++i) EXPECT_EQ(100 + i, next_id(port));
    EXPECT_TRUE(notified(NOTIFY_MSG_ACCEPTED, port));
    Letter letter;
    EXPECT_EQ(RCV_SUCCESS, letter.receive(port));
    const Port back(letter.name());
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(back));
}

TEST_F(Backlog, BlockedAndKeptMessagesAreAdmittedInOrderOfArrival) {
    const Port port;
    fill(port);
    Party first([&] { return Letter(port, 1).send(MSG_OPTION_NONE); });
    first.asleep();
    EXPECT_EQ(SEND_WILL_NOTIFY, Letter(port, 2).send(SEND_NOTIFY));
    Party third([&] { return Letter(port, 3).send(MSG_OPTION_NONE); });
    third.asleep();
    const auto ids = all_ids(port);
    EXPECT_EQ((std::vector<int>{100, 101, 102, 103, 104, 105, 106, 107, 1, 2, 3}), ids);
    EXPECT_EQ(SEND_SUCCESS, first.result());
    EXPECT_EQ(SEND_SUCCESS, third.result());
    EXPECT_TRUE(notified(NOTIFY_MSG_ACCEPTED, port));
}

TEST_F(Backlog, ASendDoesNotOvertakeTheLine) {
    const Port port;
    fill(port);
    EXPECT_EQ(SEND_WILL_NOTIFY, Letter(port, 1).send(SEND_NOTIFY));
    EXPECT_EQ(SEND_TIMED_OUT, Letter(port, 2).send());
    EXPECT_EQ(100, next_id(port));
    EXPECT_EQ(SEND_TIMED_OUT, Letter(port, 3).send()) << "the kept message took the room";
    EXPECT_TRUE(notified(NOTIFY_MSG_ACCEPTED, port));
}

TEST_F(Backlog, RaisingTheBacklogAdmitsExactlyAsManyAsFit) {
    const Port port;
    EXPECT_EQ(KERN_SUCCESS, port_set_backlog(self_, port, 1));
    fill(port, 1);
    Party a([&] { return Letter(port, 1).send(MSG_OPTION_NONE); });
    a.asleep();
    Party b([&] { return Letter(port, 2).send(MSG_OPTION_NONE); });
    b.asleep();
    Party c([&] { return Letter(port, 3).send(MSG_OPTION_NONE); });
    c.asleep();
    EXPECT_EQ(KERN_SUCCESS, port_set_backlog(self_, port, 3));
    EXPECT_EQ(SEND_SUCCESS, a.result());
    EXPECT_EQ(SEND_SUCCESS, b.result());
    EXPECT_EQ(3, waiting_at(port));
    EXPECT_FALSE(c.ended());
    EXPECT_EQ((std::vector<int>{100, 1, 2, 3}), all_ids(port));
    EXPECT_EQ(SEND_SUCCESS, c.result());
}

TEST_F(Backlog, LoweringTheBacklogDropsNoMessage) {
    const Port port;
    fill(port);
    EXPECT_EQ(KERN_SUCCESS, port_set_backlog(self_, port, 2));
    EXPECT_EQ(8, waiting_at(port));
    for (int i = 0; i < 6; ++i) next_id(port);
    EXPECT_EQ(SEND_TIMED_OUT, Letter(port, 7).send());
    next_id(port);
    EXPECT_EQ(SEND_SUCCESS, Letter(port, 7).send());
    EXPECT_EQ((std::vector<int>{107, 7}), all_ids(port));
}

class BacklogOf : public Mach25, public ::testing::WithParamInterface<int> {};

TEST_P(BacklogOf, ALegalBacklogHoldsThatManyMessages) {
    const Port port;
    ASSERT_EQ(KERN_SUCCESS, port_set_backlog(self_, port, GetParam()));
    fill(port, GetParam());
    EXPECT_EQ(GetParam(), status_of(port).backlog);
    EXPECT_EQ(SEND_TIMED_OUT, Letter(port).send());
}
INSTANTIATE_TEST_SUITE_P(OneToEight, BacklogOf, ::testing::Range(1, 9));

class BacklogNotOf : public BacklogOf {};
TEST_P(BacklogNotOf, AnIllegalBacklogIsInvalidAndChangesNothing) {
    const Port port;
    EXPECT_EQ(KERN_INVALID_ARGUMENT, port_set_backlog(self_, port, GetParam()));
    EXPECT_EQ(8, status_of(port).backlog);
}
INSTANTIATE_TEST_SUITE_P(OutOfRange, BacklogNotOf, ::testing::Values(-1, 0, 9, 16, 0x7fffffff));

TEST_F(Backlog, MessagesToSendOnceRightsStandInTheQueueWithoutCounting) {
    const Port port;
    const port_t once = make_send_once(port);
    fill(port);
    EXPECT_EQ(SEND_SUCCESS, Letter(once, 1).send());
    EXPECT_EQ(9, waiting_at(port));
    EXPECT_EQ((std::vector<int>{100, 101, 102, 103, 104, 105, 106, 107, 1}), all_ids(port));
}

TEST_F(Backlog, AMessageToASendOnceRightLeavesItsOrdinaryRoomToOthers) {
    const Port port;
    EXPECT_EQ(SEND_SUCCESS, Letter(make_send_once(port), 1).send());
    fill(port, 8);
    EXPECT_EQ(9, waiting_at(port));
    EXPECT_EQ(SEND_TIMED_OUT, Letter(port).send());
}

TEST_F(Backlog, AMessageToASendOnceRightDoesNotWaitBehindTheLine) {
    const Port port;
    const port_t once = make_send_once(port);
    fill(port);
    Party sender([&] { return Letter(port, 2).send(MSG_OPTION_NONE); });
    sender.asleep();
    EXPECT_EQ(SEND_SUCCESS, Letter(once, 1).send(MSG_OPTION_NONE));
    const auto ids = all_ids(port);
    EXPECT_EQ((std::vector<int>{100, 101, 102, 103, 104, 105, 106, 107, 1, 2}), ids);
    EXPECT_EQ(SEND_SUCCESS, sender.result());
}

TEST_F(Backlog, SendingToOnesOwnFullQueueWithoutWaitingTimesOut) {
    const Port port;
    fill(port);
    EXPECT_EQ(SEND_TIMED_OUT, Letter(port).send());
}

TEST_F(Backlog, ABadRightIsFoundBeforeAFullQueueIs) {
    const Port port;
    fill(port);
    EXPECT_EQ(SEND_INVALID_PORT, Letter(port).item(MSG_TYPE_PORT_ALL, {unknown_name}).send());
    EXPECT_EQ(SEND_INVALID_PORT, Letter(port, 1, unknown_name).send());
    EXPECT_EQ(SEND_INVALID_PORT, Letter(port).item(MSG_TYPE_PORT, {unknown_name}).send(SEND_NOTIFY));
    EXPECT_EQ(SEND_INVALID_PORT, Letter(port).item(MSG_TYPE_PORT, {unknown_name}).send(MSG_OPTION_NONE));
}

}  // namespace
}  // namespace umach::tests
