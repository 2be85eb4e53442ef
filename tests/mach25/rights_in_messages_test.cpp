// SPDX-License-Identifier: BSL-1.0
// What becomes of each right that a message carries: at the sender, in the message, at the receiver.
#include "kinds.hpp"
#include "parties.hpp"

namespace umach::tests {
namespace {

UMACH_SUITE(CopiedSend);

TEST_F(CopiedSend, ComesToTheSameNameWhenTheReceiverKnowsThePort) {
    const Named name(Kind::send);
    EXPECT_EQ(name, send_round(MSG_TYPE_PORT, name));
}

TEST_F(CopiedSend, AddsAReferenceAtEachReceipt) {
    const Named name(Kind::send);
    EXPECT_EQ(name, send_round(MSG_TYPE_PORT, name));
    EXPECT_EQ(name, send_round(MSG_TYPE_PORT, name));
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, name, PORT_TYPE_SEND));
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, name, PORT_TYPE_SEND));
    EXPECT_EQ(PORT_TYPE_SEND, type_of(name));
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, name, PORT_TYPE_SEND));
    EXPECT_EQ(PORT_TYPE_NONE, type_of(name));
}

TEST_F(CopiedSend, DeallocateDropsAllReferencesAtOnce) {
    const Named name(Kind::send);
    send_round(MSG_TYPE_PORT, name);
    EXPECT_EQ(KERN_SUCCESS, port_deallocate(self_, name));
    EXPECT_EQ(PORT_TYPE_NONE, type_of(name));
}

TEST_F(CopiedSend, IsMadeFromTheReceiveRightWhenThereIsNoSendRight) {
    const Port port;
    EXPECT_EQ(port, send_round(MSG_TYPE_PORT, port));
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(port));
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, port, PORT_TYPE_SEND));
    EXPECT_EQ(KERN_INVALID_ARGUMENT, port_release(self_, port, PORT_TYPE_SEND));
}

TEST_F(CopiedSend, ArrivesAsAPortItem) {
    const Port port;
    const Port way;
    EXPECT_EQ(SEND_SUCCESS, send_right(way, MSG_TYPE_PORT, port));
    Letter got;
    EXPECT_EQ(RCV_SUCCESS, got.receive(way));
    EXPECT_EQ(static_cast<unsigned>(MSG_TYPE_PORT), got.code());
    EXPECT_EQ(FALSE, static_cast<boolean_t>(got->msg_simple));
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, port, PORT_TYPE_SEND));
}

TEST_F(CopiedSend, OfADeadNameArrivesAsPortDead) {
    const Named name(Kind::dead);
    const Port way;
    EXPECT_EQ(SEND_SUCCESS, send_right(way, MSG_TYPE_PORT, name));
    Letter got;
    EXPECT_EQ(RCV_SUCCESS, got.receive(way));
    EXPECT_EQ(PORT_DEAD, got.name());
    EXPECT_EQ(PORT_TYPE_DEAD_NAME, type_of(name));
}

TEST_F(CopiedSend, WhosePortDiedOnTheWayArrivesAsNull) {
    Port port;
    const Port way;
    EXPECT_EQ(SEND_SUCCESS, send_right(way, MSG_TYPE_PORT, port));
    port.drop();
    Letter got;
    EXPECT_EQ(RCV_SUCCESS, got.receive(way));
    EXPECT_EQ(PORT_NULL, got.name());
}

UMACH_SUITE(MovedSend);

TEST_F(MovedSend, LeavesTheSenderWithAllItsReferences) {
    const Named name(Kind::send);
    const Port way;
    send_round(MSG_TYPE_PORT, name);
    EXPECT_EQ(SEND_SUCCESS, send_right(way, MSG_TYPE_PORT, name, true));
    EXPECT_EQ(PORT_TYPE_NONE, type_of(name));
    Letter got;
    EXPECT_EQ(RCV_SUCCESS, got.receive(way));
    const Port again(got.name());
    EXPECT_EQ(PORT_TYPE_SEND, type_of(again));
    EXPECT_NE(name, again) << "a name that was freed is not met again at once";
}

TEST_F(MovedSend, IsRefusedToAReceiverOfThePort) {
    const Port port;
    const Port way;
    add_send_right(port);
    EXPECT_EQ(SEND_INVALID_PORT, send_right(way, MSG_TYPE_PORT, port, true));
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(port));
}

TEST_F(MovedSend, TwiceInOneMessageIsRefusedAndTakesNothing) {
    const Named name(Kind::send);
    const Port way;
    EXPECT_EQ(SEND_INVALID_PORT, Letter(way).item(MSG_TYPE_PORT, {name, name}, true).send());
    EXPECT_EQ(PORT_TYPE_SEND, type_of(name));
    EXPECT_EQ(0, waiting_at(way));
}

