// SPDX-License-Identifier: BSL-1.0
// Backup ports: who gets the rights of a port instead of its death.
#include "kinds.hpp"
#include "parties.hpp"

namespace umach::tests {
namespace {

UMACH_SUITE(Backup);

port_t set_backup(port_t port, port_t backup) {
    port_t previous = PORT_NULL;
    EXPECT_EQ(KERN_SUCCESS, port_set_backup(task_self(), port, backup, &previous));
    return previous;
}

// Receives a PORT_DESTROYED that must be there. returns: the name of the port that came with it
port_t inherit(port_t backup) {
    Letter got;
    EXPECT_EQ(RCV_SUCCESS, got.receive(backup));
    EXPECT_EQ(NOTIFY_PORT_DESTROYED, got->msg_id);
    EXPECT_EQ(static_cast<unsigned>(MSG_TYPE_PORT_ALL), got.code());
    return got.name();
}

TEST_F(Backup, GetsTheRightsOfAPortThatWouldDie) {
    const Port backup;
    port_t port = PORT_NULL;
    ASSERT_EQ(KERN_SUCCESS, port_allocate(self_, &port));
    EXPECT_EQ(PORT_NULL, set_backup(port, backup));
    EXPECT_EQ(KERN_SUCCESS, port_deallocate(self_, port));
    const Port back(inherit(backup));
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(back));
}

TEST_F(Backup, NotificationIsTheKernelsAndHasTheFormOfANotification) {
    const Port backup;
    {
        const Port port;
        set_backup(port, backup);
    }
    Letter got;
    ASSERT_EQ(RCV_SUCCESS, got.receive(backup));
    EXPECT_EQ(32u, got->msg_size);
    EXPECT_EQ(FALSE, static_cast<boolean_t>(got->msg_simple));
    EXPECT_EQ(MSG_TYPE_EMERGENCY, got->msg_type);
    EXPECT_EQ(PORT_NULL, got->msg_remote_port);
    EXPECT_EQ(backup, got->msg_local_port);
    EXPECT_EQ(1u, got->msg_unused & MSG_UNUSED_KERNEL);
    EXPECT_EQ(KERN_SUCCESS, port_deallocate(self_, got.name()));
}

TEST_F(Backup, KeepsQueueAndSendersUntouched) {
    const Port backup;
    Port way;
    const Port port;
    set_backup(port, backup);
    fill(port, 3);
    add_send_right(port);
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, port, PORT_TYPE_RECEIVE_OWN));
    EXPECT_EQ(PORT_TYPE_SEND, type_of(port));
    fill(port, 2, 200);
    EXPECT_EQ(port, inherit(backup));
    EXPECT_EQ((std::vector<int>{100, 101, 102, 200, 201}), all_ids(port));
    EXPECT_FALSE(next_notice());
}

TEST_F(Backup, KeepsBlockedSendersInTheLine) {
    const Port backup;
    const Port port;
    set_backup(port, backup);
    add_send_right(port);
    fill(port);
    Party sender([&] { return Letter(port, 7).send(MSG_OPTION_NONE); });
    sender.asleep();
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, port, PORT_TYPE_RECEIVE_OWN));
    EXPECT_FALSE(sender.ended());
    EXPECT_EQ(port, inherit(backup));
    EXPECT_EQ((std::vector<int>{100, 101, 102, 103, 104, 105, 106, 107, 7}), all_ids(port));
    EXPECT_EQ(SEND_SUCCESS, sender.result());
}

TEST_F(Backup, LinkIsClearedWhenItHasServed) {
    const Port backup;
    port_t port = PORT_NULL;
    ASSERT_EQ(KERN_SUCCESS, port_allocate(self_, &port));
    set_backup(port, backup);
    port_deallocate(self_, port);
    const port_t back = inherit(backup);
    EXPECT_EQ(KERN_SUCCESS, port_deallocate(self_, back));
    EXPECT_EQ(RCV_TIMED_OUT, Letter().receive(backup)) << "a new holder must set a new backup";
}

TEST_F(Backup, SendRightOfAServedLinkIsGivenBack) {
    const Port backup;
    port_t port = PORT_NULL;
    ASSERT_EQ(KERN_SUCCESS, port_allocate(self_, &port));
    set_backup(port, backup);
    port_deallocate(self_, port);
    const Port back(inherit(backup));
    EXPECT_EQ(RCV_ONLY_SENDER, Letter().receive(backup, RCV_NO_SENDERS | RCV_TIMEOUT, 0));
}

TEST_F(Backup, PreviousOneIsReturnedAsASendRight) {
    const Port first;
    const Port second;
    const Port port;
    EXPECT_EQ(PORT_NULL, set_backup(port, first));
    EXPECT_EQ(first, set_backup(port, second));
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, first, PORT_TYPE_SEND));
    EXPECT_EQ(second, set_backup(port, PORT_NULL));
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, second, PORT_TYPE_SEND));
    EXPECT_EQ(PORT_NULL, set_backup(port, PORT_NULL));
}

