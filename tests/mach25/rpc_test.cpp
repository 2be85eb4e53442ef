// SPDX-License-Identifier: BSL-1.0
// msg_rpc: it takes the reply to this call or the news of its death, and nothing else.
#include "kinds.hpp"
#include "parties.hpp"

namespace umach::tests {
namespace {

UMACH_SUITE(Rpc);

// Receives one request and gives the name of its reply right.
port_t accept(port_t service) {
    Letter request;
    EXPECT_EQ(RCV_SUCCESS, request.receive(service, RCV_TIMEOUT, patience));
    return request->msg_remote_port;
}

TEST_F(Rpc, GetsTheReplyInTheSameBuffer) {
    const Port service;
    const Port reply;
    Letter call(service, 10, reply);
    Party client([&] { return call.rpc(); });
    EXPECT_EQ(SEND_SUCCESS, Letter(accept(service), 110).text("done").send());
    EXPECT_EQ(RPC_SUCCESS, client.result());
    EXPECT_EQ(110, call->msg_id);
    EXPECT_EQ("done", call.body());
    EXPECT_EQ(reply, call->msg_local_port);
}

TEST_F(Rpc, ReplyRightIsASendOnceRightOfItsOwnName) {
    const Port service;
    const Port reply;
    Party client([&] { return Letter(service, 10, reply).rpc(); });
    const port_t right = accept(service);
    EXPECT_NE(reply, right);
    EXPECT_EQ(PORT_TYPE_SEND_ONCE, type_of(right));
    EXPECT_EQ(SEND_SUCCESS, Letter(right, 1).send());
    EXPECT_EQ(PORT_TYPE_NONE, type_of(right));
    EXPECT_EQ(RPC_SUCCESS, client.result());
    EXPECT_FALSE(next_notice());
}

TEST_F(Rpc, OtherMessagesOnTheReplyPortStay) {
    const Port service;
    const Port reply;
    fill(reply, 2);
    Letter call(service, 10, reply);
    Party client([&] { return call.rpc(); });
    const port_t right = accept(service);
    EXPECT_EQ(SEND_SUCCESS, Letter(reply, 102).send());
    EXPECT_EQ(SEND_SUCCESS, Letter(right, 7).send());
    EXPECT_EQ(RPC_SUCCESS, client.result());
    EXPECT_EQ(7, call->msg_id);
    EXPECT_EQ((std::vector<int>{100, 101, 102}), all_ids(reply));
}

TEST_F(Rpc, AFullReplyPortDoesNotKeepTheReplyOut) {
    const Port service;
    const Port reply;
    fill(reply);
    Party client([&] { return Letter(service, 10, reply).rpc(); });
    EXPECT_EQ(SEND_SUCCESS, Letter(accept(service), 1).send());
    EXPECT_EQ(RPC_SUCCESS, client.result());
}

TEST_F(Rpc, DeallocatingTheReplyRightEndsTheCallWithServerDied) {
    const Port service;
    const Port reply;
    Party client([&] { return Letter(service, 10, reply).rpc(); });
    const port_t right = accept(service);
    EXPECT_EQ(KERN_SUCCESS, port_deallocate(self_, right));
    EXPECT_EQ(MIG_SERVER_DIED, client.result());
}

TEST_F(Rpc, ReleasingTheReplyRightEndsTheCallWithServerDied) {
    const Port service;
    const Port reply;
    Party client([&] { return Letter(service, 10, reply).rpc(); });
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, accept(service), PORT_TYPE_SEND_ONCE));
    EXPECT_EQ(MIG_SERVER_DIED, client.result());
}

TEST_F(Rpc, DeathOfTheServicePortWithTheRequestUnreadEndsTheCallWithServerDied) {
    Port service;
    const Port reply;
    Party client([&] { return Letter(service, 10, reply).rpc(); });
    client.asleep();
    service.drop();
    EXPECT_EQ(MIG_SERVER_DIED, client.result());
}

