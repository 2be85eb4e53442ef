// SPDX-License-Identifier: BSL-1.0
// Server and call: typed requests, requests with rights, and clients and servers that misbehave or die.
#include <gtest/gtest.h>

#include <signal.h>
#include <unistd.h>

#include <thread>

#include <umach/umach.hpp>

#include "names_held.hpp"

namespace umach::test {
namespace {

struct Pair {
    int a;
    int b;
};
enum Id : msg_id_t { add_id = 1, refuse_id, count_id, extra_id, rights_id, large_id, later_id, where_id };

constexpr std::chrono::milliseconds long_enough{10000};

/// A server on a thread of its own, which ends with the test.
class Serving : public ::testing::Test {
protected:
    void start() {
        thread_ = std::thread([this] { served_ = server_.run(); });
    }
    void TearDown() override {
        if (thread_.joinable()) {
            server_.stop();
            thread_.join();
            EXPECT_TRUE(served_) << served_.error().describe();
        }
    }

    Server server_;
    PortName port_ = server_.add_port().value();
    Result<void> served_;
    std::thread thread_;
};

TEST_F(Serving, StructureIsAnsweredWithAStructure) {
    server_.handle<Pair, Pair>(add_id, [](const Pair& pair) {
        return Pair{pair.a + pair.b, pair.a - pair.b};
    });
    start();
    const Pair answer = call<Pair, Pair>(port_, add_id, {5, 3}, long_enough).value();
    EXPECT_EQ(answer.a, 8);
    EXPECT_EQ(answer.b, 2);
}

TEST_F(Serving, UnknownIdIsAnsweredWithBadId) {
    start();
    EXPECT_EQ((call<Pair, int>(port_, 77, {1, 2}, long_enough).code()), MIG_BAD_ID);
}

TEST_F(Serving, RequestOfAnotherSizeIsAnsweredWithTypeErrorAndItsHandlerIsNotCalled) {
    bool called = false;
    server_.handle<Pair, int>(add_id, [&](const Pair&) { return called = true; });
    start();
    EXPECT_EQ((call<int, int>(port_, add_id, 1, long_enough).code()), MIG_TYPE_ERROR);
    EXPECT_FALSE(called);
}

TEST_F(Serving, ItemsBehindAPlainRequestAreATypeError) {
    server_.handle<int, int>(add_id, [](int n) { return n; });
    start();
    MessageWriter request(add_id);
    request.put_struct(1);
    request.put("more");
    EXPECT_EQ(call(port_, request, long_enough).code(), MIG_TYPE_ERROR);
}

TEST_F(Serving, ErrorOfAHandlerIsTheCallersError) {
    server_.handle<int, int>(refuse_id, [](int n) -> Result<int> { return Error(KERN_NO_SPACE + n); });
    start();
    EXPECT_EQ((call<int, int>(port_, refuse_id, 0, long_enough).code()), KERN_NO_SPACE);
}

TEST_F(Serving, HandlerWithoutAnAnswerStillTellsThatItIsDone) {
    int count = 0;
    server_.handle<int, void>(count_id, [&](int n) { count += n; });
    start();
    EXPECT_TRUE((call<int, void>(port_, count_id, 4, long_enough)));
    EXPECT_EQ(count, 4);
}

TEST_F(Serving, ItemsBehindTheStructureAreForHandlersThatAskForThem) {
    server_.handle<int, int>(extra_id, [](int n, MessageReader& more) -> Result<int> {
        const Result<std::string> text = more.get<std::string>();
        return text ? Result(n + static_cast<int>(text->size())) : text.error();
    });
    start();
    MessageWriter request(extra_id);
    request.put_struct(40);
    request.put("it");
    Message answer = call(port_, request, long_enough).value();
    EXPECT_EQ(answer.reader().get_struct<int>().value(), 42);
}

TEST_F(Serving, RightsGoBothWays) {
    server_.handle(rights_id, [](MessageReader& in, MessageWriter& out) -> Result<void> {
        Result<SendRight> right = in.get<SendRight>();
        return right ? out.move(std::move(*right)) : right.error();
    });
    start();
    const ReceiveRight mine = ReceiveRight::allocate().value();
    MessageWriter request(rights_id);
    request.make_send(mine);
    Message answer = call(port_, request, long_enough).value();
    EXPECT_EQ(answer.reader().get<SendRight>().value().name(), mine.name());
}

TEST_F(Serving, AnswerThatDoesNotFitIsAnsweredWithMsgTooLarge) {
    server_.handle(large_id,
                   [](MessageReader&, MessageWriter& out) { out.put(std::string(MSG_SIZE_MAX, 'x')); });
    start();
    MessageWriter request(large_id);
    EXPECT_EQ(call(port_, request, long_enough).code(), SEND_MSG_TOO_LARGE);
}

TEST_F(Serving, AnswerMayComeLaterFromTheReplyRight) {
    ReplyRight kept;
    server_.handle(later_id, [&](MessageReader& in, MessageWriter&) { kept = in.take_reply_right(); });
    server_.handle<int, void>(count_id, [&](int n) -> Result<void> {
        if (!kept) return Error(KERN_ABORTED, "nobody has asked yet");
        MessageWriter answer(reply_id(later_id));
        answer.put(KERN_SUCCESS);
        answer.put(n);
        kept.send(answer).value();
        return {};
    });
    start();
    Result<int> answered = Error(KERN_FAILURE);
    std::thread client([&] {
        MessageWriter request(later_id);
        Result<Message> answer = call(port_, request, long_enough);
        answered = answer ? answer->reader().get<int>() : answer.error();
    });
    Result<void> done = Error(KERN_ABORTED);
    while (done.code() == KERN_ABORTED) done = call<int, void>(port_, count_id, 6, long_enough);
    EXPECT_TRUE(done);
    client.join();
    EXPECT_EQ(answered.value(), 6);
}

TEST_F(Serving, DroppedReplyRightEndsTheCall) {
    server_.handle(later_id,
                   [](MessageReader& in, MessageWriter&) { static_cast<void>(in.take_reply_right()); });
    start();
    MessageWriter request(later_id);
    EXPECT_EQ(call(port_, request, long_enough).code(), MIG_SERVER_DIED);
}

TEST_F(Serving, HandlerSeesAtWhichPortARequestCame) {
    const PortName second = server_.add_port().value();
    server_.handle<int, int>(where_id,
                             [&](int, MessageReader& in) { return in.arrived_at() == second ? 2 : 1; });
    start();
    EXPECT_EQ((call<int, int>(port_, where_id, 0, long_enough).value()), 1);
    EXPECT_EQ((call<int, int>(second, where_id, 0, long_enough).value()), 2);
}

TEST_F(Serving, ClientThatTakesNoAnswersDoesNotHoldUpTheServer) {
    server_.handle<int, int>(add_id, [](int n) { return n; });
    start();
    const ReceiveRight full = ReceiveRight::allocate().value();
    for (int i = 0; i < 3 * PORT_BACKLOG_MAX; ++i) {
        MessageWriter request(add_id);
        request.put_struct(i);
        request.reply_to(full);
        request.send_to(port_).value();
    }
    EXPECT_EQ((call<int, int>(port_, add_id, 9, long_enough).value()), 9);
}

TEST_F(Serving, RemovedPortIsNoLongerServedAndKeepsItsQueue) {
    ReceiveRight port = server_.remove_port(port_).value();
    MessageWriter message(5);
    port.send(message).value();
    EXPECT_EQ(server_.serve_one(WhenEmpty::never_wait()).code(), RCV_TIMED_OUT);
    EXPECT_EQ(port.receive(WhenEmpty::never_wait()).value().id(), 5);
    EXPECT_EQ(server_.remove_port(port).code(), KERN_INVALID_ARGUMENT);
}

TEST_F(Serving, StopBeforeRunEndsItAtOnce) {
    server_.stop();
    EXPECT_TRUE(server_.run());
}

TEST_F(Serving, ExceptionOfAHandlerLeavesRunAndTheClientLearnsThatNobodyAnswers) {
    server_.handle<int, int>(add_id, [](int) -> int { throw std::runtime_error("no"); });
    Result<int> answer = 0;
    std::thread client([&] { answer = call<int, int>(port_, add_id, 1, long_enough); });
    EXPECT_THROW(static_cast<void>(server_.run()), std::runtime_error);
    client.join();
    EXPECT_EQ(answer.code(), MIG_SERVER_DIED);
}

TEST_F(Serving, CallTimesOutWhenNobodyServes) {
    EXPECT_EQ((call<int, int>(port_, add_id, 1, std::chrono::milliseconds(10)).code()), RCV_TIMED_OUT);
}

TEST_F(Serving, DeathOfAClientComesAsANotificationAndServingGoesOn) {
    port_t deleted = PORT_NULL;
    port_t left = PORT_NULL;
    SendRight right;
    server_.handle(rights_id, [&](MessageReader& in, MessageWriter&) {
        right = in.get<SendRight>().value();
        left = right.name();
    });
    server_
        .on_notification([&](Notification& told) {
            if (const auto* gone = std::get_if<PortDeleted>(&told); gone != nullptr && gone->name == left) {
                deleted = gone->name;
                server_.stop();
            }
        })
        .value();
    register_ports({port_}).value();
    const int child = fork();
    if (child == 0) {
        const ReceiveRight own = ReceiveRight::allocate().value();
        MessageWriter request(rights_id);
        request.make_send(own);
        static_cast<void>(call(registered_port(0).value(), request));
        kill(getpid(), SIGKILL);
    }
    EXPECT_TRUE(server_.run());
    EXPECT_EQ(exit_code(child), -1);
    EXPECT_NE(deleted, PORT_NULL);
    register_ports({}).value();
}

TEST(Call, KilledServerEndsTheCallWithServerDied) {
    const ReceiveRight parent = ReceiveRight::allocate().value();
    register_ports({parent}).value();
    const int child = fork();
    if (child == 0) {
        Server server;
        MessageWriter message;
        message.copy(server.add_port().value());
        registered_port(0).value().send(message).value();
        server.handle<int, int>(add_id, [](int) { return kill(getpid(), SIGKILL); });
        static_cast<void>(server.run());
        _exit(1);
    }
    const auto port =
        parent.receive(WhenEmpty::wait_for(long_enough)).value().reader().get<SendRight>().value();
    EXPECT_EQ((call<int, int>(port, add_id, 1, long_enough).code()), MIG_SERVER_DIED);
    EXPECT_EQ(exit_code(child), -1);
    register_ports({}).value();
}

TEST(Call, FailedSendLeavesTheRequestAsItWas) {
    const ReceiveRight mine = ReceiveRight::allocate().value();
    SendRight right = mine.make_send().value();
    MessageWriter request(add_id);
    request.move(right);
    EXPECT_EQ(rpc(PortName(), request).code(), SEND_INVALID_PORT);
    EXPECT_EQ(right.name(), mine.name());
    EXPECT_EQ(request.id(), add_id);
}

}  // namespace
}  // namespace umach::test
