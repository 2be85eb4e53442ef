// SPDX-License-Identifier: BSL-1.0
// Ownership: a right of its own, which inherits the receive right, and the other way round.
#include "kinds.hpp"
#include "parties.hpp"

namespace umach::tests {
namespace {

UMACH_SUITE(Ownership);

TEST_F(Ownership, ComesWithANewPort) {
    const Port port;
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(port));
    EXPECT_TRUE(status_of(port).ownership);
    EXPECT_TRUE(status_of(port).receive);
}

TEST_F(Ownership, SentAloneLeavesTheReceiveRight) {
    const Named name(Kind::receive);
    EXPECT_EQ(PORT_TYPE_RECEIVE, type_of(name));
    EXPECT_FALSE(status_of(name).ownership);
    EXPECT_TRUE(status_of(name).receive);
}

TEST_F(Ownership, StaysWhenTheReceiveRightIsSentAlone) {
    const Named name(Kind::own);
    EXPECT_EQ(PORT_TYPE_OWN, type_of(name));
}

TEST_F(Ownership, OfAPortReceivedElsewhereGivesTheStatusOfANonReceiver) {
    const Named name(Kind::own);
    const Status status = status_of(name);
    EXPECT_EQ(KERN_SUCCESS, status.code);
    EXPECT_EQ(-1, status.messages);
    EXPECT_EQ(0, status.backlog);
    EXPECT_FALSE(status.receive);
}

TEST_F(Ownership, ArrivesAsCode3) {
    const Port port;
    const Port way;
    EXPECT_EQ(SEND_SUCCESS, send_right(way, MSG_TYPE_PORT_OWNERSHIP, port));
    Letter got;
    EXPECT_EQ(RCV_SUCCESS, got.receive(way));
    EXPECT_EQ(static_cast<unsigned>(MSG_TYPE_PORT_OWNERSHIP), got.code());
    EXPECT_EQ(port, got.name());
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(port));
}

TEST_F(Ownership, SentAloneFromAnOwnerLeavesASendRight) {
    const Named name(Kind::own);
    const Port way;
    EXPECT_EQ(SEND_SUCCESS, send_right(way, MSG_TYPE_PORT_OWNERSHIP, name));
    EXPECT_EQ(PORT_TYPE_SEND, type_of(name));
}

TEST_F(Ownership, SentWithDeallocateLeavesNothingElse) {
    const Named name(Kind::own);
    const Port way;
    EXPECT_EQ(SEND_SUCCESS, send_right(way, MSG_TYPE_PORT_OWNERSHIP, name, true));
    EXPECT_EQ(PORT_TYPE_NONE, type_of(name));
}

TEST_F(Ownership, ReceiveRightThatDiesOnItsWayComesBackToTheOwnerWithANotification) {
    Port way;
    const Port port;
    EXPECT_EQ(SEND_SUCCESS, send_right(way, MSG_TYPE_PORT_RECEIVE, port));
    EXPECT_EQ(PORT_TYPE_OWN, type_of(port));
    way.drop();
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(port));
    EXPECT_TRUE(notified(NOTIFY_RECEIVE_RIGHTS, port));
}

TEST_F(Ownership, QueuedMessagesSurviveTheWayBackToTheOwner) {
    Port way;
    const Port port;
    fill(port, 3);
    EXPECT_EQ(SEND_SUCCESS, send_right(way, MSG_TYPE_PORT_RECEIVE, port));
    way.drop();
    EXPECT_TRUE(notified(NOTIFY_RECEIVE_RIGHTS, port));
    EXPECT_EQ((std::vector<int>{100, 101, 102}), all_ids(port));
}

TEST_F(Ownership, ThatDiesOnItsWayComesBackToTheReceiverWithANotification) {
    Port way;
    const Port port;
    EXPECT_EQ(SEND_SUCCESS, send_right(way, MSG_TYPE_PORT_OWNERSHIP, port));
    EXPECT_EQ(PORT_TYPE_RECEIVE, type_of(port));
    way.drop();
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(port));
    EXPECT_TRUE(notified(NOTIFY_OWNERSHIP_RIGHTS, port));
}

