// SPDX-License-Identifier: BSL-1.0
// PortSet and PortFd.
#include <gtest/gtest.h>

#include <poll.h>

#include <umach/umach.hpp>

#include "names_held.hpp"

namespace umach::test {
namespace {

class Set : public ::testing::Test {
protected:
    void SetUp() override {
        set_.add(first_).value();
        set_.add(second_).value();
    }
    static void send(const ReceiveRight& port, msg_id_t id) {
        MessageWriter message(id);
        port.send(message, WhenFull::never_wait()).value();
    }
    Message next() { return set_.receive(WhenEmpty::never_wait()).value(); }

    ReceiveRight first_ = ReceiveRight::allocate().value();
    ReceiveRight second_ = ReceiveRight::allocate().value();
    PortSet set_ = PortSet::allocate().value();
};

TEST_F(Set, MessageSaysAtWhichMemberItArrived) {
    send(second_, 2);
    const Message message = next();
    EXPECT_EQ(message.arrived_at(), PortName(second_));
}

TEST_F(Set, MemberThatWasServedGoesToTheEnd) {
    for (int i = 0; i < 3; ++i) {
        send(first_, 10 + i);
        send(second_, 20 + i);
    }
    for (int i = 0; i < 3; ++i) {
        const msg_id_t one = next().id();
        const msg_id_t two = next().id();
        EXPECT_EQ(std::min(one, two), 10 + i);
        EXPECT_EQ(std::max(one, two), 20 + i);
    }
}

TEST_F(Set, MemberCannotBeReceivedFromAlone) {
    send(first_, 1);
    EXPECT_EQ(first_.receive(WhenEmpty::never_wait()).code(), RCV_INVALID_PORT);
    EXPECT_EQ(next().id(), 1);
}

TEST_F(Set, RemovedMemberKeepsItsMessages) {
    send(first_, 1);
    ASSERT_TRUE(PortSet::remove(first_));
    EXPECT_EQ(set_.receive(WhenEmpty::never_wait()).code(), RCV_TIMED_OUT);
    EXPECT_EQ(first_.receive(WhenEmpty::never_wait()).value().id(), 1);
    EXPECT_EQ(PortSet::remove(first_).code(), KERN_NOT_IN_SET);
}

TEST_F(Set, EndOfTheSetLeavesItsMembersAlive) {
    const port_t name = set_.name();
    send(second_, 2);
    set_.reset();
    EXPECT_EQ(type_of(name), PORT_TYPE_NONE);
    EXPECT_EQ(second_.receive(WhenEmpty::never_wait()).value().id(), 2);
}

TEST_F(Set, DescriptorIsReadableWhileAMessageWaits) {
    const PortFd fd = set_.fd().value();
    pollfd poll_fd{.fd = fd.get(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(poll(&poll_fd, 1, 0), 0);
    send(first_, 1);
    EXPECT_EQ(poll(&poll_fd, 1, 10000), 1);
    next();
    EXPECT_EQ(poll(&poll_fd, 1, 0), 0);
}

TEST_F(Set, DescriptorOfAnEmptyNameIsInvalidArgument) {
    EXPECT_EQ(PortFd::of(PortName()).code(), KERN_INVALID_ARGUMENT);
}

}  // namespace
}  // namespace umach::test
