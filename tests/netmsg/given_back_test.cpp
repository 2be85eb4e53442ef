// SPDX-License-Identifier: BSL-1.0
// What the other side gives back, or says is dead, while a message that needs it waits for room.
#include "servers/netmsg/space.hpp"
#include "tests/netmsg/scripted.hpp"

namespace umach::netmsg::test {
namespace {

// When it is over the server has done all that it was told before.
void round_trip(ScriptedPeer& peer, std::vector<Bytes> packets = {}) {
    packets.push_back(look_up(77, "none"));
    peer.say(packets);
    peer.hear(Op::found, 77);
}

TEST(GivenBack, APortWhoseOwnershipWaitsForRoomStaysForItsOwnerThoughNobodyThereCanSendToIt) {
    in_a_host([](ScriptedPeer& peer) {
        const port_t service = made();
        const std::uint32_t ours = peer.found("service", service);
        fill(peer, ours);
        peer.say({message_to(ours, 8, {{MSG_TYPE_PORT_OWNERSHIP, {RightKind::own, 9, 0}}})});
        peer.say({of_two(Op::inherit, moved_home, 9)});
        peer.hear(Op::credit, moved_home);
        peer.say({of_two(Op::release, moved_home, 1)});
        peer.say({look_up(5, "service")});
        peer.hear(Op::found, 5);
        for (int i = 0; i < 8; ++i) EXPECT_EQ(next(service)->msg_id, i);
        const port_t port = next(service).name();
        EXPECT_TRUE(told(NOTIFY_RECEIVE_RIGHTS, port));
        EXPECT_EQ(type_of(port), PORT_TYPE_RECEIVE_OWN);
    });
}

TEST(GivenBack, APortThatComesBackWhileItsOwnershipComesHomeLives) {
    for (int round = 0; round < 12 && !HasFailure(); ++round)
        in_a_host([](ScriptedPeer& peer) {
            const port_t port = made_with_send_right(), service = made();
            const std::uint32_t ours = peer.found("service", service);
            const port_t theirs = given_by(peer, ours, service);
            send(theirs, MSG_TYPE_PORT_OWNERSHIP, port);
            const WireRight owned = peer.hear(Op::part, their_service).first_right();
            EXPECT_EQ(owned.kind, RightKind::own);
            peer.stop_server();
            EXPECT_EQ(port_release(task_self(), port, PORT_TYPE_RECEIVE), KERN_SUCCESS);
            peer.say({message_to(ours, 0, {{MSG_TYPE_PORT_OWNERSHIP, {RightKind::own_home, owned.id, 0}}})});
            peer.go_on();
            const auto last = peer.hear_one([&](const auto& one) {
                return one.op == Op::dead || one.op == Op::inherit || (one.op == Op::credit && one.id == ours);
            });
            if (last.op == Op::inherit) return;
            EXPECT_EQ(next(service).name(), port);
            EXPECT_TRUE(told(NOTIFY_RECEIVE_RIGHTS, port));
            EXPECT_EQ(type_of(port), PORT_TYPE_RECEIVE_OWN);
            peer.say({message_to(owned.id, 42)});
            EXPECT_EQ(next(port)->msg_id, 42);
        });
}

TEST(GivenBack, APortThatComesHomeLentHasNoSendersWhenThePeerHasGivenBackItsRights) {
    in_a_host([](ScriptedPeer& peer) {
        const port_t port = made(), service = made();
        const std::uint32_t known = peer.found("port", port), ours = peer.found("service", service);
        EXPECT_EQ(netname_check_out(name_server_port, "port", PORT_NULL), NETNAME_SUCCESS);
        const port_t theirs = given_by(peer, ours, service);
        for (int i = 0; i < 9; ++i) peer.say({message_to(known, i)});
        for (int i = 0; i < 8; ++i) peer.hear(Op::credit, known);
        send(theirs, MSG_TYPE_PORT_ALL, port);
        const WireRight moved = peer.hear(Op::part, their_service).first_right();
        peer.say({of_two(Op::release, known, 1), of_two(Op::credit, moved.id),
                  message_to(ours, 0, {{MSG_TYPE_PORT_RECEIVE, {RightKind::receive, moved_home, moved.id}}})});
        EXPECT_EQ(next(service).name(), port);
        for (int i = 1; i < 9; ++i) EXPECT_EQ(next(port)->msg_id, i);
        peer.hear(Op::credit, moved_home);
        peer.say({of_two(Op::unowned, moved_home), of_two(Op::release, moved_home, 1)});
        EXPECT_TRUE(told(NOTIFY_OWNERSHIP_RIGHTS, port));
        Letter none;
        EXPECT_EQ(none.receive(port, RCV_TIMEOUT | RCV_NO_SENDERS, 2000), RCV_ONLY_SENDER);
    });
}

TEST(GivenBack, APortWhoseOwnerGivesItUpWhileItsReceiveRightWaitsForRoomIsItsReceivers) {
    in_a_host([](ScriptedPeer& peer) {
        const port_t service = made();
        const std::uint32_t ours = peer.found("service", service);
        fill(peer, ours);
        peer.say({message_to(ours, 8, {{MSG_TYPE_PORT_RECEIVE, {RightKind::receive, moved_home, 0}}})});
        round_trip(peer, {of_two(Op::unowned, moved_home)});
        for (int i = 0; i < 8; ++i) EXPECT_EQ(next(service)->msg_id, i);
        const port_t port = next(service).name();
        peer.hear(Op::credit, moved_home);
        round_trip(peer);
        EXPECT_EQ(type_of(port), PORT_TYPE_RECEIVE_OWN);
    });
}

TEST(GivenBack, ARightThatComesHomeInAMessageThatWaitsForRoomArrivesThoughItWasTheLast) {
    for (int round = 0; round < 5 && !HasFailure(); ++round)
        in_a_host([](ScriptedPeer& peer) {
            const port_t port = made(), service = made();
            const std::uint32_t known = peer.found("port", port), ours = peer.found("service", service);
            fill(peer, ours);
            EXPECT_EQ(netname_check_out(name_server_port, "port", PORT_NULL), NETNAME_SUCCESS);
            peer.stop_server();
            peer.say({message_to(ours, 8, {{MSG_TYPE_PORT, {RightKind::yours, known, 0}}})});
            peer.say({of_two(Op::release, known, 1), look_up(5, "service")});
            peer.go_on();
            peer.hear(Op::found, 5);
            for (int i = 0; i < 8; ++i) EXPECT_EQ(next(service)->msg_id, i);
            EXPECT_EQ(next(service).name(), port);
        });
}

TEST(GivenBack, AMessageThatWaitsForRoomArrivesThoughAPortThatItNamesHasDied) {
    for (int round = 0; round < 5 && !HasFailure(); ++round)
        in_a_host([](ScriptedPeer& peer) {
            const port_t service = made();
            const std::uint32_t ours = peer.found("service", service);
            fill(peer, ours);
            peer.stop_server();
            peer.say({message_to(ours, 8, {{MSG_TYPE_PORT, {RightKind::mine, 9, 0}}})});
            peer.say({of_two(Op::dead, 9), look_up(5, "service")});
            peer.go_on();
            peer.hear(Op::found, 5);
            for (int i = 0; i < 8; ++i) EXPECT_EQ(next(service)->msg_id, i);
            EXPECT_EQ(next(service)->msg_id, 8);
        });
}

TEST(GivenBack, OwnershipThatComesHomeInAMessageThatWaitsForRoomArrivesThoughNothingElseIsHeldThere) {
    in_a_host([](ScriptedPeer& peer) {
        const port_t port = made_with_send_right(), service = made();
        const std::uint32_t ours = peer.found("service", service);
        const port_t theirs = given_by(peer, ours, service);
        send(theirs, MSG_TYPE_PORT_OWNERSHIP, port);
        const WireRight owned = peer.hear(Op::part, their_service).first_right();
        fill(peer, ours);
        peer.say({message_to(ours, 8, {{MSG_TYPE_PORT_OWNERSHIP, {RightKind::own_home, owned.id, 0}}})});
        round_trip(peer, {of_two(Op::release, owned.id, 1)});
        EXPECT_EQ(type_of(port), PORT_TYPE_RECEIVE);
        for (int i = 0; i < 8; ++i) EXPECT_EQ(next(service)->msg_id, i);
        EXPECT_EQ(next(service).name(), port);
        EXPECT_EQ(type_of(port), PORT_TYPE_RECEIVE_OWN);
    });
}

TEST(GivenBack, AMessageThatWaitsForRoomArrivesThoughAPortOfWhichItHasOwnershipHasDied) {
    in_a_host([](ScriptedPeer& peer) {
        const port_t service = made();
        const std::uint32_t ours = peer.found("service", service);
        fill(peer, ours);
        peer.say({message_to(ours, 8, {{MSG_TYPE_PORT_OWNERSHIP, {RightKind::own, 9, 0}}})});
        round_trip(peer, {of_two(Op::dead, 9)});
        for (int i = 0; i < 8; ++i) EXPECT_EQ(next(service)->msg_id, i);
        Letter last = next(service);
        EXPECT_EQ(last->msg_id, 8);
        EXPECT_EQ(last.name(), PORT_NULL);
    });
}

TEST(GivenBack, ALentPortThatIsLeftToItsReceiverHasNoSenders) {
    in_a_host([](ScriptedPeer& peer) {
        const port_t service = made();
        const std::uint32_t ours = peer.found("service", service);
        peer.say({message_to(ours, 8, {{MSG_TYPE_PORT_RECEIVE, {RightKind::receive, moved_home, 0}}})});
        const port_t port = next(service).name();
        peer.hear(Op::credit, moved_home);
        round_trip(peer, {of_two(Op::unowned, moved_home), of_two(Op::release, moved_home, 1)});
        EXPECT_EQ(type_of(port), PORT_TYPE_RECEIVE_OWN);
        Letter none;
        while (none.receive(task_notify()) == RCV_SUCCESS) {}
        EXPECT_EQ(none.receive(port, RCV_TIMEOUT | RCV_NO_SENDERS), RCV_ONLY_SENDER);
    });
}

TEST(GivenBack, WhoWaitsForAnAnswerThatIsPastItsQuotaIsToldThatThereIsNone) {
    in_a_host([](ScriptedPeer& peer) {
        const port_t service = made();
        const std::uint32_t ours = peer.found("service", service);
        Parcel asked;
        asked.reply = {RightKind::once, 9, 0};
        Bytes whole;
        encode_parcel(asked, whole);
        peer.say({of_two(Op::room, 0, 1000), part(ours, whole)});
        Letter request = next(service);
        send_heavy(request->msg_remote_port, 300u << 10);
        peer.hear(Op::release, 9);
    });
}

// How many pieces of memory this task has, what its server keeps among them.
int regions() {
    int count = 0;
    vm_address_t address = 0;
    vm_size_t size = 0;
    vm_prot_t now = 0, most = 0;
    vm_inherit_t inherit = 0;
    boolean_t shared = FALSE;
    port_t object = PORT_NULL;
    vm_offset_t offset = 0;
    for (; vm_region(task_self(), &address, &size, &now, &most, &inherit, &shared, &object, &offset) == KERN_SUCCESS; ++count)
        address += size;
    return count;
}

TEST(GivenBack, MemoryThatCameForARightThatIsGivenBackIsGivenBackToo) {
    in_a_host_of_its_own([] {
        Attack attack;
        attack.put(hello());
        port_t port = PORT_NULL;
        std::uint32_t id = attack.found(&port);
        const int before = regions();
        for (std::uint32_t i = 0; i < 50 && !attack.cut_off(); ++i) {
            attack.put([&] {
                Bytes all = of_two(Op::release, id, 1);
                const Bytes look = look_up(2 + i, "target"), m = memory(id + 1, 1, 0, 1);
                all.insert(all.end(), look.begin(), look.end());
                all.insert(all.end(), m.begin(), m.end());
                return all;
            }());
            ++id;
        }
        EXPECT_FALSE(attack.cut_off());
        EXPECT_LT(regions() - before, 25);   // of fifty
    });
}

TEST(GivenBack, APeerThatGivesCreditsForWhatItHasNotTakenIsCutOff) {
    in_a_host_of_its_own([] {
        Attack attack;
        attack.put(hello());
        port_t port = PORT_NULL;
        const std::uint32_t id = attack.found(&port);
        attack.put(of_two(Op::room, 0, 1u << 20));
        attack.put(message_to(id, 0, {{MSG_TYPE_PORT, {RightKind::mine, their_service, 0}}}));
        const port_t theirs = next(port).name();
        for (int i = 0; i < 3; ++i) {
            if (attack.cut_off()) break;
            send_heavy(theirs, 900u << 10);
            for (int turn = 0; turn < 5; ++turn) attack.turn();
            attack.put(of_two(Op::credit, their_service));
        }
        EXPECT_NE(attack.log().find("a credit for what it has not taken"), std::string::npos) << attack.log();
    });
}

TEST(GivenBack, ARightThatIsGivenBackBeforeItsPortArrivesLeavesNoSender) {
    for (const bool all : {true, false})
        in_a_host([=](ScriptedPeer& peer) {
            const port_t service = made();
            const std::uint32_t ours = peer.found("service", service);
            fill(peer, ours);
            peer.say({message_to(ours, 8, {{all ? unsigned{MSG_TYPE_PORT_ALL} : unsigned{MSG_TYPE_PORT_RECEIVE},
                                            {all ? RightKind::all : RightKind::receive, moved_home, 0}}})});
            round_trip(peer, {of_two(Op::release, moved_home, 1)});
            for (int i = 0; i < 8; ++i) EXPECT_EQ(next(service)->msg_id, i);
            const port_t port = next(service).name();
            Letter none;
            EXPECT_EQ(none.receive(port, RCV_TIMEOUT | RCV_NO_SENDERS, patience), RCV_ONLY_SENDER) << all;
        });
}

}  // namespace
}  // namespace umach::netmsg::test