TEST_F(Backup, ClearedLetsThePortDie) {
    const Port backup;
    const Named name(Kind::all_and_send);
    set_backup(name, backup);
    EXPECT_EQ(backup, set_backup(name, PORT_NULL));
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, backup, PORT_TYPE_SEND));
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, name, PORT_TYPE_RECEIVE_OWN));
    EXPECT_EQ(PORT_TYPE_DEAD_NAME, type_of(name));
    EXPECT_EQ(RCV_TIMED_OUT, Letter().receive(backup));
}

TEST_F(Backup, ThatIsDeadLetsThePortDie) {
    const Named name(Kind::all_and_send);
    {
        const Port backup;
        set_backup(name, backup);
    }
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, name, PORT_TYPE_RECEIVE_OWN));
    EXPECT_EQ(PORT_TYPE_DEAD_NAME, type_of(name));
}

TEST_F(Backup, ThatIsThePortItselfLetsThePortDieAHundredTimesWithoutLeak) {
    for (int i = 0; i < 100; ++i) {
        port_t port = PORT_NULL;
        ASSERT_EQ(KERN_SUCCESS, port_allocate(self_, &port));
        port_t previous = PORT_NULL;
        port_set_backup(self_, port, port, &previous);
        EXPECT_EQ(KERN_SUCCESS, port_deallocate(self_, port));
        EXPECT_EQ(PORT_TYPE_NONE, type_of(port));
    }
    EXPECT_FALSE(next_notice());
}

TEST_F(Backup, InACircleOfTwoLetsThePortsDie) {
    port_t a = PORT_NULL;
    port_t b = PORT_NULL;
    ASSERT_EQ(KERN_SUCCESS, port_allocate(self_, &a));
    ASSERT_EQ(KERN_SUCCESS, port_allocate(self_, &b));
    set_backup(a, b);
    set_backup(b, a);
    EXPECT_EQ(KERN_SUCCESS, port_deallocate(self_, a));
    EXPECT_EQ(KERN_SUCCESS, port_deallocate(self_, b));
    EXPECT_EQ(PORT_TYPE_NONE, type_of(a));
    EXPECT_EQ(PORT_TYPE_NONE, type_of(b));
    EXPECT_FALSE(next_notice());
}

TEST_F(Backup, ThatDiesWithInheritedRightsUnreadEndsThatPortToo) {
    Port backup;
    const Named name(Kind::all_and_send);
    set_backup(name, backup);
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, name, PORT_TYPE_RECEIVE_OWN));
    EXPECT_EQ(PORT_TYPE_SEND, type_of(name));
    backup.drop();
    EXPECT_EQ(PORT_TYPE_DEAD_NAME, type_of(name));
    EXPECT_TRUE(notified(NOTIFY_PORT_DELETED, name));
}

TEST_F(Backup, NeedsNoRoomInItsQueue) {
    const Port backup;
    fill(backup);
    {
        const Port port;
        set_backup(port, backup);
    }
    EXPECT_EQ(9, waiting_at(backup));
    EXPECT_EQ(KERN_SUCCESS, port_deallocate(self_, inherit(backup))) << "notifications are received first";
    EXPECT_EQ(100, next_id(backup));
}

TEST_F(Backup, YieldsToAnOwnerElsewhere) {
    const Port backup;
    Port way;
    const Port port;
    set_backup(port, backup);
    EXPECT_EQ(SEND_SUCCESS, send_right(way, MSG_TYPE_PORT_OWNERSHIP, port));
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, port, PORT_TYPE_RECEIVE));
    EXPECT_EQ(RCV_TIMED_OUT, Letter().receive(backup));
    Letter got;
    EXPECT_EQ(RCV_SUCCESS, got.receive(way));
    const Port back(got.name());
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(back));
    EXPECT_TRUE(notified(NOTIFY_RECEIVE_RIGHTS, back));
}

class BackupOfATask : public Family {};

TEST_F(BackupOfATask, GetsThePortOfAKilledServerWithItsQueue) {
    Child server([] {
        const port_t hub = inherited();
        port_t port = PORT_NULL;
        port_t previous = PORT_NULL;
        ASSERT_EQ(KERN_SUCCESS, port_allocate(task_self(), &port));
        ASSERT_EQ(KERN_SUCCESS, port_set_backup(task_self(), port, inherited(1), &previous));
        ASSERT_EQ(SEND_SUCCESS, Letter(hub, 1).item(MSG_TYPE_PORT, {port}).send());
        Letter().receive(task_notify(), RCV_TIMEOUT, patience);
    });
    Letter hello;
    ASSERT_EQ(RCV_SUCCESS, hello.receive(hub_, RCV_TIMEOUT, patience));
    const Port service(hello.name());
    fill(service, 4);
    server.kill();
    Letter got;
    ASSERT_EQ(RCV_SUCCESS, got.receive(side_, RCV_TIMEOUT, patience));
    EXPECT_EQ(NOTIFY_PORT_DESTROYED, got->msg_id);
    EXPECT_EQ(service, got.name());
    EXPECT_EQ((std::vector<int>{100, 101, 102, 103}), all_ids(service));
    EXPECT_FALSE(next_notice());
}

}  // namespace
}  // namespace umach::tests