TEST_F(Rpc, ReplyRightThatDiesInAMessageEndsTheCallWithServerDied) {
    const Port service;
    const Port reply;
    Port way;
    Party client([&] { return Letter(service, 10, reply).rpc(); });
    EXPECT_EQ(SEND_SUCCESS, send_right(way, MSG_TYPE_MOVE_SEND_ONCE, accept(service)));
    EXPECT_FALSE(client.ended());
    way.drop();
    EXPECT_EQ(MIG_SERVER_DIED, client.result());
}

TEST_F(Rpc, ReplyRightCanBePassedOnAndUsedByWhoGetsIt) {
    const Port service;
    const Port reply;
    Party client([&] { return Letter(service, 10, reply).rpc(); });
    const port_t passed = send_round(MSG_TYPE_PORT, accept(service));
    EXPECT_EQ(SEND_SUCCESS, Letter(passed, 3).send());
    EXPECT_EQ(RPC_SUCCESS, client.result());
}

TEST_F(Rpc, ATooLargeReplyWaitsAtTheReplyPort) {
    const Port service;
    const Port reply;
    Letter call(service, 10, reply);
    Party client([&] { return call.rpc(SEND_TIMEOUT | RCV_TIMEOUT, patience, patience, 28); });
    EXPECT_EQ(SEND_SUCCESS, Letter(accept(service), 9).text("12345678").send());
    EXPECT_EQ(RCV_TOO_LARGE, client.result());
    EXPECT_EQ(32u, call->msg_size);
    EXPECT_EQ(1, waiting_at(reply));
    EXPECT_EQ(9, next_id(reply));
}

TEST_F(Rpc, TimedOutEndsTheCallAndALateReplyFailsAtTheServer) {
    const Port service;
    const Port reply;
    EXPECT_EQ(RCV_TIMED_OUT, Letter(service, 10, reply).rpc(SEND_TIMEOUT | RCV_TIMEOUT, 0, 0));
    const port_t right = accept(service);
    EXPECT_EQ(SEND_INVALID_PORT, Letter(right, 1).send());
    EXPECT_EQ(0, waiting_at(reply));
    port_deallocate(self_, right);
    forget_notices();
}

TEST_F(Rpc, ALateReplyDoesNotSatisfyTheNextCall) {
    const Port service;
    const Port reply;
    EXPECT_EQ(RCV_TIMED_OUT, Letter(service, 10, reply).rpc(SEND_TIMEOUT | RCV_TIMEOUT, 0, 0));
    const port_t late = accept(service);
    Letter call(service, 11, reply);
    Party client([&] { return call.rpc(); });
    const port_t right = accept(service);
    EXPECT_EQ(SEND_INVALID_PORT, Letter(late, 1).send());
    EXPECT_EQ(SEND_SUCCESS, Letter(right, 2).send());
    EXPECT_EQ(RPC_SUCCESS, client.result());
    EXPECT_EQ(2, call->msg_id);
    port_deallocate(self_, late);
    forget_notices();
}

TEST_F(Rpc, ALateReplyTakesNoRightFromTheServer) {
    const Port service;
    const Port reply;
    const Port carried;
    EXPECT_EQ(RCV_TIMED_OUT, Letter(service, 10, reply).rpc(SEND_TIMEOUT | RCV_TIMEOUT, 0, 0));
    const port_t late = accept(service);
    EXPECT_EQ(SEND_INVALID_PORT, Letter(late, 1).item(MSG_TYPE_PORT_ALL, {carried}, true).send());
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(carried));
    port_deallocate(self_, late);
    forget_notices();
}

TEST_F(Rpc, ToAFullQueueTimesOutInItsSendHalfAndTakesNothing) {
    const Port service;
    const Port reply;
    const Port carried;
    fill(service);
    Letter call(service, 10, reply);
    call.item(MSG_TYPE_PORT_ALL, {carried}, true);
    EXPECT_EQ(SEND_TIMED_OUT, call.rpc(SEND_TIMEOUT | RCV_TIMEOUT, 0, patience));
    EXPECT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(carried));
}

