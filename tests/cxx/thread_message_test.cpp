// SPDX-License-Identifier: BSL-1.0
// Threads of control that send to each other, on each carrier: the same text of servers and clients.
#include "carriers.hpp"

namespace umach::test {
namespace {

class ThreadsThatSendOn : public OnEachCarrier {};
UMACH_ON_EACH_CARRIER(ThreadsThatSendOn);

struct Sum {
    int a;
    int b;
};

void serve_sums() {
    Server server;
    const PortName port = server.add_port().value();
    server.handle<Sum, int>(1, [](const Sum& sum) { return sum.a + sum.b; });
    server.handle<int, void>(2, [&server](int) { server.stop(); });
    MessageWriter message;
    message.copy(port);
    registered_port(0).value().send(message).value();
    server.run().value();
}

TEST_P(ThreadsThatSendOn, ServerAndItsClientsRunOnAnyCarrier) {
    constexpr int clients = 3;
    Thread server = spawn(serve_sums);
    const SendRight port = heard_port();
    register_ports({board_, port}).value();
    std::vector<Thread> asking;
    for (int i = 0; i < clients; ++i) {
        asking.push_back(spawn([i] {
            const SendRight sums = registered_port(1).value();
            int right = 0;
            for (int n = 0; n < 50; ++n)
                right += call<Sum, int>(sums, 1, {i, n}, long_enough).value() == i + n;
            tell(right);
        }));
    }
    for (int i = 0; i < clients; ++i) EXPECT_EQ(heard(), 50);
    EXPECT_TRUE((call<int, void>(port, 2, 0, long_enough)));
    EXPECT_TRUE(server.join(long_enough));
}

TEST_P(ThreadsThatSendOn, CallEndsWithServerDiedWhenTheServersThreadAndItsPortAreGone) {
    Thread server = spawn([] {
        ReceiveRight port = ReceiveRight::allocate().value();
        tell_port(port);
        static_cast<void>(port.receive());
    });
    const SendRight port = heard_port();
    EXPECT_EQ((call<int, int>(port, 1, 1, long_enough).code()), MIG_SERVER_DIED);
}

TEST_P(ThreadsThatSendOn, SenderThatFindsTheQueueFullWaitsUntilTheReceiverTakesOne) {
    const ReceiveRight full = ReceiveRight::allocate().value();
    full.set_backlog(1).value();
    register_ports({board_, full}).value();
    const Thread worker = spawn([] {
        MessageWriter message(3);
        for (int i = 0; i < 3; ++i) registered_port(1).value().send(message).value();
        tell(1);
    });
    for (int i = 0; i < 3; ++i) EXPECT_EQ(full.receive(WhenEmpty::wait_for(long_enough)).value().id(), 3);
    EXPECT_EQ(heard(), 1);
}

TEST_P(ThreadsThatSendOn, ReplyPortIsTheThreadsOwnAndDiesWithIt) {
    Thread worker = spawn([] {
        MessageWriter message;
        message.copy(PortName(thread_reply()));
        registered_port(0).value().send(message).value();
        wait_for_good();
    });
    const SendRight reply = heard_port();
    EXPECT_NE(reply.name(), thread_reply());
    ASSERT_TRUE(worker.unpark());
    ASSERT_TRUE(worker.join(long_enough));
    EXPECT_FALSE(is_alive(reply));
}

TEST_P(ThreadsThatSendOn, SpecialPortOfAThreadCanBeSetAndAsked) {
    const Thread worker = spawn([] { wait_for_good(); });
    const ReceiveRight port = ReceiveRight::allocate().value();
    EXPECT_FALSE(worker.special_port(THREAD_EXCEPTION_PORT).value());
    ASSERT_TRUE(worker.set_special_port(THREAD_EXCEPTION_PORT, port));
    EXPECT_EQ(worker.special_port(THREAD_EXCEPTION_PORT).value().name(), port.name());
    EXPECT_EQ(worker.special_port(THREAD_KERNEL_PORT).value().name(), worker.name());
    ASSERT_TRUE(worker.unpark());
}

}  // namespace
}  // namespace umach::test
