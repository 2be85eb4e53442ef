// SPDX-License-Identifier: BSL-1.0
// What a server does when the other side's packets come in an order that is rare: a peer says them one by one.
#include <cstring>

#include "servers/netmsg/space.hpp"
#include "tests/netmsg/scripted.hpp"

namespace umach::netmsg::test {
namespace {

TEST(ScriptedLink, APortThatGoesAndComesHomeWhileAMessageToItWaitsForRoomKeepsItsMessagesAndSenders) {
    in_a_host([](ScriptedPeer& peer) {
        const port_t port = made(), service = made();
        const std::uint32_t known = peer.found("port", port), ours = peer.found("service", service);
        const port_t theirs = given_by(peer, ours, service);
        for (int i = 0; i < 9; ++i) peer.say({message_to(known, i)});
        for (int i = 0; i < 8; ++i) peer.hear(Op::credit, known);
        send(theirs, MSG_TYPE_PORT_ALL, port);
        const WireRight moved = peer.hear(Op::part, their_service).first_right();
        EXPECT_EQ(moved.was, known);
        peer.say({of_two(Op::release, known, 1), of_two(Op::credit, moved.id),
                  message_to(ours, 0, {{MSG_TYPE_PORT_ALL, {RightKind::all, moved_home, moved.id}}})});
        EXPECT_EQ(peer.hear(Op::part, moved.id).parcel.id, 0);
        EXPECT_EQ(next(service).name(), port);
        for (int i = 1; i < 9; ++i) EXPECT_EQ(next(port)->msg_id, i);
        for (int i = 9; i < 12; ++i) {
            peer.say({message_to(moved_home, i)});
            EXPECT_EQ(next(port)->msg_id, i);
            peer.hear(Op::credit, moved_home);
        }
    });
}

// At a port that gives no credit: a message whose data has gone over, and behind it one with a right to `port`.
void have_one_ahead(ScriptedPeer& peer, port_t slow, unsigned code, port_t port) {
    EXPECT_EQ(Letter(slow).send(), SEND_SUCCESS);
    peer.hear(Op::part, their_service);
    send_heavy(slow, 300u << 10);
    send(slow, code, port);
    peer.say({of_two(Op::credit, their_service)});
    peer.hear(Op::part, their_service);
}

TEST(ScriptedLink, AMessageThatWaitsForItsCreditDoesNotHoldUpTheMoveOfAPortThatItNames) {
    in_a_host([](ScriptedPeer& peer) {
        const port_t port = made(), service = made();
        const std::uint32_t ours = peer.found("service", service);
        const port_t slow = given_by(peer, ours, service), quick = given_by(peer, ours, service, their_service + 1);
        have_one_ahead(peer, slow, MSG_TYPE_PORT, port);
        send(quick, MSG_TYPE_PORT_ALL, port);
        const WireRight moved = peer.hear(Op::part, their_service + 1).first_right();
        EXPECT_EQ(moved.kind, RightKind::all);
        peer.say({of_two(Op::credit, their_service)});
        const WireRight named = peer.hear(Op::part, their_service).first_right();
        EXPECT_EQ(named.kind, RightKind::yours);
        EXPECT_EQ(named.id, moved.id);
    });
}

TEST(ScriptedLink, AMessageThatWaitsForItsCreditWithAPortDoesNotHoldUpOthersThatNameThePort) {
    in_a_host([](ScriptedPeer& peer) {
        const port_t port = made_with_send_right(), service = made();
        const std::uint32_t ours = peer.found("service", service);
        const port_t slow = given_by(peer, ours, service), quick = given_by(peer, ours, service, their_service + 1);
        have_one_ahead(peer, slow, MSG_TYPE_PORT_ALL, port);
        send(quick, MSG_TYPE_PORT, port);
        const WireRight named = peer.hear(Op::part, their_service + 1).first_right();
        EXPECT_EQ(named.kind, RightKind::mine);
        peer.say({of_two(Op::credit, their_service)});
        const WireRight moved = peer.hear(Op::part, their_service).first_right();
        EXPECT_EQ(moved.kind, RightKind::all);
        EXPECT_EQ(moved.was, named.id);
    });
}

TEST(ScriptedLink, AMessageThatWaitsForItsCreditKeepsItsReplyRightAndItsData) {
    in_a_host([](ScriptedPeer& peer) {
        const port_t port = made(), reply = made(), service = made();
        const std::uint32_t ours = peer.found("service", service);
        const port_t slow = given_by(peer, ours, service);
        have_one_ahead(peer, slow, MSG_TYPE_PORT, port);
        EXPECT_EQ(Letter(slow, 5, reply).item(MSG_TYPE_PORT, {port}).send(), SEND_SUCCESS);
        peer.say({of_two(Op::credit, their_service)});
        EXPECT_EQ(peer.hear(Op::part, their_service).parcel.id, 0);
        peer.say({of_two(Op::credit, their_service)});
        const Parcel kept = peer.hear(Op::part, their_service).parcel;
        EXPECT_EQ(kept.id, 5);
        EXPECT_EQ(kept.reply.kind, RightKind::mine);
        peer.say({message_to(kept.reply.id, 77)});
        EXPECT_EQ(next(reply)->msg_id, 77);
    });
}

TEST(ScriptedLink, APortThatGoesToItsOwnerFollowsTheLargeMessageWithItsOwnership) {
    in_a_host([](ScriptedPeer& peer) {
        const port_t port = made(), service = made();
        const port_t theirs = given_by(peer, peer.found("service", service), service);
        send_heavy(theirs, 4u << 20, port);
        EXPECT_EQ(port_release(task_self(), port, PORT_TYPE_RECEIVE), KERN_SUCCESS);
        const auto of_the_port = [](const auto& one) { return one.op == Op::part || one.op == Op::inherit; };
        const auto first = peer.hear_one(of_the_port), second = peer.hear_one(of_the_port);
        EXPECT_EQ(first.op, Op::part);
        EXPECT_EQ(second.op, Op::inherit);
        EXPECT_EQ(first.first_right().id, second.count);
    });
}

// Ownership of a port behind the peer, in a message that waits for room at the port; then the port comes itself.
void have_ownership_wait(ScriptedPeer& peer, std::uint32_t ours) {
    constexpr std::uint32_t theirs = 9;
    fill(peer, ours);
    peer.say({message_to(ours, 8, {{MSG_TYPE_PORT_OWNERSHIP, {RightKind::own, theirs, 0}}})});
    peer.say({of_two(Op::inherit, moved_home, theirs)});
    peer.hear(Op::credit, moved_home);
    peer.say({message_to(moved_home, 42)});
    peer.hear(Op::credit, moved_home);
}

TEST(ScriptedLink, APortWhoseOwnershipWaitsForRoomStaysForItsOwnerWithItsMessages) {
    in_a_host([](ScriptedPeer& peer) {
        const port_t service = made();
        have_ownership_wait(peer, peer.found("service", service));
        for (int i = 0; i < 8; ++i) EXPECT_EQ(next(service)->msg_id, i);
        const port_t port = next(service).name();
        EXPECT_TRUE(told(NOTIFY_RECEIVE_RIGHTS, port));
        EXPECT_EQ(type_of(port), PORT_TYPE_RECEIVE_OWN);
        EXPECT_EQ(next(port)->msg_id, 42);
        peer.say({message_to(moved_home, 43)});
        EXPECT_EQ(next(port)->msg_id, 43);
    });
}

TEST(ScriptedLink, APortDiesWithTheMessageInWhichItsOwnershipWaitedForRoom) {
    in_a_host([](ScriptedPeer& peer) {
        const port_t service = made();
        have_ownership_wait(peer, peer.found("service", service));
        EXPECT_EQ(port_deallocate(task_self(), service), KERN_SUCCESS);
        peer.hear(Op::dead, moved_home);
    });
}

TEST(ScriptedLink, ALentPortWhoseMessageCannotBeDeliveredGoesBackToItsOwner) {
    in_a_host([](ScriptedPeer& peer) {
        const port_t service = made();
        const std::uint32_t ours = peer.found("service", service);
        fill(peer, ours);
        peer.say({message_to(ours, 8, {{MSG_TYPE_PORT_RECEIVE, {RightKind::receive, moved_home, 0}}})});
        EXPECT_EQ(port_deallocate(task_self(), service), KERN_SUCCESS);
        const auto back = peer.hear(Op::inherit);
        EXPECT_EQ(back.count, moved_home);
        EXPECT_GT(back.id, chosen_by_other);
    });
}

// Such a message needs a place for its data, which it is: so many bytes out of line.
Bytes heavy_message_to(std::uint32_t id, unsigned bytes) {
    const msg_type_long_t type{{0, 0, 0, 0, 1, 0, 0}, MSG_TYPE_BYTE, 8, bytes};
    Parcel parcel;
    parcel.simple = false;
    parcel.body.resize(sizeof type + sizeof(std::uint64_t) + 4);
    std::memcpy(parcel.body.data(), &type, sizeof type);
    Bytes whole;
    encode_parcel(parcel, whole);
    return part(id, whole);
}

TEST(ScriptedLink, WhoSentALargeMessageHearsThatItWasTakenBeforeWhatCameBehindItIsRead) {
    in_a_host([](ScriptedPeer& peer) {
        constexpr unsigned bytes = 2000;
        const port_t large = made(), small = made();
        const std::uint32_t to_large = peer.found("large", large), to_small = peer.found("small", small);
        peer.stop_server();
        peer.say({memory(to_large, bytes, 0, bytes)});
        peer.say({heavy_message_to(to_large, bytes)});
        for (int i = 0; i < 6; ++i) peer.say({message_to(to_small, i)});
        peer.go_on();
        const auto taken = peer.hear(Op::credit, to_large), read = peer.hear(Op::credit, to_small);
        EXPECT_LT(taken.frame, read.frame);
    });
}

constexpr int rounds = 12;   // in one of two orders each

TEST(ScriptedLink, APortThatItsReceiverGivesUpWhileTheLinkToItsOwnerEndsDies) {
    for (int round = 0; round < rounds && !HasFailure(); ++round)
        in_a_host([](ScriptedPeer& peer) {
            const port_t port = made_with_send_right(), service = made();
            const port_t theirs = given_by(peer, peer.found("service", service), service);
            send(theirs, MSG_TYPE_PORT_OWNERSHIP, port);
            peer.hear(Op::part, their_service);
            peer.stop_server();
            EXPECT_EQ(port_release(task_self(), port, PORT_TYPE_RECEIVE), KERN_SUCCESS);
            peer.hang_up();
            peer.go_on();
            EXPECT_TRUE(told(NOTIFY_PORT_DELETED, port));
        });
}

TEST(ScriptedLink, APortThatItsReceiverAndItsOwnerGiveUpAtOnceDies) {
    for (int round = 0; round < rounds && !HasFailure(); ++round)
        in_a_host([](ScriptedPeer& peer) {
            const port_t port = made_with_send_right(), service = made();
            const port_t theirs = given_by(peer, peer.found("service", service), service);
            send(theirs, MSG_TYPE_PORT_OWNERSHIP, port);
            const WireRight owned = peer.hear(Op::part, their_service).first_right();
            peer.stop_server();
            EXPECT_EQ(port_release(task_self(), port, PORT_TYPE_RECEIVE), KERN_SUCCESS);
            peer.say({of_two(Op::unowned, owned.id)});
            peer.go_on();
            const auto last = peer.hear_one([](const auto& one) { return one.op == Op::dead || one.op == Op::inherit; });
            if (last.op == Op::inherit) peer.say({of_two(Op::dead, last.id)});   // who has given it up has no use for it
            EXPECT_TRUE(told(NOTIFY_PORT_DELETED, port));
        });
}

TEST(ScriptedLink, ANoticeThatIsAskedForAtARightOfTheOtherHostGoesThere) {
    in_a_host([](ScriptedPeer& peer) {
        constexpr std::uint32_t once = 5;
        const port_t port = made_with_send_right(), service = made();
        peer.say({message_to(peer.found("service", service), 0, {{MSG_TYPE_PORT, {RightKind::once, once, 0}}})});
        port_t previous = PORT_NULL;
        EXPECT_EQ(port_request_notification(task_self(), port, NOTIFY_PORT_DELETED, next(service).name(), &previous),
                  KERN_SUCCESS);
        EXPECT_EQ(port_release(task_self(), port, PORT_TYPE_RECEIVE_OWN), KERN_SUCCESS);
        EXPECT_EQ(peer.hear(Op::part, once).parcel.id, NOTIFY_PORT_DELETED);
    });
}

}  // namespace
}  // namespace umach::netmsg::test
