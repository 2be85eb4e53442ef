// SPDX-License-Identifier: BSL-1.0
// Notifications as types. MessageAccepted is with the policies, in send_test.cpp.
#include <gtest/gtest.h>

#include <unistd.h>

#include <umach/umach.hpp>

#include "crafted.hpp"
#include "names_held.hpp"

namespace umach::test {
namespace {

constexpr std::chrono::milliseconds long_enough{10000};

class Notified : public ::testing::Test {
protected:
    void SetUp() override {
        while (receive_notification(WhenEmpty::never_wait())) {
        }
    }
    static Notification next() { return receive_notification(WhenEmpty::wait_for(long_enough)).value(); }
};

/// A child that sends a right to a port of its own, reads one message there, and ends.
int child_with_a_port(const ReceiveRight& parent) {
    register_ports({parent}).value();
    const int child = fork();
    if (child != 0) return child;
    const ReceiveRight own = ReceiveRight::allocate().value();
    MessageWriter message;
    message.make_send(own);
    registered_port(0).value().send(message).value();
    _exit(own.receive(WhenEmpty::wait_for(long_enough)) ? 0 : 1);
}

TEST_F(Notified, DeathOfATaskTellsWhoHoldsRightsToItsPorts) {
    const ReceiveRight port = ReceiveRight::allocate().value();
    const int child = child_with_a_port(port);
    SendRight right =
        port.receive(WhenEmpty::wait_for(long_enough)).value().reader().get<SendRight>().value();
    const port_t name = right.name();
    MessageWriter go;
    right.send(go).value();
    EXPECT_EQ(exit_code(child), 0);
    const Notification told = next();
    ASSERT_TRUE(std::holds_alternative<PortDeleted>(told));
    EXPECT_EQ(std::get<PortDeleted>(told).name, name);
    EXPECT_EQ(type_of(name), PORT_TYPE_NONE);
    right.reset();  // its name is free; nothing else may end
    EXPECT_EQ(type_of(port.name()), PORT_TYPE_RECEIVE_OWN);
    register_ports({}).value();
}

TEST_F(Notified, LastSendRightThatEndsIsNoMoreSenders) {
    const ReceiveRight port = ReceiveRight::allocate().value();
    const ReceiveRight notify = ReceiveRight::allocate().value();
    SendRight right = port.make_send().value();
    EXPECT_FALSE(request_notification(port, NOTIFY_NO_MORE_SENDERS, notify).value());
    EXPECT_EQ(notify.receive(WhenEmpty::never_wait()).code(), RCV_TIMED_OUT);
    right.reset();
    Message message = notify.receive(WhenEmpty::wait_for(long_enough)).value();
    const Notification told = decode_notification(message).value();
    ASSERT_TRUE(std::holds_alternative<NoMoreSenders>(told));
    EXPECT_EQ(std::get<NoMoreSenders>(told).name, port.name());
}

TEST_F(Notified, PortWithABackupComesToItWithItsQueue) {
    const ReceiveRight backup = ReceiveRight::allocate().value();
    {
        const ReceiveRight port = ReceiveRight::allocate().value();
        port.set_backup(backup).value();
        MessageWriter inside(4);
        port.send(inside).value();
    }
    Message message = backup.receive(WhenEmpty::wait_for(long_enough)).value();
    Notification told = decode_notification(message).value();
    ASSERT_TRUE(std::holds_alternative<PortDestroyed>(told));
    EXPECT_EQ(std::get<PortDestroyed>(told).right.receive(WhenEmpty::never_wait()).value().id(), 4);
}

TEST_F(Notified, OwnerGetsTheReceiveRightWhenTheReceiverEnds) {
    const ReceiveRight parent = ReceiveRight::allocate().value();
    ReceiveRight given = ReceiveRight::allocate().value();
    const Ownership ownership = Ownership::of(given);
    const int child = child_with_a_port(parent);
    const auto to_child =
        parent.receive(WhenEmpty::wait_for(long_enough)).value().reader().get<SendRight>().value();
    const port_t name = given.release();
    struct {
        msg_header_t header;
        msg_type_t type;
        port_t port;
    } gift{};
    gift.header.msg_size = sizeof gift;
    gift.header.msg_remote_port = to_child.name();
    gift.type = short_descriptor(MSG_TYPE_PORT_RECEIVE, 32, 1);
    gift.port = name;
    ASSERT_EQ(msg_send(&gift.header, SEND_TIMEOUT, 10000), SEND_SUCCESS);
    EXPECT_EQ(exit_code(child), 0);
    for (;;) {
        Notification told = next();
        if (auto* gained = std::get_if<ReceiveRightGained>(&told)) {
            EXPECT_EQ(gained->right.name(), name);
            EXPECT_EQ(type_of(name), PORT_TYPE_RECEIVE_OWN);
            break;
        }
        EXPECT_TRUE(std::holds_alternative<PortDeleted>(told));  // the child's own port
    }
    register_ports({}).value();
}

TEST_F(Notified, ForgedNotificationIsBadId) {
    const ReceiveRight port = ReceiveRight::allocate().value();
    notification_t forged{};
    forged.notify_header.msg_unused = MSG_UNUSED_KERNEL;
    forged.notify_header.msg_simple = TRUE;
    forged.notify_header.msg_size = sizeof forged;
    forged.notify_header.msg_type = MSG_TYPE_EMERGENCY;
    forged.notify_header.msg_remote_port = port.name();
    forged.notify_header.msg_id = NOTIFY_PORT_DELETED;
    forged.notify_type = short_descriptor(MSG_TYPE_PORT_NAME, 32, 1);
    forged.notify_port = port.name();
    ASSERT_EQ(msg_send(&forged.notify_header, SEND_TIMEOUT, 0), SEND_SUCCESS);
    Message message = port.receive(WhenEmpty::never_wait()).value();
    EXPECT_FALSE(message.from_kernel());
    EXPECT_EQ(decode_notification(message).code(), MIG_BAD_ID);
}

}  // namespace
}  // namespace umach::test
