// SPDX-License-Identifier: BSL-1.0
// A send that waits, or is kept, while its port, its rights or its sender end.
#include "parties.hpp"

#include <signal.h>

#include <cstring>
#include <memory>

namespace umach::tests {
namespace {

UMACH_SUITE(WaitingSend);

TEST_F(WaitingSend, HasTakenNothingFromItsSenderYet) {
    const Port port;
    const Port carried;
    fill(port);
    Party sender(
        [&] { return Letter(port, 1).item(MSG_TYPE_PORT_ALL, {carried}, true).send(MSG_OPTION_NONE); });
    sender.asleep();
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(carried));
    EXPECT_EQ(100, next_id(port));
    EXPECT_EQ(PORT_TYPE_NONE, type_of(carried)) << "admitted, the right has moved";
    EXPECT_EQ(SEND_SUCCESS, sender.result());
}

TEST_F(WaitingSend, HasItsBytesAsTheyWereWhenItWasCalled) {
    const Port port;
    fill(port);
    Letter letter(port, 1);
    letter.text("before");
    Party sender([&] { return letter.send(MSG_OPTION_NONE); });
    sender.asleep();
    std::memcpy(&letter.header() + 1, "after!", 6);
    for (int i = 0; i < 8; ++i) next_id(port);
    EXPECT_EQ(SEND_SUCCESS, sender.result());
    Letter got;
    EXPECT_EQ(RCV_SUCCESS, got.receive(port));
    EXPECT_EQ("before", got.body().substr(0, 6));
}

TEST_F(WaitingSend, EndsWithInvalidPortWhenARightItMovesIsLostMeanwhile) {
    const Port port;
    Port carried;
    fill(port);
    Party sender(
        [&] { return Letter(port, 1).item(MSG_TYPE_PORT_ALL, {carried}, true).send(MSG_OPTION_NONE); });
    sender.asleep();
    carried.drop();
    EXPECT_EQ(100, next_id(port));
    EXPECT_EQ(SEND_INVALID_PORT, sender.result());
    EXPECT_EQ(7, waiting_at(port));
}

TEST_F(WaitingSend, ThatLostARightLetsTheNextInLineIn) {
    const Port port;
    Port carried;
    fill(port);
    Party sender(
        [&] { return Letter(port, 1).item(MSG_TYPE_PORT_ALL, {carried}, true).send(MSG_OPTION_NONE); });
    sender.asleep();
    Party next([&] { return Letter(port, 2).send(MSG_OPTION_NONE); });
    next.asleep();
    carried.drop();
    EXPECT_EQ(100, next_id(port));
    EXPECT_EQ(SEND_INVALID_PORT, sender.result());
    EXPECT_EQ(SEND_SUCCESS, next.result());
    EXPECT_EQ(8, waiting_at(port));
}

TEST_F(WaitingSend, EndsWithInvalidPortWhenItsDestinationDiesAndNothingWasTaken) {
    Port port;
    const Port carried;
    fill(port);
    Party sender(
        [&] { return Letter(port, 1).item(MSG_TYPE_PORT_ALL, {carried}, true).send(MSG_OPTION_NONE); });
    sender.asleep();
    port.drop();
    EXPECT_EQ(SEND_INVALID_PORT, sender.result());
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(carried));
}

TEST_F(WaitingSend, AllOfManyEndWhenTheirDestinationDies) {
    Port port;
    fill(port);
    std::vector<std::unique_ptr<Party>> senders;
    for (int i = 0; i < 24; ++i) {
        senders.push_back(std::make_unique<Party>([&] { return Letter(port, 1).send(MSG_OPTION_NONE); }));
        senders.back()->asleep();
    }
    port.drop();
    for (auto& sender : senders) EXPECT_EQ(SEND_INVALID_PORT, sender->result());
}

