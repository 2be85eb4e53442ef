// SPDX-License-Identifier: BSL-1.0
// Names: one a port, small at first, reused in the order they were freed, and chosen by rename and insert.
#include "kinds.hpp"
#include "parties.hpp"

#include <set>

namespace umach::tests {
namespace {

UMACH_SUITE(Names);

constexpr port_name_t chosen = 0x00c0'ffee;
constexpr std::uint32_t index_mask = 0xf'ffff;  // at least 20 bits of index

TEST_F(Names, OfAPortIsOneForAllItsRights) {
    const Port port;
    EXPECT_EQ(port, send_round(MSG_TYPE_PORT, port));
    EXPECT_EQ(port, send_round(MSG_TYPE_PORT_ALL, port));
    EXPECT_EQ(port, send_round(MSG_TYPE_PORT_OWNERSHIP, port));
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(port));
}

TEST_F(Names, AreDifferentForDifferentPorts) {
    const std::vector<Port> ports(200);
    std::set<port_t> names;
    for (const Port& port : ports) names.insert(port);
    EXPECT_EQ(200u, names.size());
    EXPECT_EQ(0u, names.count(PORT_NULL));
    EXPECT_EQ(0u, names.count(PORT_DEAD));
}

TEST_F(Names, ThatWereFreedAreNotMetAgainAtOnce) {
    std::set<port_t> names;
    for (int i = 0; i < 300; ++i) {
        port_t port = PORT_NULL;
        ASSERT_EQ(KERN_SUCCESS, port_allocate(self_, &port));
        EXPECT_TRUE(names.insert(port).second) << "a stale name must not find a new port";
        ASSERT_EQ(KERN_SUCCESS, port_deallocate(self_, port));
        EXPECT_EQ(PORT_TYPE_NONE, type_of(port));
    }
}

TEST_F(Names, IndicesAreReusedInTheOrderTheyWereFreed) {
    std::vector<port_t> first(8);
    for (port_t& port : first) ASSERT_EQ(KERN_SUCCESS, port_allocate(self_, &port));
    // Other indices that are free already come before those that are freed now.
    std::vector<port_t> all;
    for (std::size_t i : {3u, 0u, 5u, 1u}) ASSERT_EQ(KERN_SUCCESS, port_deallocate(self_, first[i]));
    std::vector<std::uint32_t> reused;
    const auto index = [](port_t name) { return static_cast<std::uint32_t>(name) & index_mask; };
    while (reused.size() < 4 && all.size() < 10'000) {
        port_t port = PORT_NULL;
        ASSERT_EQ(KERN_SUCCESS, port_allocate(self_, &port));
        all.push_back(port);
        for (std::size_t i : {3u, 0u, 5u, 1u})
            if (index(port) == index(first[i])) reused.push_back(index(port));
    }
    EXPECT_EQ(
        (std::vector<std::uint32_t>{index(first[3]), index(first[0]), index(first[5]), index(first[1])}),
        reused);
    for (port_t port : all) port_deallocate(self_, port);
    for (std::size_t i : {2u, 4u, 6u, 7u}) port_deallocate(self_, first[i]);
}

TEST_F(Names, RenameGivesAnyUnusedValue) {
    for (const port_name_t value : {chosen, 0x7fff'ffff, -2, static_cast<int>(0x8000'0000), 0x0010'0000}) {
        port_t port = PORT_NULL;
        ASSERT_EQ(KERN_SUCCESS, port_allocate(self_, &port));
        EXPECT_EQ(KERN_SUCCESS, port_rename(self_, port, value)) << value;
        EXPECT_EQ(PORT_TYPE_NONE, type_of(port));
        EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(value));
        fill(value, 1);
        EXPECT_EQ(100, next_id(value));
        EXPECT_EQ(KERN_SUCCESS, port_deallocate(self_, value));
    }
}

TEST_F(Names, RenameToAReservedValueIsInvalid) {
    const Port port;
    EXPECT_EQ(KERN_INVALID_ARGUMENT, port_rename(self_, port, PORT_NULL));
    EXPECT_EQ(KERN_INVALID_ARGUMENT, port_rename(self_, port, PORT_DEAD));
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(port));
}

