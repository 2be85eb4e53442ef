// SPDX-License-Identifier: BSL-1.0
// A receive right on its way: its queue goes with it, nests are bounded, circles are refused.
#include "kinds.hpp"
#include "parties.hpp"

namespace umach::tests {
namespace {

UMACH_SUITE(MovedReceive);

TEST_F(MovedReceive, WithoutDeallocateLeavesASendRightUnderTheSameName) {
    const Port port;
    const Port way;
    EXPECT_EQ(SEND_SUCCESS, send_right(way, MSG_TYPE_PORT_ALL, port));
    EXPECT_EQ(PORT_TYPE_SEND, type_of(port));
    Letter got;
    EXPECT_EQ(RCV_SUCCESS, got.receive(way));
    EXPECT_EQ(port, got.name());
    EXPECT_EQ(static_cast<unsigned>(MSG_TYPE_PORT_ALL), got.code());
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(port));
}

TEST_F(MovedReceive, WithDeallocateLeavesNothing) {
    const Port port;
    const Port way;
    EXPECT_EQ(SEND_SUCCESS, send_right(way, MSG_TYPE_PORT_ALL, port, true));
    EXPECT_EQ(PORT_TYPE_NONE, type_of(port));
    Letter got;
    EXPECT_EQ(RCV_SUCCESS, got.receive(way));
    const Port back(got.name());
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(back));
}

TEST_F(MovedReceive, TakesItsQueueAlongInOrder) {
    const Port port;
    const Port way;
    fill(port, 5);
    EXPECT_EQ(SEND_SUCCESS, send_right(way, MSG_TYPE_PORT_ALL, port));
    Letter got;
    EXPECT_EQ(RCV_SUCCESS, got.receive(way));
    EXPECT_EQ((std::vector<int>{100, 101, 102, 103, 104}), all_ids(port));
}

TEST_F(MovedReceive, CanBeSentToWhileItIsInAMessage) {
    const Port port;
    const Port way;
    fill(port, 2);
    EXPECT_EQ(SEND_SUCCESS, send_right(way, MSG_TYPE_PORT_ALL, port));
    fill(port, 6, 200);
    EXPECT_EQ(SEND_TIMED_OUT, Letter(port).send()) << "its backlog goes with it";
    Letter got;
    EXPECT_EQ(RCV_SUCCESS, got.receive(way));
    EXPECT_EQ((std::vector<int>{100, 101, 200, 201, 202, 203, 204, 205}), all_ids(port));
}

TEST_F(MovedReceive, KeepsItsBacklog) {
    const Port port;
    const Port way;
    port_set_backlog(self_, port, 3);
    EXPECT_EQ(SEND_SUCCESS, send_right(way, MSG_TYPE_PORT_ALL, port));
    Letter got;
    EXPECT_EQ(RCV_SUCCESS, got.receive(way));
    EXPECT_EQ(3, status_of(port).backlog);
}

TEST_F(MovedReceive, LeavesItsSet) {
    const Port port;
    const Port way;
    const Set set;
    port_set_add(self_, set, port);
    EXPECT_EQ(SEND_SUCCESS, send_right(way, MSG_TYPE_PORT_ALL, port));
    EXPECT_TRUE(set.members().empty());
    Letter got;
    EXPECT_EQ(RCV_SUCCESS, got.receive(way));
    EXPECT_EQ(PORT_NULL, status_of(port).set);
    EXPECT_EQ(KERN_NOT_IN_SET, port_set_remove(self_, port));
}

TEST_F(MovedReceive, SentToItselfIsRefusedAndNothingIsTaken) {
    const Port port;
    EXPECT_EQ(SEND_INVALID_PORT, send_right(port, MSG_TYPE_PORT_ALL, port));
    EXPECT_EQ(SEND_INVALID_PORT, send_right(port, MSG_TYPE_PORT_RECEIVE, port));
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(port));
    EXPECT_EQ(0, waiting_at(port));
}

TEST_F(MovedReceive, InACircleOfTwoIsRefusedAndNothingIsTaken) {
    const Port a;
    const Port b;
    EXPECT_EQ(SEND_SUCCESS, send_right(b, MSG_TYPE_PORT_ALL, a));
    EXPECT_EQ(SEND_INVALID_PORT, send_right(a, MSG_TYPE_PORT_ALL, b));
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(b));
    EXPECT_EQ(1, waiting_at(b));
}

TEST_F(MovedReceive, InACircleOfThreeIsRefusedAndNothingIsTaken) {
    const Port a;
    const Port b;
    const Port c;
    EXPECT_EQ(SEND_SUCCESS, send_right(b, MSG_TYPE_PORT_ALL, a));
    EXPECT_EQ(SEND_SUCCESS, send_right(c, MSG_TYPE_PORT_ALL, b));
    EXPECT_EQ(SEND_INVALID_PORT, send_right(a, MSG_TYPE_PORT_ALL, c));
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(c));
}

// Packs ports into each other, each in the queue of the next. returns: the code of each send
std::vector<msg_return_t> nest(const std::vector<Port>& ports) {
    std::vector<msg_return_t> codes;
    for (std::size_t i = 0; i + 1 < ports.size(); ++i)
        codes.push_back(send_right(ports[i + 1], MSG_TYPE_PORT_ALL, ports[i]));
    return codes;
}

TEST_F(MovedReceive, NestsSixteenDeepAndNoDeeper) {
    const std::vector<Port> ports(18);
    const std::vector<msg_return_t> codes = nest(ports);
    for (std::size_t i = 0; i < 16; ++i) EXPECT_EQ(SEND_SUCCESS, codes[i]) << i;
    EXPECT_EQ(SEND_INVALID_PORT, codes[16]);
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(ports[16]));
}

TEST_F(MovedReceive, AWholeNestDiesWithItsTop) {
    std::vector<Port> ports(10);
    nest(ports);
    ports.back().drop();
    int deleted = 0;
    while (const auto notice = next_notice()) {
        EXPECT_EQ(NOTIFY_PORT_DELETED, notice->notify_header.msg_id);
        ++deleted;
    }
    EXPECT_EQ(9, deleted);
}

TEST_F(MovedReceive, AWholeNestCanBeUnpacked) {
    const std::vector<Port> ports(17);
    nest(ports);
    for (std::size_t i = 16; i > 0; --i) {
        Letter got;
        ASSERT_EQ(RCV_SUCCESS, got.receive(ports[i]));
        EXPECT_EQ(ports[i - 1], got.name());
    }
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(ports[0]));
}

TEST_F(MovedReceive, DiesWithTheMessageThatCarriesIt) {
    const Port port;
    Port way;
    EXPECT_EQ(SEND_SUCCESS, send_right(way, MSG_TYPE_PORT_ALL, port));
    way.drop();
    EXPECT_EQ(PORT_TYPE_DEAD_NAME, type_of(port));
    EXPECT_TRUE(notified(NOTIFY_PORT_DELETED, port));
}

TEST_F(MovedReceive, SentAgainWhileItIsInAMessageIsRefused) {
    const Named name(Kind::send);
    const Port way;
    EXPECT_EQ(SEND_INVALID_PORT, send_right(way, MSG_TYPE_PORT_RECEIVE, name));
    EXPECT_EQ(PORT_TYPE_SEND, type_of(name));
}

}  // namespace
}  // namespace umach::tests