TEST_F(WaitingSend, FollowsThePortWhenItsReceiveRightTravels) {
    const Port port;
    const Port way;
    fill(port);
    Party sender([&] { return Letter(port, 1).send(MSG_OPTION_NONE); });
    sender.asleep();
    EXPECT_EQ(SEND_SUCCESS, send_right(way, MSG_TYPE_PORT_ALL, port));
    EXPECT_FALSE(sender.ended());
    Letter letter;
    EXPECT_EQ(RCV_SUCCESS, letter.receive(way));
    EXPECT_EQ(port, letter.name());
    const auto ids = all_ids(port);
    EXPECT_EQ((std::vector<int>{100, 101, 102, 103, 104, 105, 106, 107, 1}), ids);
    EXPECT_EQ(SEND_SUCCESS, sender.result());
}

TEST_F(WaitingSend, TimesOutInTheLineAndNoLongerTakesItsTurn) {
    const Port port;
    fill(port);
    Party sender([&] { return Letter(port, 1).send(SEND_TIMEOUT, 20); });
    EXPECT_EQ(SEND_TIMED_OUT, sender.result());
    EXPECT_EQ((std::vector<int>{100, 101, 102, 103, 104, 105, 106, 107}), all_ids(port));
}

TEST_F(WaitingSend, ThatUsesUpASendRightGivesTheSameRightBackOnTimeout) {
    const Port port;
    const Port target;
    fill(port);
    add_send_right(target);
    EXPECT_EQ(SEND_TIMED_OUT, Letter(port, 1).item(MSG_TYPE_PORT, {target}).send(SEND_TIMEOUT, 10));
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(target));
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, target, PORT_TYPE_SEND));
    EXPECT_EQ(KERN_INVALID_ARGUMENT, port_release(self_, target, PORT_TYPE_SEND));
}

UMACH_SUITE(KeptMessage);

TEST_F(KeptMessage, WhoseDestinationDiesOnlyTellsPortDeletedToWhoHadARight) {
    Port way;
    Port port;
    fill(port);
    EXPECT_EQ(SEND_WILL_NOTIFY, Letter(port, 1).send(SEND_NOTIFY));
    EXPECT_EQ(SEND_SUCCESS, send_right(way, MSG_TYPE_PORT_ALL, port));
    EXPECT_EQ(PORT_TYPE_SEND, type_of(port));
    way.drop();
    EXPECT_TRUE(notified(NOTIFY_PORT_DELETED, port));
    EXPECT_FALSE(next_notice());
}

TEST_F(KeptMessage, AfterTheDestinationDiedTheThreadMayHaveAnotherKept) {
    Port port;
    const Port other;
    fill(port);
    fill(other);
    EXPECT_EQ(SEND_WILL_NOTIFY, Letter(port, 1).send(SEND_NOTIFY));
    port.drop();
    EXPECT_EQ(SEND_WILL_NOTIFY, Letter(other, 1).send(SEND_NOTIFY));
    EXPECT_EQ(100, next_id(other));
    EXPECT_TRUE(notified(NOTIFY_MSG_ACCEPTED, other));
}