TEST_F(Names, RenameToAUsedNameSaysNameExists) {
    const Port a;
    const Port b;
    EXPECT_EQ(KERN_NAME_EXISTS, port_rename(self_, a, b));
    EXPECT_EQ(KERN_NAME_EXISTS, port_rename(self_, a, a));
}

TEST_F(Names, RenameTakesMessagesAndSetAlong) {
    port_t port = PORT_NULL;
    ASSERT_EQ(KERN_SUCCESS, port_allocate(self_, &port));
    const Set set;
    fill(port, 2);
    port_set_add(self_, set, port);
    EXPECT_EQ(KERN_SUCCESS, port_rename(self_, port, chosen));
    EXPECT_EQ(std::vector<port_t>{chosen}, set.members());
    Letter got;
    EXPECT_EQ(RCV_SUCCESS, got.receive(set));
    EXPECT_EQ(chosen, got->msg_local_port);
    EXPECT_EQ(KERN_SUCCESS, port_deallocate(self_, chosen));
}

TEST_F(Names, ANameGivenByRenameIsStillTheOneNameOfThePort) {
    port_t port = PORT_NULL;
    ASSERT_EQ(KERN_SUCCESS, port_allocate(self_, &port));
    EXPECT_EQ(KERN_SUCCESS, port_rename(self_, port, chosen));
    EXPECT_EQ(chosen, send_round(MSG_TYPE_PORT, chosen));
    EXPECT_EQ(KERN_SUCCESS, port_deallocate(self_, chosen));
    EXPECT_EQ(PORT_TYPE_NONE, type_of(chosen));
}

TEST_F(Names, ANameChosenInTheIndexRangeDoesNotCollideWithNewOnes) {
    std::vector<port_t> renamed;
    for (int i = 0; i < 64; ++i) {
        port_t port = PORT_NULL;
        ASSERT_EQ(KERN_SUCCESS, port_allocate(self_, &port));
        const port_name_t wanted = 2000 + i;
        ASSERT_EQ(KERN_SUCCESS, port_rename(self_, port, wanted));
        renamed.push_back(wanted);
    }
    std::vector<port_t> fresh(3000);
    std::set<port_t> seen(renamed.begin(), renamed.end());
    for (port_t& port : fresh) {
        ASSERT_EQ(KERN_SUCCESS, port_allocate(self_, &port));
        ASSERT_TRUE(seen.insert(port).second);
    }
    for (port_t port : renamed) EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(port));
    for (port_t port : seen) ASSERT_EQ(KERN_SUCCESS, port_deallocate(self_, port));
}

class NamesOfAPeer : public Family {};

TEST_F(NamesOfAPeer, CallsOnAnotherTaskWorkOnItsSpace) {
    const Peer peer(hub_);
    port_t his = PORT_NULL;
    ASSERT_EQ(KERN_SUCCESS, port_allocate(peer.task(), &his));
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(his, peer.task()));
    EXPECT_EQ(1u, names_of(peer.task()).count(his));
    EXPECT_EQ(KERN_SUCCESS, port_set_backlog(peer.task(), his, 2));
    EXPECT_EQ(2, status_of(his, peer.task()).backlog);
    EXPECT_EQ(KERN_SUCCESS, port_deallocate(peer.task(), his));
    EXPECT_EQ(PORT_TYPE_NONE, type_of(his, peer.task()));
}

TEST_F(NamesOfAPeer, InsertedSendRightIsThereUnderTheChosenName) {
    const Peer peer(hub_);
    const Port mine;
    EXPECT_EQ(KERN_SUCCESS, port_insert_send(peer.task(), mine, chosen));
    EXPECT_EQ(PORT_TYPE_SEND, type_of(chosen, peer.task()));
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(mine));
    EXPECT_EQ(KERN_SUCCESS, port_deallocate(peer.task(), chosen));
}

TEST_F(NamesOfAPeer, InsertUnderAUsedNameSaysNameExists) {
    const Peer peer(hub_);
    const Port mine;
    port_t his = PORT_NULL;
    ASSERT_EQ(KERN_SUCCESS, port_allocate(peer.task(), &his));
    EXPECT_EQ(KERN_NAME_EXISTS, port_insert_send(peer.task(), mine, his));
    EXPECT_EQ(KERN_NAME_EXISTS, port_insert_receive(peer.task(), mine, his));
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(mine));
}

