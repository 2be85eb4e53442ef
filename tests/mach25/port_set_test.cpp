// SPDX-License-Identifier: BSL-1.0
// Port sets: one name to receive from many ports.
#include "kinds.hpp"
#include "parties.hpp"

#include <algorithm>
#include <memory>

namespace umach::tests {
namespace {

UMACH_SUITE(PortSet);

void add(port_set_name_t set, port_t port) {
    EXPECT_EQ(KERN_SUCCESS, port_set_add(task_self(), set, port));
}

TEST_F(PortSet, IsANameOfItsOwnType) {
    const Set set;
    EXPECT_EQ(PORT_TYPE_SET, type_of(set));
    EXPECT_TRUE(set.members().empty());
}

TEST_F(PortSet, ListsItsMembers) {
    const Set set;
    const Port a;
    const Port b;
    add(set, a);
    add(set, b);
    auto members = set.members();
    std::sort(members.begin(), members.end());
    std::vector<port_t> expected{a, b};
    std::sort(expected.begin(), expected.end());
    EXPECT_EQ(expected, members);
    EXPECT_EQ(set, status_of(a).set);
}

TEST_F(PortSet, ListsAThousandMembers) {
    const Set set;
    const std::vector<Port> ports(1000);
    for (const Port& port : ports) add(set, port);
    EXPECT_EQ(1000u, set.members().size());
}

TEST_F(PortSet, ReceivesFromAnyMemberAndSaysFromWhich) {
    const Set set;
    const Port a;
    const Port b;
    add(set, a);
    add(set, b);
    fill(b, 1);
    Letter got;
    EXPECT_EQ(RCV_SUCCESS, got.receive(set));
    EXPECT_EQ(b, got->msg_local_port);
    EXPECT_EQ(100, got->msg_id);
    EXPECT_EQ(RCV_TIMED_OUT, got.receive(set));
}

TEST_F(PortSet, ReceivesMessagesThatWaitedBeforeThePortJoined) {
    const Set set;
    const Port port;
    fill(port, 3);
    add(set, port);
    EXPECT_EQ((std::vector<int>{100, 101, 102}), all_ids(set));
}

TEST_F(PortSet, KeepsTheOrderOfEachMember) {
    const Set set;
    const Port a;
    const Port b;
    add(set, a);
    add(set, b);
    fill(a, 4, 100);
    fill(b, 4, 200);
    std::vector<int> ids = all_ids(set);
    ASSERT_EQ(8u, ids.size());
    const auto middle = std::stable_partition(ids.begin(), ids.end(), [](int id) { return id < 200; });
    EXPECT_TRUE(std::is_sorted(ids.begin(), middle));
    EXPECT_TRUE(std::is_sorted(middle, ids.end()));
}

TEST_F(PortSet, IsFairTheMemberThatWasServedGoesToTheEnd) {
    const Set set;
    const Port a;
    const Port b;
    const Port c;
    for (port_t port : {static_cast<port_t>(a), static_cast<port_t>(b), static_cast<port_t>(c)})
        add(set, port);
    fill(a, 3, 100);
    fill(b, 3, 200);
    fill(c, 3, 300);
    EXPECT_EQ((std::vector<int>{100, 200, 300, 101, 201, 301, 102, 202, 302}), all_ids(set));
}

TEST_F(PortSet, ABusyMemberDoesNotStarveAQuietOne) {
    const Set set;
    const Port busy;
    const Port quiet;
    add(set, busy);
    add(set, quiet);
    fill(busy, 8);
    EXPECT_EQ(SEND_SUCCESS, Letter(quiet, 1).send());
    int turns = 0;
    for (int id = 0; id != 1 && turns < 10; ++turns) {
        id = next_id(set);
        if (id != 1) {
            EXPECT_EQ(SEND_SUCCESS, Letter(busy, 100).send());
        }
    }
    EXPECT_LE(turns, 2);
}

TEST_F(PortSet, AWaitingReceiverGetsAMessageOfAnyMember) {
    const Set set;
    const Port a;
    const Port b;
    add(set, a);
    add(set, b);
    Party receiver([&] { return next_id(set, patience); });
    receiver.asleep();
    EXPECT_EQ(SEND_SUCCESS, Letter(b, 4).send());
    EXPECT_EQ(4, receiver.result());
}

TEST_F(PortSet, AWaitingReceiverGetsAMessageOfAPortThatJoins) {
    const Set set;
    const Port port;
    fill(port, 1);
    Party receiver([&] { return next_id(set, patience); });
    receiver.asleep();
    add(set, port);
    EXPECT_EQ(100, receiver.result());
}

TEST_F(PortSet, AddingAPortAgainChangesNothing) {
    const Set set;
    const Port port;
    fill(port, 2);
    add(set, port);
    add(set, port);
    EXPECT_EQ(1u, set.members().size());
    EXPECT_EQ((std::vector<int>{100, 101}), all_ids(set));
}

TEST_F(PortSet, APortMovesFromItsOldSetInOneStep) {
    const Set first;
    const Set second;
    const Port port;
    fill(port, 2);
    add(first, port);
    add(second, port);
    EXPECT_TRUE(first.members().empty());
    EXPECT_EQ(second, status_of(port).set);
    EXPECT_EQ(RCV_TIMED_OUT, next_id(first));
    EXPECT_EQ((std::vector<int>{100, 101}), all_ids(second));
}

TEST_F(PortSet, ARemovedPortKeepsItsMessagesAndCanBeReceivedFromItself) {
    const Set set;
    const Port port;
    add(set, port);
    fill(port, 2);
    EXPECT_EQ(KERN_SUCCESS, port_set_remove(self_, port));
    EXPECT_EQ(RCV_TIMED_OUT, next_id(set));
    EXPECT_EQ((std::vector<int>{100, 101}), all_ids(port));
}

TEST_F(PortSet, RemovingAPortInNoSetSaysSo) {
    const Port port;
    EXPECT_EQ(KERN_NOT_IN_SET, port_set_remove(self_, port));
}

TEST_F(PortSet, EndingLeavesItsMembersAliveWithTheirMessages) {
    const Port port;
    {
        const Set set;
        add(set, port);
        fill(port, 2);
    }
    EXPECT_EQ(PORT_NULL, status_of(port).set);
    EXPECT_EQ((std::vector<int>{100, 101}), all_ids(port));
}

TEST_F(PortSet, EndingEndsTheWaitsOfItsReceivers) {
    auto set = std::make_unique<Set>();
    const port_t name = *set;
    Party a([&] { return Letter().receive(name, RCV_TIMEOUT, patience); });
    Party b([&] { return Letter().receive(name, RCV_TIMEOUT, patience); });
    a.asleep();
    b.asleep();
    set.reset();
    EXPECT_EQ(RCV_INVALID_PORT, a.result());
    EXPECT_EQ(RCV_INVALID_PORT, b.result());
}

TEST_F(PortSet, AMemberThatDiesLeavesIt) {
    const Set set;
    Port port;
    add(set, port);
    fill(port, 2);
    port.drop();
    EXPECT_TRUE(set.members().empty());
    EXPECT_EQ(RCV_TIMED_OUT, next_id(set));
}

TEST_F(PortSet, AReceiverOfTheSetGoesOnWaitingWhenAMemberDies) {
    const Set set;
    Port port;
    const Port other;
    add(set, port);
    add(set, other);
    Party receiver([&] { return next_id(set, patience); });
    receiver.asleep();
    port.drop();
    EXPECT_EQ(SEND_SUCCESS, Letter(other, 6).send());
    EXPECT_EQ(6, receiver.result());
}

TEST_F(PortSet, CannotBeSentTo) {
    const Set set;
    EXPECT_EQ(SEND_INVALID_PORT, Letter(set).send());
}

TEST_F(PortSet, CannotBeDeallocatedAsAPort) {
    const Set set;
    EXPECT_EQ(KERN_INVALID_ARGUMENT, port_deallocate(self_, set));
    EXPECT_EQ(PORT_TYPE_SET, type_of(set));
}

TEST_F(PortSet, CanBeRenamedWithItsMembers) {
    port_set_name_t set = PORT_NULL;
    ASSERT_EQ(KERN_SUCCESS, port_set_allocate(self_, &set));
    const Port port;
    add(set, port);
    fill(port, 1);
    EXPECT_EQ(KERN_SUCCESS, port_rename(self_, set, 0x00c0'ffee));
    EXPECT_EQ(0x00c0'ffee, status_of(port).set);
    EXPECT_EQ(100, next_id(0x00c0'ffee));
    EXPECT_EQ(KERN_SUCCESS, port_set_deallocate(self_, 0x00c0'ffee));
}

TEST_F(PortSet, RoomMadeThroughItAdmitsABlockedSender) {
    const Set set;
    const Port port;
    add(set, port);
    fill(port);
    Party sender([&] { return Letter(port, 1).send(MSG_OPTION_NONE); });
    sender.asleep();
    EXPECT_EQ(100, next_id(set));
    EXPECT_EQ(SEND_SUCCESS, sender.result());
}

TEST_F(PortSet, TooLargeAMessageStaysFirstAtItsMember) {
    const Set set;
    const Port port;
    add(set, port);
    EXPECT_EQ(SEND_SUCCESS, Letter(port, 1).text("12345678").send());
    EXPECT_EQ(RCV_TOO_LARGE, Letter().receive(set, RCV_TIMEOUT, 0, 24));
    EXPECT_EQ(1, next_id(set));
}

TEST_F(PortSet, NoMessageIsLostBetweenManyReceiversAndMembersThatComeAndGo) {
    const Set set;
    const Port port;
    add(set, port);
    constexpr int messages = 300;
    std::vector<std::unique_ptr<Party>> receivers;
    for (int i = 0; i < 3; ++i)
        receivers.push_back(std::make_unique<Party>([&] {
            int taken = 0;
            for (int id = 0; id >= 0; ++taken) {
                id = next_id(set, patience);
                if (id == messages) return taken;
            }
            return -1;
        }));
    for (int i = 0; i < messages; ++i) {
        ASSERT_EQ(SEND_SUCCESS, Letter(port, i).send(MSG_OPTION_NONE));
        if (i % 10 == 0) {
            EXPECT_EQ(KERN_SUCCESS, port_set_remove(self_, port));
            add(set, port);
        }
    }
    for (int i = 0; i < 3; ++i) EXPECT_EQ(SEND_SUCCESS, Letter(port, messages).send(MSG_OPTION_NONE));
    int taken = 0;
    for (auto& receiver : receivers) taken += receiver->result();
    EXPECT_EQ(messages, taken);
}

}  // namespace
}  // namespace umach::tests
