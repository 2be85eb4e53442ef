// SPDX-License-Identifier: BSL-1.0
// Rights as objects: what each holds, and what it gives back when it ends.
#include <gtest/gtest.h>

#include <umach/umach.hpp>

#include "names_held.hpp"

namespace umach::test {
namespace {

bool has_send_right(port_t name) {
    if (port_reference(task_self(), name, PORT_TYPE_SEND) != KERN_SUCCESS) return false;
    EXPECT_EQ(port_release(task_self(), name, PORT_TYPE_SEND), KERN_SUCCESS);
    return true;
}

TEST(Rights, NewPortIsReceivedAndOwned) {
    const ReceiveRight port = ReceiveRight::allocate().value();
    EXPECT_EQ(type_of(port.name()), PORT_TYPE_RECEIVE_OWN);
}

TEST(Rights, EndOfAReceiveRightFreesItsName) {
    const auto before = names_held();
    { const ReceiveRight port = ReceiveRight::allocate().value(); }
    EXPECT_EQ(names_held(), before);
}

TEST(Rights, MovedFromRightHoldsNothingAndTheOtherHoldsIt) {
    ReceiveRight first = ReceiveRight::allocate().value();
    const port_t name = first.name();
    const ReceiveRight second = std::move(first);
    EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): that it is empty is what is tested
    EXPECT_EQ(second.name(), name);
    EXPECT_EQ(type_of(name), PORT_TYPE_RECEIVE_OWN);
}

TEST(Rights, AssignmentGivesBackWhatWasThere) {
    ReceiveRight port = ReceiveRight::allocate().value();
    const port_t first = port.name();
    port = ReceiveRight::allocate().value();
    EXPECT_EQ(type_of(first), PORT_TYPE_NONE);
    EXPECT_EQ(type_of(port.name()), PORT_TYPE_RECEIVE_OWN);
}

TEST(Rights, ReleaseHandsTheReferenceToTheCaller) {
    const port_t name = ReceiveRight::allocate().value().release();
    EXPECT_EQ(type_of(name), PORT_TYPE_RECEIVE_OWN);
    EXPECT_EQ(port_deallocate(task_self(), name), KERN_SUCCESS);
}

TEST(Rights, SendRightMadeAtHomeHasThePortsName) {
    const ReceiveRight port = ReceiveRight::allocate().value();
    EXPECT_FALSE(has_send_right(port.name()));
    const SendRight right = port.make_send().value();
    EXPECT_EQ(right.name(), port.name());
    EXPECT_TRUE(has_send_right(port.name()));
}

TEST(Rights, DuplicateOutlivesItsOriginal) {
    const ReceiveRight port = ReceiveRight::allocate().value();
    SendRight first = port.make_send().value();
    SendRight second = first.duplicate().value();
    first.reset();
    EXPECT_TRUE(has_send_right(port.name()));
    second.reset();
    EXPECT_FALSE(has_send_right(port.name()));
    EXPECT_EQ(type_of(port.name()), PORT_TYPE_RECEIVE_OWN);
}

TEST(Rights, DuplicateOfAnEmptyRightIsInvalidArgument) {
    EXPECT_EQ(SendRight().duplicate().code(), KERN_INVALID_ARGUMENT);
}

TEST(Rights, SendRightWhosePortDiedIsADeadNameAndIsGivenBack) {
    const auto before = names_held();
    ReceiveRight port = ReceiveRight::allocate().value();
    SendRight right = port.make_send().value();
    const port_t name = port.name();
    port.reset();
    EXPECT_EQ(type_of(name), PORT_TYPE_DEAD_NAME);
    MessageWriter message;
    EXPECT_EQ(right.send(message, WhenFull::never_wait()).code(), SEND_INVALID_PORT);
    right.reset();
    EXPECT_EQ(names_held(), before);
}

TEST(Rights, OwnershipObjectEndsWithoutHarmWhileItsPortIsReceived) {
    const ReceiveRight port = ReceiveRight::allocate().value();
    { const Ownership ownership = Ownership::of(port); }
    EXPECT_EQ(type_of(port.name()), PORT_TYPE_RECEIVE_OWN);
}

TEST(Rights, BacklogOutOfRangeIsInvalidArgumentWithADetail) {
    const ReceiveRight port = ReceiveRight::allocate().value();
    EXPECT_TRUE(port.set_backlog(1));
    const Result<void> refused = port.set_backlog(PORT_BACKLOG_MAX + 1);
    EXPECT_EQ(refused.code(), KERN_INVALID_ARGUMENT);
    EXPECT_FALSE(refused.error().detail().empty());
}

TEST(Rights, WaitingMessagesCountsWhatIsQueued) {
    const ReceiveRight port = ReceiveRight::allocate().value();
    EXPECT_EQ(port.waiting_messages().value(), 0);
    MessageWriter message;
    port.send(message).value();
    port.send(message).value();
    EXPECT_EQ(port.waiting_messages().value(), 2);
}

TEST(Rights, EmptyRightReceivesNothing) {
    EXPECT_EQ(ReceiveRight().receive(WhenEmpty::never_wait()).code(), RCV_INVALID_PORT);
}

TEST(Rights, BackupThatIsReplacedComesBack) {
    const ReceiveRight port = ReceiveRight::allocate().value();
    const ReceiveRight first = ReceiveRight::allocate().value();
    EXPECT_FALSE(port.set_backup(first).value());
    EXPECT_EQ(port.set_backup(PortName()).value().name(), first.name());
}

}  // namespace
}  // namespace umach::test