TEST_F(KeptMessage, AfterARenameTheNotificationCarriesTheNewName) {
    Port port;
    fill(port);
    EXPECT_EQ(SEND_WILL_NOTIFY, Letter(port, 1).send(SEND_NOTIFY));
    ASSERT_EQ(KERN_SUCCESS, port_rename(self_, port, 0x00c0'ffee));
    const Port renamed(0x00c0'ffee);
    EXPECT_EQ(100, next_id(renamed));
    EXPECT_TRUE(notified(NOTIFY_MSG_ACCEPTED, renamed));
}

TEST_F(KeptMessage, IsDestroyedWithThePortAndItsRightsDie) {
    Port port;
    Port carried;
    const Port watch;
    fill(port);
    const port_t once = make_send_once(carried);
    EXPECT_EQ(SEND_WILL_NOTIFY, Letter(port, 1).item(MSG_TYPE_PORT_ALL, {carried}, true).send(SEND_NOTIFY));
    port.drop();
    EXPECT_TRUE(notified(NOTIFY_PORT_DELETED, once));
}

class KeptMessageOfATask : public Family {};

TEST_F(KeptMessageOfATask, ThatWasKilledIsStillAdmittedInItsTurn) {
    fill(hub_);
    Child child([] {
        EXPECT_EQ(SEND_WILL_NOTIFY, Letter(inherited(), 9).send(SEND_NOTIFY));
        next_id(task_notify(), patience);
    });
    child.asleep();
    child.kill();
    EXPECT_EQ((std::vector<int>{100, 101, 102, 103, 104, 105, 106, 107, 9}), all_ids(hub_));
}

TEST_F(KeptMessageOfATask, ThatGaveItsRightBackIsAdmittedWithoutNotification) {
    fill(hub_);
    Child child([] {
        const port_t hub = inherited();
        EXPECT_EQ(SEND_WILL_NOTIFY, Letter(hub, 9).send(SEND_NOTIFY));
        EXPECT_EQ(KERN_SUCCESS, port_deallocate(task_self(), hub));
        EXPECT_FALSE(next_notice(patience / 100));
    });
    child.asleep();
    EXPECT_EQ((std::vector<int>{100, 101, 102, 103, 104, 105, 106, 107, 9}), all_ids(hub_));
    EXPECT_TRUE(child.wait());
}

TEST_F(KeptMessageOfATask, SendsItsNotificationToThatTask) {
    fill(hub_);
    Child child([] {
        const port_t hub = inherited();
        EXPECT_EQ(SEND_WILL_NOTIFY, Letter(hub, 9).send(SEND_NOTIFY));
        EXPECT_EQ(SEND_SUCCESS, Letter(inherited(1), 1).send());
        EXPECT_TRUE(notified(NOTIFY_MSG_ACCEPTED, hub, patience));
    });
    EXPECT_EQ(1, next_id(side_, patience));
    EXPECT_EQ(100, next_id(hub_));
    EXPECT_TRUE(child.wait());
    EXPECT_FALSE(next_notice());
}

TEST_F(KeptMessageOfATask, AWaitingSendOfAKilledTaskIsWithdrawn) {
    fill(hub_);
    Child child([] {
        report_at_side();
        Letter(inherited(), 9).send(MSG_OPTION_NONE);
    });
    const port_t childs = reported(side_);
    child.asleep();
    child.kill();
    EXPECT_TRUE(notified(NOTIFY_PORT_DELETED, childs, patience));
    EXPECT_EQ(SEND_WILL_NOTIFY, Letter(hub_, 10).send(SEND_NOTIFY));
    std::vector<int> ids = all_ids(hub_);
    EXPECT_EQ((std::vector<int>{100, 101, 102, 103, 104, 105, 106, 107, 10}), ids);
    EXPECT_TRUE(notified(NOTIFY_MSG_ACCEPTED, hub_));
}

TEST_F(KeptMessageOfATask, AStoppedSenderDoesNotHoldUpTheLine) {
    fill(hub_);
    Child child([] { EXPECT_EQ(SEND_SUCCESS, Letter(inherited(), 9).send(MSG_OPTION_NONE)); });
    child.asleep();
    ::kill(child.pid(), SIGSTOP);
    EXPECT_EQ(SEND_WILL_NOTIFY, Letter(hub_, 10).send(SEND_NOTIFY));
    EXPECT_EQ((std::vector<int>{100, 101, 102, 103, 104, 105, 106, 107, 9, 10}), all_ids(hub_));
    EXPECT_TRUE(notified(NOTIFY_MSG_ACCEPTED, hub_));
    ::kill(child.pid(), SIGCONT);
    EXPECT_TRUE(child.wait());
}

}  // namespace
}  // namespace umach::tests