UMACH_SUITE(SendOnce);

TEST_F(SendOnce, MadeFromAReceiveRightArrivesAsCode18UnderANameOfItsOwn) {
    const Port port;
    const Port way;
    EXPECT_EQ(SEND_SUCCESS, send_right(way, MSG_TYPE_MAKE_SEND_ONCE, port));
    Letter got;
    EXPECT_EQ(RCV_SUCCESS, got.receive(way));
    EXPECT_EQ(static_cast<unsigned>(MSG_TYPE_PORT_SEND_ONCE), got.code());
    EXPECT_NE(port, got.name());
    EXPECT_EQ(PORT_TYPE_SEND_ONCE, type_of(got.name()));
    EXPECT_EQ(KERN_SUCCESS, port_deallocate(self_, got.name()));
}

TEST_F(SendOnce, EachHasItsOwnName) {
    const Port port;
    const port_t a = make_send_once(port);
    const port_t b = make_send_once(port);
    EXPECT_NE(a, b);
    EXPECT_EQ(SEND_SUCCESS, Letter(a, 1).send());
    EXPECT_EQ(SEND_SUCCESS, Letter(b, 2).send());
    EXPECT_EQ((std::vector<int>{1, 2}), all_ids(port));
}

class SendOnceMoved : public Mach25, public ::testing::WithParamInterface<std::tuple<unsigned, bool>> {};
TEST_P(SendOnceMoved, LeavesTheSenderAndArrivesAsCode18) {
    const auto [code, deallocate] = GetParam();
    const Named once(Kind::send_once);
    const Port way;
    EXPECT_EQ(SEND_SUCCESS, send_right(way, code, once, deallocate));
    EXPECT_EQ(PORT_TYPE_NONE, type_of(once));
    Letter got;
    EXPECT_EQ(RCV_SUCCESS, got.receive(way));
    EXPECT_EQ(static_cast<unsigned>(MSG_TYPE_PORT_SEND_ONCE), got.code());
    EXPECT_EQ(PORT_TYPE_SEND_ONCE, type_of(got.name()));
    EXPECT_EQ(KERN_SUCCESS, port_deallocate(self_, got.name()));
    EXPECT_FALSE(next_notice());
}
INSTANTIATE_TEST_SUITE_P(Codes, SendOnceMoved,
                         ::testing::Combine(::testing::Values(6u, 18u), ::testing::Bool()));

TEST_F(SendOnce, HasNoReferencesToAddOrDropButItself) {
    const Named once(Kind::send_once);
    EXPECT_EQ(KERN_INVALID_ARGUMENT, port_reference(self_, once, PORT_TYPE_SEND_ONCE));
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, once, PORT_TYPE_SEND_ONCE));
    EXPECT_EQ(PORT_TYPE_NONE, type_of(once));
}

TEST_F(SendOnce, BecomesADeadNameWhenThePortDies) {
    Named once(Kind::send_once);
    once.end_port();
    EXPECT_EQ(PORT_TYPE_DEAD_NAME, type_of(once));
    EXPECT_EQ(SEND_INVALID_PORT, Letter(once).send());
    EXPECT_TRUE(notified(NOTIFY_PORT_DELETED, once));
    EXPECT_EQ(PORT_TYPE_NONE, type_of(once));
}

TEST_F(SendOnce, DoesNotCountAsASender) {
    const Port port;
    const port_t once = make_send_once(port);
    EXPECT_EQ(RCV_ONLY_SENDER, Letter().receive(port, RCV_NO_SENDERS | RCV_TIMEOUT, 0));
    EXPECT_EQ(KERN_SUCCESS, port_deallocate(self_, once));
}

UMACH_SUITE(ItemOfRights);

TEST_F(ItemOfRights, CarriesAnArrayInOrderWithNullsInBetween) {
    const Port a;
    const Port b;
    const Port way;
    EXPECT_EQ(SEND_SUCCESS, Letter(way).item(MSG_TYPE_PORT, {a, PORT_NULL, b, PORT_DEAD, a}).send());
    Letter got;
    EXPECT_EQ(RCV_SUCCESS, got.receive(way));
    ASSERT_EQ(1u, got.items().size());
    EXPECT_EQ((std::vector<port_t>{a, PORT_NULL, b, PORT_DEAD, a}), got.items()[0].names);
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, a, PORT_TYPE_SEND));
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, a, PORT_TYPE_SEND));
    EXPECT_EQ(KERN_INVALID_ARGUMENT, port_release(self_, a, PORT_TYPE_SEND));
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, b, PORT_TYPE_SEND));
}