TEST_F(NamesOfAPeer, InsertOfAPortThatItKnowsFails) {
    const Peer peer(hub_);
    const Port mine;
    EXPECT_EQ(KERN_SUCCESS, port_insert_send(peer.task(), mine, chosen));
    EXPECT_EQ(KERN_FAILURE, port_insert_send(peer.task(), mine, chosen + 1));
    EXPECT_EQ(KERN_FAILURE, port_insert_receive(peer.task(), mine, chosen + 1));
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(mine));
}

TEST_F(NamesOfAPeer, InsertUnderAReservedNameIsInvalid) {
    const Peer peer(hub_);
    const Port mine;
    for (const port_t reserved : {PORT_NULL, PORT_DEAD}) {
        EXPECT_EQ(KERN_INVALID_ARGUMENT, port_insert_send(peer.task(), mine, reserved));
        EXPECT_EQ(KERN_INVALID_ARGUMENT, port_insert_receive(peer.task(), mine, reserved));
    }
}

TEST_F(NamesOfAPeer, InsertedReceiveRightTakesItsQueueAndLeavesASendRight) {
    const Peer peer(hub_);
    const Port mine;
    fill(mine, 3);
    EXPECT_EQ(KERN_SUCCESS, port_insert_receive(peer.task(), mine, chosen));
    EXPECT_EQ(PORT_TYPE_SEND, type_of(mine));
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(chosen, peer.task()));
    EXPECT_EQ(3, status_of(chosen, peer.task()).messages);
    port_t back = PORT_NULL;
    EXPECT_EQ(KERN_SUCCESS, port_extract_receive(peer.task(), chosen, &back));
    EXPECT_EQ(mine, back);
    EXPECT_EQ(PORT_TYPE_NONE, type_of(chosen, peer.task()));
    EXPECT_EQ((std::vector<int>{100, 101, 102}), all_ids(mine));
}

TEST_F(NamesOfAPeer, ExtractedSendRightIsGoneThereAndIsHere) {
    const Peer peer(hub_);
    const Port mine;
    EXPECT_EQ(KERN_SUCCESS, port_insert_send(peer.task(), mine, chosen));
    port_t back = PORT_NULL;
    EXPECT_EQ(KERN_SUCCESS, port_extract_send(peer.task(), chosen, &back));
    EXPECT_EQ(mine, back);
    EXPECT_EQ(PORT_TYPE_NONE, type_of(chosen, peer.task()));
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, mine, PORT_TYPE_SEND));
}

TEST_F(NamesOfAPeer, CallsOnATaskThatHasEndedAreInvalid) {
    Peer peer(hub_);
    const Port mine;
    peer.kill();
    port_t name = PORT_NULL;
    EXPECT_EQ(KERN_INVALID_ARGUMENT, port_allocate(peer.task(), &name));
    EXPECT_EQ(KERN_INVALID_ARGUMENT, port_deallocate(peer.task(), 1));
    EXPECT_EQ(KERN_INVALID_ARGUMENT, port_insert_send(peer.task(), mine, chosen));
    EXPECT_EQ(KERN_INVALID_ARGUMENT, port_insert_receive(peer.task(), mine, chosen));
    EXPECT_EQ(KERN_INVALID_ARGUMENT, port_extract_send(peer.task(), 1, &name));
    EXPECT_EQ(KERN_INVALID_ARGUMENT, port_rename(peer.task(), 1, 2));
    EXPECT_EQ(KERN_INVALID_ARGUMENT, port_set_allocate(peer.task(), &name));
    EXPECT_EQ(KERN_INVALID_ARGUMENT, task_get_special_port(peer.task(), TASK_BOOTSTRAP_PORT, &name));
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(mine));
}

UMACH_SUITE(References);

TEST_F(References, PegAtTheirLimitInsteadOfWrapping) {
    const Named name(Kind::send);
    kern_return_t code = KERN_SUCCESS;
    int added = 0;
    while (code == KERN_SUCCESS && added < 70'000) {
        code = port_reference(self_, name, PORT_TYPE_SEND);
        if (code == KERN_SUCCESS) ++added;
    }
    EXPECT_EQ(KERN_UREFS_OVERFLOW, code);
    EXPECT_EQ(65'533, added) << "65,534 references a name";
    EXPECT_EQ(PORT_TYPE_SEND, type_of(name));
}

}  // namespace
}  // namespace umach::tests
