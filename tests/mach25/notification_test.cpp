// SPDX-License-Identifier: BSL-1.0
// Notifications: their form, who gets them, when, and that each comes once.
#include "kinds.hpp"
#include "parties.hpp"

#include <memory>

namespace umach::tests {
namespace {

UMACH_SUITE(Notification);

port_t request(port_t name, int id, port_t notify) {
    port_t previous = PORT_NULL;
    EXPECT_EQ(KERN_SUCCESS, port_request_notification(task_self(), name, id, notify, &previous));
    return previous;
}

TEST_F(Notification, HasTheFormOfThe2Point5Kernels) {
    Named name(Kind::send);
    name.end_port();
    const auto notice = next_notice();
    ASSERT_TRUE(notice);
    const msg_header_t& header = notice->notify_header;
    EXPECT_EQ(32u, header.msg_size);
    EXPECT_EQ(TRUE, static_cast<boolean_t>(header.msg_simple));
    EXPECT_EQ(MSG_TYPE_EMERGENCY, header.msg_type);
    EXPECT_EQ(PORT_NULL, header.msg_remote_port);
    EXPECT_EQ(task_notify(), header.msg_local_port);
    EXPECT_EQ(NOTIFY_PORT_DELETED, header.msg_id);
    EXPECT_EQ(1u, header.msg_unused & MSG_UNUSED_KERNEL);
    EXPECT_EQ(static_cast<unsigned>(MSG_TYPE_PORT_NAME), notice->notify_type.msg_type_name);
    EXPECT_EQ(32u, notice->notify_type.msg_type_size);
    EXPECT_EQ(1u, notice->notify_type.msg_type_number);
    EXPECT_EQ(1u, notice->notify_type.msg_type_inline);
    EXPECT_EQ(name, notice->notify_port);
}

TEST_F(Notification, OfDeathLeavesADeadNameUntilItIsReceived) {
    Named name(Kind::send);
    name.end_port();
    EXPECT_EQ(PORT_TYPE_DEAD_NAME, type_of(name));
    EXPECT_EQ(1, names_of().count(name));
    EXPECT_TRUE(notified(NOTIFY_PORT_DELETED, name));
    EXPECT_EQ(PORT_TYPE_NONE, type_of(name));
}

TEST_F(Notification, OfDeathComesOncePerName) {
    Named name(Kind::send);
    send_round(MSG_TYPE_PORT, name);
    name.end_port();
    EXPECT_TRUE(notified(NOTIFY_PORT_DELETED, name));
    EXPECT_FALSE(next_notice());
}

TEST_F(Notification, OfDeathDoesNotComeToWhoDeallocatedThePort) {
    Port port;
    add_send_right(port);
    port.drop();
    EXPECT_FALSE(next_notice());
}

TEST_F(Notification, OfDeathCarriesTheNewNameAfterARename) {
    Named name(Kind::send);
    name.end_port();
    ASSERT_EQ(KERN_SUCCESS, port_rename(self_, name, 0x00c0'ffee));
    EXPECT_EQ(PORT_TYPE_DEAD_NAME, type_of(0x00c0'ffee));
    EXPECT_TRUE(notified(NOTIFY_PORT_DELETED, 0x00c0'ffee));
    EXPECT_EQ(PORT_TYPE_NONE, type_of(0x00c0'ffee));
}

TEST_F(Notification, OfDeathGoesAwayWithADeadNameThatIsDeallocatedFirst) {
    Named name(Kind::send);
    name.end_port();
    EXPECT_EQ(KERN_SUCCESS, port_deallocate(self_, name));
    EXPECT_EQ(PORT_TYPE_NONE, type_of(name));
    EXPECT_FALSE(next_notice());
}

TEST_F(Notification, OfDeathComesForEveryNameOfManyPorts) {
    std::vector<std::unique_ptr<Named>> names;
    for (int i = 0; i < 100; ++i) names.push_back(std::make_unique<Named>(Kind::send));
    for (auto& name : names) name->end_port();
    for (auto& name : names) EXPECT_TRUE(notified(NOTIFY_PORT_DELETED, *name));
    EXPECT_FALSE(next_notice());
}

TEST_F(Notification, ComesAlthoughTheNotifyPortIsFull) {
    fill(task_notify());
    Named name(Kind::send);
    name.end_port();
    EXPECT_EQ(9, waiting_at(task_notify()));
    EXPECT_TRUE(notified(NOTIFY_PORT_DELETED, name));
    drain(task_notify());
}

TEST_F(Notification, WakesAReceiverThatWaitsAtTheNotifyPort) {
    Named name(Kind::send);
    Party receiver([&] { return notified(NOTIFY_PORT_DELETED, name, patience) ? 0 : 1; });
    receiver.asleep();
    name.end_port();
    EXPECT_EQ(0, receiver.result());
}

TEST_F(Notification, ReachesASetThatTheNotifyPortIsIn) {
    const Set set;
    EXPECT_EQ(KERN_SUCCESS, port_set_add(self_, set, task_notify()));
    Named name(Kind::send);
    name.end_port();
    Letter got;
    EXPECT_EQ(RCV_SUCCESS, got.receive(set));
    EXPECT_EQ(NOTIFY_PORT_DELETED, got->msg_id);
    EXPECT_EQ(task_notify(), got->msg_local_port);
    EXPECT_EQ(KERN_SUCCESS, port_set_remove(self_, task_notify()));
}

TEST_F(Notification, TooLargeForTheBufferStaysFirst) {
    Named name(Kind::send);
    name.end_port();
    Letter got;
    EXPECT_EQ(RCV_TOO_LARGE, got.receive(task_notify(), RCV_TIMEOUT, 0, 28));
    EXPECT_EQ(32u, got->msg_size);
    EXPECT_EQ(PORT_TYPE_DEAD_NAME, type_of(name));
    EXPECT_TRUE(notified(NOTIFY_PORT_DELETED, name));
}

UMACH_SUITE(NoMoreSenders);

TEST_F(NoMoreSenders, ComesWhenTheLastSendRightIsReleased) {
    const Named port(Kind::all_and_send);
    const Port notify;
    EXPECT_EQ(PORT_NULL, request(port, NOTIFY_NO_MORE_SENDERS, notify));
    EXPECT_EQ(0, waiting_at(notify));
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, port, PORT_TYPE_SEND));
    EXPECT_EQ(NOTIFY_NO_MORE_SENDERS, next_id(notify));
    EXPECT_EQ(RCV_TIMED_OUT, next_id(notify));
}

TEST_F(NoMoreSenders, NamesThePort) {
    const Named port(Kind::all_and_send);
    const Port notify;
    request(port, NOTIFY_NO_MORE_SENDERS, notify);
    port_release(self_, port, PORT_TYPE_SEND);
    Letter got;
    ASSERT_EQ(RCV_SUCCESS, got.receive(notify));
    EXPECT_EQ(port.name(), got.name());
    EXPECT_EQ(1u, got->msg_unused & MSG_UNUSED_KERNEL);
}

TEST_F(NoMoreSenders, WaitsForTheLastOfSeveralReferences) {
    const Named port(Kind::all_and_send);
    const Port notify;
    send_round(MSG_TYPE_PORT, port);
    request(port, NOTIFY_NO_MORE_SENDERS, notify);
    port_release(self_, port, PORT_TYPE_SEND);
    EXPECT_EQ(RCV_TIMED_OUT, next_id(notify));
    port_release(self_, port, PORT_TYPE_SEND);
    EXPECT_EQ(NOTIFY_NO_MORE_SENDERS, next_id(notify));
}

TEST_F(NoMoreSenders, CountsRightsInMessages) {
    Port way;
    const Port port;
    const Port notify;
    EXPECT_EQ(SEND_SUCCESS, send_right(way, MSG_TYPE_PORT, port));
    request(port, NOTIFY_NO_MORE_SENDERS, notify);
    EXPECT_EQ(RCV_TIMED_OUT, next_id(notify));
    way.drop();
    EXPECT_EQ(NOTIFY_NO_MORE_SENDERS, next_id(notify));
}

TEST_F(NoMoreSenders, FiresOnceAndIsThenCleared) {
    const Named port(Kind::all_and_send);
    const Port notify;
    request(port, NOTIFY_NO_MORE_SENDERS, notify);
    port_release(self_, port, PORT_TYPE_SEND);
    EXPECT_EQ(NOTIFY_NO_MORE_SENDERS, next_id(notify));
    add_send_right(port);
    port_release(self_, port, PORT_TYPE_SEND);
    EXPECT_EQ(RCV_TIMED_OUT, next_id(notify));
}

TEST_F(NoMoreSenders, CanBeAskedForAgainAfterItFired) {
    const Named port(Kind::all_and_send);
    const Port notify;
    request(port, NOTIFY_NO_MORE_SENDERS, notify);
    port_release(self_, port, PORT_TYPE_SEND);
    EXPECT_EQ(NOTIFY_NO_MORE_SENDERS, next_id(notify));
    add_send_right(port);
    EXPECT_EQ(PORT_NULL, request(port, NOTIFY_NO_MORE_SENDERS, notify));
    port_release(self_, port, PORT_TYPE_SEND);
    EXPECT_EQ(NOTIFY_NO_MORE_SENDERS, next_id(notify));
}

TEST_F(NoMoreSenders, GivesThePreviousRequestBackAsASendOnceRight) {
    const Named port(Kind::all_and_send);
    const Port first;
    const Port second;
    EXPECT_EQ(PORT_NULL, request(port, NOTIFY_NO_MORE_SENDERS, first));
    const port_t previous = request(port, NOTIFY_NO_MORE_SENDERS, second);
    EXPECT_EQ(PORT_TYPE_SEND_ONCE, type_of(previous));
    EXPECT_EQ(SEND_SUCCESS, Letter(previous, 5).send());
    EXPECT_EQ(5, next_id(first));
    port_release(self_, port, PORT_TYPE_SEND);
    EXPECT_EQ(NOTIFY_NO_MORE_SENDERS, next_id(second));
    EXPECT_EQ(RCV_TIMED_OUT, next_id(first));
}

TEST_F(NoMoreSenders, CancelledByANullPortDoesNotCome) {
    const Named port(Kind::all_and_send);
    const Port notify;
    request(port, NOTIFY_NO_MORE_SENDERS, notify);
    const port_t previous = request(port, NOTIFY_NO_MORE_SENDERS, PORT_NULL);
    EXPECT_EQ(KERN_SUCCESS, port_deallocate(self_, previous));
    port_release(self_, port, PORT_TYPE_SEND);
    EXPECT_EQ(RCV_TIMED_OUT, next_id(notify));
}

TEST_F(NoMoreSenders, MayBeToldThroughASendOnceRightWhichIsTakenFromTheCaller) {
    const Named port(Kind::all_and_send);
    const Port notify;
    const port_t once = make_send_once(notify);
    request(port, NOTIFY_NO_MORE_SENDERS, once);
    EXPECT_EQ(PORT_TYPE_NONE, type_of(once));
    port_release(self_, port, PORT_TYPE_SEND);
    EXPECT_EQ(NOTIFY_NO_MORE_SENDERS, next_id(notify));
}

UMACH_SUITE(PortDeleted);

TEST_F(PortDeleted, OnRequestGoesToThePortThatWasNamed) {
    Named name(Kind::send);
    const Port notify;
    request(name, NOTIFY_PORT_DELETED, notify);
    name.end_port();
    Letter got;
    ASSERT_EQ(RCV_SUCCESS, got.receive(notify));
    EXPECT_EQ(NOTIFY_PORT_DELETED, got->msg_id);
    EXPECT_EQ(name, got.name());
    forget_notices();
}

TEST_F(PortDeleted, OnRequestCancelledByANullPortGoesToTheNotifyPort) {
    Named name(Kind::send);
    const Port notify;
    request(name, NOTIFY_PORT_DELETED, notify);
    const port_t previous = request(name, NOTIFY_PORT_DELETED, PORT_NULL);
    EXPECT_EQ(PORT_TYPE_SEND_ONCE, type_of(previous));
    EXPECT_EQ(KERN_SUCCESS, port_deallocate(self_, previous));
    name.end_port();
    EXPECT_EQ(RCV_TIMED_OUT, next_id(notify));
    EXPECT_TRUE(notified(NOTIFY_PORT_DELETED, name));
}

UMACH_SUITE(DeadName);

TEST_F(DeadName, CountsItsReferences) {
    const Named name(Kind::dead);
    EXPECT_EQ(KERN_SUCCESS, port_reference(self_, name, PORT_TYPE_DEAD_NAME));
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, name, PORT_TYPE_DEAD_NAME));
    EXPECT_EQ(PORT_TYPE_DEAD_NAME, type_of(name));
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, name, PORT_TYPE_DEAD_NAME));
    EXPECT_EQ(PORT_TYPE_NONE, type_of(name));
}

TEST_F(DeadName, IsNeverTheNameOfALivingPort) {
    Named dead(Kind::dead);
    for (int i = 0; i < 50; ++i) {
        const Port port;
        EXPECT_NE(dead, port);
    }
}

TEST_F(DeadName, OfAReceiversOwnSendRightComesWhenOnlyTheReceiveRightIsReleased) {
    const Named name(Kind::all_and_send);
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, name, PORT_TYPE_RECEIVE_OWN));
    EXPECT_EQ(PORT_TYPE_DEAD_NAME, type_of(name));
    EXPECT_TRUE(notified(NOTIFY_PORT_DELETED, name));
}

UMACH_SUITE(SendOnceNotice);

TEST_F(SendOnceNotice, ComesWhenTheRightIsReleasedUnusedAndOnlyOnce) {
    const Named port(Kind::all);
    const Port notify;
    const port_t first = make_send_once(port);
    const port_t second = make_send_once(port);
    EXPECT_EQ(PORT_NULL, request(port, NOTIFY_SEND_ONCE, notify));
    EXPECT_EQ(0, waiting_at(notify));
    EXPECT_EQ(KERN_SUCCESS, port_deallocate(self_, first));
    Letter got;
    ASSERT_EQ(RCV_SUCCESS, got.receive(notify));
    EXPECT_EQ(NOTIFY_SEND_ONCE, got->msg_id);
    EXPECT_EQ(port.name(), got.name());
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, second, PORT_TYPE_SEND_ONCE));
    EXPECT_EQ(RCV_TIMED_OUT, next_id(notify));
}