TEST_F(Rpc, ToAFullQueueWaitsForRoomThenForTheReply) {
    const Port service;
    const Port reply;
    fill(service);
    Party client([&] { return Letter(service, 10, reply).rpc(); });
    client.asleep();
    for (int i = 0; i < 8; ++i) EXPECT_EQ(100 + i, next_id(service));
    EXPECT_EQ(SEND_SUCCESS, Letter(accept(service), 1).send());
    EXPECT_EQ(RPC_SUCCESS, client.result());
}

TEST_F(Rpc, KeptBesideTheQueueReturnsWillNotifyWithoutItsReceiveHalf) {
    const Port service;
    const Port reply;
    fill(service);
    EXPECT_EQ(SEND_WILL_NOTIFY, Letter(service, 10, reply).rpc(SEND_NOTIFY | RCV_TIMEOUT, 0, patience));
    for (int i = 0; i < 8; ++i) EXPECT_EQ(100 + i, next_id(service));
    EXPECT_TRUE(notified(NOTIFY_MSG_ACCEPTED, service));
    Letter request;
    ASSERT_EQ(RCV_SUCCESS, request.receive(service));
    EXPECT_EQ(SEND_SUCCESS, Letter(request->msg_remote_port, 5).send());
    EXPECT_EQ(5, next_id(reply)) << "its reply comes to the reply port like any message";
}

TEST_F(Rpc, ToADeadPortIsInvalid) {
    const Named service(Kind::dead);
    const Port reply;
    EXPECT_EQ(SEND_INVALID_PORT, Letter(service, 10, reply).rpc());
}

TEST_F(Rpc, WithAReplyPortInASetIsInvalid) {
    const Port service;
    const Port reply;
    const Set set;
    EXPECT_EQ(KERN_SUCCESS, port_set_add(self_, set, reply));
    EXPECT_EQ(RCV_INVALID_PORT, Letter(service, 10, reply).rpc(SEND_TIMEOUT | RCV_TIMEOUT, 0, 0));
}

TEST_F(Rpc, WhoseReplyPortDiesMeanwhileEnds) {
    const Port service;
    Port reply;
    Party client([&] { return Letter(service, 10, reply).rpc(); });
    client.asleep();
    reply.drop();
    EXPECT_EQ(RCV_INVALID_PORT, client.result());
    const port_t right = accept(service);
    EXPECT_EQ(PORT_TYPE_NONE, type_of(right));
}