TEST_F(ItemOfRights, OfEveryKindGoInOneMessage) {
    Port receive;
    Port own;
    Port all;
    const Port send;
    const Named once(Kind::send_once);
    const Port way;
    Letter letter(way, 1);
    letter.item(MSG_TYPE_PORT_RECEIVE, {receive}).item(MSG_TYPE_PORT_OWNERSHIP, {own});
    letter.item(MSG_TYPE_PORT_ALL, {all}, true).item(MSG_TYPE_PORT, {send});
    letter.item(MSG_TYPE_MOVE_SEND_ONCE, {once}).item(MSG_TYPE_MAKE_SEND_ONCE, {send});
    EXPECT_EQ(SEND_SUCCESS, letter.send());
    EXPECT_EQ(PORT_TYPE_OWN, type_of(receive));
    EXPECT_EQ(PORT_TYPE_RECEIVE, type_of(own));
    EXPECT_EQ(PORT_TYPE_NONE, type_of(all));
    Letter got;
    ASSERT_EQ(RCV_SUCCESS, got.receive(way));
    const auto items = got.items();
    ASSERT_EQ(6u, items.size());
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(items[0].names[0]));
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(items[1].names[0]));
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(items[2].names[0]));
    EXPECT_EQ(send, items[3].names[0]);
    EXPECT_EQ(PORT_TYPE_SEND_ONCE, type_of(items[4].names[0]));
    EXPECT_EQ(PORT_TYPE_SEND_ONCE, type_of(items[5].names[0]));
    for (std::size_t i : {2u, 4u, 5u}) EXPECT_EQ(KERN_SUCCESS, port_deallocate(self_, items[i].names[0]));
}

TEST_F(ItemOfRights, ABadOneAtTheEndTakesNoneOfThoseBefore) {
    const Named send(Kind::send);
    const Named once(Kind::send_once);
    const Port all;
    const Port way;
    const auto before = names_of();
    Letter letter(way);
    letter.item(MSG_TYPE_PORT, {send}, true).item(MSG_TYPE_MOVE_SEND_ONCE, {once});
    letter.item(MSG_TYPE_PORT_ALL, {all}, true).item(MSG_TYPE_PORT, {unknown_name});
    EXPECT_EQ(SEND_INVALID_PORT, letter.send());
    EXPECT_EQ(before, names_of());
    EXPECT_EQ(0, waiting_at(way));
}

TEST_F(ItemOfRights, OfALongDescriptorMoveAsThoseOfAShortOne) {
    const Port all;
    const Port way;
    EXPECT_EQ(SEND_SUCCESS, Letter(way).item(Item{MSG_TYPE_PORT_ALL, {all}, true, true}).send());
    EXPECT_EQ(PORT_TYPE_NONE, type_of(all));
    Letter got;
    ASSERT_EQ(RCV_SUCCESS, got.receive(way));
    const Port back(got.name());
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(back));
}

TEST_F(ItemOfRights, SixtyFourRightsAreCarried) {
    const Port port;
    const Port way;
    EXPECT_EQ(SEND_SUCCESS, Letter(way).item(MSG_TYPE_PORT, std::vector<port_t>(64, port)).send());
    Letter got;
    ASSERT_EQ(RCV_SUCCESS, got.receive(way));
    EXPECT_EQ(std::vector<port_t>(64, port), got.items()[0].names);
    for (int i = 0; i < 64; ++i) EXPECT_EQ(KERN_SUCCESS, port_release(self_, port, PORT_TYPE_SEND));
    EXPECT_EQ(KERN_INVALID_ARGUMENT, port_release(self_, port, PORT_TYPE_SEND));
}

TEST_F(ItemOfRights, AlreadyMovedByAnEarlierItemIsRefusedAndNothingIsTaken) {
    const Port all;
    const Port way;
    Letter letter(way);
    letter.item(MSG_TYPE_PORT_RECEIVE, {all}).item(MSG_TYPE_PORT_RECEIVE, {all});
    EXPECT_EQ(SEND_INVALID_PORT, letter.send());
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(all));
}

TEST_F(ItemOfRights, ANameAsANumberCarriesNoRight) {
    const Port way;
    EXPECT_EQ(SEND_SUCCESS, send_right(way, MSG_TYPE_PORT_NAME, unknown_name));
    Letter got;
    EXPECT_EQ(RCV_SUCCESS, got.receive(way));
    EXPECT_EQ(unknown_name, got.name());
    EXPECT_EQ(TRUE, static_cast<boolean_t>(got->msg_simple));
}

}  // namespace
}  // namespace umach::tests