TEST_F(Ownership, ReceiveRightPickedUpAfterTheOwnershipDiedBringsBoth) {
    Port way_of_receive;
    Port way_of_own;
    const Port port;
    EXPECT_EQ(SEND_SUCCESS, send_right(way_of_receive, MSG_TYPE_PORT_RECEIVE, port));
    EXPECT_EQ(SEND_SUCCESS, send_right(way_of_own, MSG_TYPE_PORT_OWNERSHIP, port));
    way_of_own.drop();
    EXPECT_FALSE(next_notice());
    Letter got;
    EXPECT_EQ(RCV_SUCCESS, got.receive(way_of_receive));
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(port));
    EXPECT_TRUE(notified(NOTIFY_OWNERSHIP_RIGHTS, port));
}

TEST_F(Ownership, PickedUpAfterTheReceiveRightDiedBringsBoth) {
    Port way_of_receive;
    Port way_of_own;
    const Port port;
    EXPECT_EQ(SEND_SUCCESS, send_right(way_of_receive, MSG_TYPE_PORT_RECEIVE, port));
    EXPECT_EQ(SEND_SUCCESS, send_right(way_of_own, MSG_TYPE_PORT_OWNERSHIP, port));
    fill(port, 2);
    way_of_receive.drop();
    EXPECT_FALSE(next_notice());
    Letter got;
    EXPECT_EQ(RCV_SUCCESS, got.receive(way_of_own));
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(port));
    EXPECT_TRUE(notified(NOTIFY_RECEIVE_RIGHTS, port));
    EXPECT_EQ((std::vector<int>{100, 101}), all_ids(port));
}

TEST_F(Ownership, BothDeadOnTheirWayEndThePort) {
    Port way_of_receive;
    Port way_of_own;
    const Port port;
    EXPECT_EQ(SEND_SUCCESS, send_right(way_of_receive, MSG_TYPE_PORT_RECEIVE, port));
    EXPECT_EQ(SEND_SUCCESS, send_right(way_of_own, MSG_TYPE_PORT_OWNERSHIP, port));
    EXPECT_EQ(PORT_TYPE_SEND, type_of(port));
    way_of_own.drop();
    way_of_receive.drop();
    EXPECT_TRUE(notified(NOTIFY_PORT_DELETED, port));
}

TEST_F(Ownership, BothDeadInTheOtherOrderEndThePortToo) {
    Port way_of_receive;
    Port way_of_own;
    const Port port;
    EXPECT_EQ(SEND_SUCCESS, send_right(way_of_receive, MSG_TYPE_PORT_RECEIVE, port));
    EXPECT_EQ(SEND_SUCCESS, send_right(way_of_own, MSG_TYPE_PORT_OWNERSHIP, port));
    way_of_receive.drop();
    way_of_own.drop();
    EXPECT_TRUE(notified(NOTIFY_PORT_DELETED, port));
}

TEST_F(Ownership, ReceiveRightAndOwnershipInOneMessageThatIsDestroyedEndThePort) {
    Port way;
    const Port port;
    Letter letter(way);
    letter.item(MSG_TYPE_PORT_RECEIVE, {port}).item(MSG_TYPE_PORT_OWNERSHIP, {port});
    EXPECT_EQ(SEND_SUCCESS, letter.send());
    way.drop();
    EXPECT_TRUE(notified(NOTIFY_PORT_DELETED, port));
}