TEST_F(SendOnceNotice, DoesNotComeForARightThatIsUsed) {
    const Named port(Kind::all);
    const Port notify;
    const port_t once = make_send_once(port);
    request(port, NOTIFY_SEND_ONCE, notify);
    EXPECT_EQ(SEND_SUCCESS, Letter(once).send());
    EXPECT_EQ(RCV_TIMED_OUT, next_id(notify));
}

TEST_F(SendOnceNotice, ComesWhenTheMessageThatCarriesTheRightIsDestroyed) {
    const Named port(Kind::all);
    const Port notify;
    request(port, NOTIFY_SEND_ONCE, notify);
    {
        Port parking;
        ASSERT_EQ(SEND_SUCCESS, Letter(parking).item(MSG_TYPE_MAKE_SEND_ONCE, {port}).send());
        EXPECT_EQ(0, waiting_at(notify));
    }
    EXPECT_EQ(NOTIFY_SEND_ONCE, next_id(notify));
}

TEST_F(SendOnceNotice, DoesNotComeForSendRightsAndIsReplacedByARequestAboutThem) {
    const Named port(Kind::all_and_send);
    const Port notify;
    const port_t once = make_send_once(port);
    request(port, NOTIFY_SEND_ONCE, notify);
    port_release(self_, port, PORT_TYPE_SEND);
    EXPECT_EQ(RCV_TIMED_OUT, next_id(notify));
    const port_t previous = request(port, NOTIFY_NO_MORE_SENDERS, notify);
    EXPECT_EQ(PORT_TYPE_SEND_ONCE, type_of(previous));
    port_deallocate(self_, previous);
    port_deallocate(self_, once);
    EXPECT_EQ(NOTIFY_NO_MORE_SENDERS, next_id(notify));
    EXPECT_EQ(RCV_TIMED_OUT, next_id(notify));
}

TEST_F(SendOnceNotice, IsOnlyForTheReceiver) {
    const Named name(Kind::send);
    const Port notify;
    port_t previous = PORT_NULL;
    EXPECT_EQ(KERN_NOT_RECEIVER, port_request_notification(self_, name, NOTIFY_SEND_ONCE, notify, &previous));
}

}  // namespace
}  // namespace umach::tests