TEST_F(Rpc, WhoseReplyPortIsRenamedMeanwhileStillGetsItsReply) {
    const Port service;
    Port reply;
    Party client([&] { return Letter(service, 10, reply).rpc(); });
    const port_t right = accept(service);
    client.asleep();
    ASSERT_EQ(KERN_SUCCESS, port_rename(self_, reply, 0x00c0'ffee));
    const Port renamed(0x00c0'ffee);
    EXPECT_EQ(SEND_SUCCESS, Letter(right, 1).send());
    EXPECT_EQ(RPC_SUCCESS, client.result());
}

TEST_F(Rpc, TwoThreadsOnOneReplyPortEachGetTheirOwnReply) {
    const Port service;
    const Port reply;
    Letter first(service, 1, reply);
    Letter second(service, 2, reply);
    Party a([&] { return first.rpc(); });
    Letter request;
    ASSERT_EQ(RCV_SUCCESS, request.receive(service, RCV_TIMEOUT, patience));
    const port_t right_of_first = request->msg_remote_port;
    Party b([&] { return second.rpc(); });
    const port_t right_of_second = accept(service);
    EXPECT_EQ(SEND_SUCCESS, Letter(right_of_second, 102).send());
    EXPECT_EQ(RPC_SUCCESS, b.result());
    EXPECT_EQ(SEND_SUCCESS, Letter(right_of_first, 101).send());
    EXPECT_EQ(RPC_SUCCESS, a.result());
    EXPECT_EQ(101, first->msg_id);
    EXPECT_EQ(102, second->msg_id);
}

TEST_F(Rpc, ReplyBringsItsRights) {
    const Port service;
    const Port reply;
    const Port gift;
    Letter call(service, 1, reply);
    Party client([&] { return call.rpc(); });
    EXPECT_EQ(SEND_SUCCESS, Letter(accept(service), 1).item(MSG_TYPE_PORT, {gift}).send());
    EXPECT_EQ(RPC_SUCCESS, client.result());
    EXPECT_EQ(gift, call.name());
    EXPECT_EQ(KERN_SUCCESS, port_release(self_, gift, PORT_TYPE_SEND));
}

TEST_F(Rpc, TheTrapTakesItsSizeFromTheArgument) {
    const Port service;
    const Port reply;
    Letter call(service, 1, reply);
    call.sized(1);
    EXPECT_EQ(RCV_TIMED_OUT, msg_rpc_trap(&call.header(), SEND_TIMEOUT | RCV_TIMEOUT, 24, 8192, 0, 0));
    port_deallocate(self_, accept(service));
    forget_notices();
}

class RpcBetweenTasks : public Family {};

void serve_one(msg_id_t answer) {
    port_t service = PORT_NULL;
    ASSERT_EQ(KERN_SUCCESS, port_allocate(task_self(), &service));
    ASSERT_EQ(SEND_SUCCESS, Letter(inherited(), 1).item(MSG_TYPE_PORT, {service}).send());
    Letter request;
    ASSERT_EQ(RCV_SUCCESS, request.receive(service, RCV_TIMEOUT, patience));
    if (answer != 0) {
        EXPECT_EQ(SEND_SUCCESS, Letter(request->msg_remote_port, answer).send());
    }
    Letter().receive(service, RCV_TIMEOUT, patience);
}

port_t service_of(port_t hub) {
    Letter hello;
    EXPECT_EQ(RCV_SUCCESS, hello.receive(hub, RCV_TIMEOUT, patience));
    return hello.name();
}

TEST_F(RpcBetweenTasks, IsAnsweredByAnotherProcess) {
    Child server([] { serve_one(5); });
    const Port service(service_of(hub_));
    const Port reply;
    Letter call(service, 1, reply);
    EXPECT_EQ(RPC_SUCCESS, call.rpc());
    EXPECT_EQ(5, call->msg_id);
    server.kill();
    EXPECT_TRUE(notified(NOTIFY_PORT_DELETED, service, patience));
}

TEST_F(RpcBetweenTasks, ToAServerKilledWithTheRequestInHandEndsWithServerDied) {
    Child server([] { serve_one(0); });
    const Port service(service_of(hub_));
    const Port reply;
    Party client([&] { return Letter(service, 1, reply).rpc(SEND_TIMEOUT, 0, 0); });
    client.asleep();
    server.asleep();
    server.kill();
    EXPECT_EQ(MIG_SERVER_DIED, client.result());
    EXPECT_TRUE(notified(NOTIFY_PORT_DELETED, service, patience));
}

TEST_F(RpcBetweenTasks, AClientKilledWhileItWaitsLeavesTheServerAnInvalidReplyRight) {
    Child client([] {
        port_t reply = PORT_NULL;
        ASSERT_EQ(KERN_SUCCESS, port_allocate(task_self(), &reply));
        report_at_side();
        Letter(inherited(), 1, reply).rpc();
    });
    const port_t childs = reported(side_);
    const port_t right = accept(hub_);
    EXPECT_EQ(PORT_TYPE_SEND_ONCE, type_of(right));
    client.kill();
    const auto first = next_notice(patience);
    const auto second = next_notice(patience);
    ASSERT_TRUE(first && second);
    EXPECT_EQ(childs + right, first->notify_port + second->notify_port);
    EXPECT_EQ(SEND_INVALID_PORT, Letter(right).send());
}

}  // namespace
}  // namespace umach::tests