TEST_F(Ownership, GivenUpByTheOwnerPassesToTheReceiverOnItsWay) {
    Port way;
    port_t port = PORT_NULL;
    ASSERT_EQ(KERN_SUCCESS, port_allocate(self_, &port));
    EXPECT_EQ(SEND_SUCCESS, send_right(way, MSG_TYPE_PORT_RECEIVE, port));
    EXPECT_EQ(KERN_SUCCESS, port_deallocate(self_, port));
    EXPECT_EQ(PORT_TYPE_NONE, type_of(port));
    Letter got;
    EXPECT_EQ(RCV_SUCCESS, got.receive(way));
    const Port back(got.name());
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(back));
    EXPECT_TRUE(notified(NOTIFY_OWNERSHIP_RIGHTS, back));
}

TEST_F(Ownership, ReceiveRightGivenUpPassesToTheOwnershipOnItsWay) {
    Port way;
    port_t port = PORT_NULL;
    ASSERT_EQ(KERN_SUCCESS, port_allocate(self_, &port));
    fill(port, 1);
    EXPECT_EQ(SEND_SUCCESS, send_right(way, MSG_TYPE_PORT_OWNERSHIP, port));
    EXPECT_EQ(KERN_SUCCESS, port_deallocate(self_, port));
    Letter got;
    EXPECT_EQ(RCV_SUCCESS, got.receive(way));
    const Port back(got.name());
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(back));
    EXPECT_TRUE(notified(NOTIFY_RECEIVE_RIGHTS, back));
    EXPECT_EQ(100, next_id(back));
}

class OwnershipBetweenTasks : public Family {};

TEST_F(OwnershipBetweenTasks, AKilledReceiverGivesTheReceiveRightToTheOwner) {
    Child child([] {
        Letter got;
        ASSERT_EQ(SEND_SUCCESS, Letter(inherited(), 1, task_notify()).send());
        ASSERT_EQ(RCV_SUCCESS, got.receive(task_notify(), RCV_TIMEOUT, patience));
        ASSERT_EQ(PORT_TYPE_RECEIVE, type_of(got.name()));
        report_at_side();
        Letter().receive(task_notify(), RCV_TIMEOUT, patience);
    });
    Letter hello;
    ASSERT_EQ(RCV_SUCCESS, hello.receive(hub_, RCV_TIMEOUT, patience));
    const port_t childs = hello->msg_remote_port;
    const Port port;
    fill(port, 3);
    EXPECT_EQ(SEND_SUCCESS, send_right(childs, MSG_TYPE_PORT_RECEIVE, port));
    EXPECT_EQ(PORT_TYPE_OWN, type_of(port));
    EXPECT_NE(PORT_NULL, reported(side_));
    child.kill();
    std::map<int, int> notices;
    for (int i = 0; i < 3; ++i)
        if (const auto notice = next_notice(patience)) ++notices[notice->notify_header.msg_id];
    EXPECT_EQ(1, notices[NOTIFY_RECEIVE_RIGHTS]);
    EXPECT_EQ(2, notices[NOTIFY_PORT_DELETED]);
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(port));
    EXPECT_EQ((std::vector<int>{100, 101, 102}), all_ids(port));
}

TEST_F(OwnershipBetweenTasks, AnOwnerThatDropsTheRightGivesItToTheReceiver) {
    Peer peer(hub_);
    const Port port;
    EXPECT_EQ(SEND_SUCCESS, Letter(peer.port()).item(MSG_TYPE_PORT_OWNERSHIP, {port}).send());
    EXPECT_TRUE(notified(NOTIFY_OWNERSHIP_RIGHTS, port, patience));
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(port));
}

TEST_F(OwnershipBetweenTasks, AReceiverThatDropsTheRightGivesItToTheOwner) {
    Peer peer(hub_);
    const Port port;
    fill(port, 2);
    EXPECT_EQ(SEND_SUCCESS, Letter(peer.port()).item(MSG_TYPE_PORT_RECEIVE, {port}).send());
    EXPECT_TRUE(notified(NOTIFY_RECEIVE_RIGHTS, port, patience));
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(port));
    EXPECT_EQ((std::vector<int>{100, 101}), all_ids(port));
}

}  // namespace
}  // namespace umach::tests
