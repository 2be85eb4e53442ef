// SPDX-License-Identifier: BSL-1.0
// What fibers promise beyond the contract of threads: siblings that wait hold up nobody, and a seed replays.
#include <thread>

#include "carriers.hpp"

namespace umach::test {
namespace {

class FibersOfOneOsThread : public WithBoard {
protected:
    template <Callable F>
    static Thread spawn(F&& callable) {
        return Thread::spawn(Carrier::fiber, std::forward<F>(callable)).value();
    }
    void TearDown() override {
        this_thread::seed_fibers(0);
        WithBoard::TearDown();
    }
    /// Who took turns, when three fibers yield and chance picks the next.
    static std::string order_of_turns(unsigned long long seed) {
        this_thread::seed_fibers(seed);
        std::string order;
        std::vector<Thread> fibers;
        for (const char letter : {'a', 'b', 'c'}) {
            fibers.push_back(spawn([&order, letter] {
                for (int i = 0; i < 20; ++i) {
                    order += letter;
                    this_thread::yield();
                }
            }));
        }
        for (Thread& fiber : fibers) fiber.join().value();
        return order;
    }
};

TEST_F(FibersOfOneOsThread, RunOnTheOsThreadThatSpawnedThem) {
    const auto here = std::this_thread::get_id();
    bool same = false;
    spawn([&] { same = std::this_thread::get_id() == here; }).join().value();
    EXPECT_TRUE(same);
}

TEST_F(FibersOfOneOsThread, TakeTurnsWhenTheyYield) {
    const std::string order = order_of_turns(0);
    for (std::size_t i = 0; i + 1 < order.size(); ++i) EXPECT_NE(order[i], order[i + 1]) << order;
    EXPECT_EQ(order.size(), 60U);
}

TEST_F(FibersOfOneOsThread, SameSeedGivesTheSameTurns) {
    EXPECT_EQ(order_of_turns(7), order_of_turns(7));
}

TEST_F(FibersOfOneOsThread, OtherSeedsGiveOtherTurns) {
    const std::string one = order_of_turns(1);
    bool differs = false;
    for (unsigned long long seed = 2; seed < 10; ++seed) differs = differs || order_of_turns(seed) != one;
    EXPECT_TRUE(differs);
}

TEST_F(FibersOfOneOsThread, OnesThatWaitHoldUpNobody) {
    constexpr int waiting = 100;
    std::vector<Thread> fibers;
    for (int i = 0; i < waiting; ++i) fibers.push_back(spawn([] { wait_for_good(); }));
    spawn([] { tell(1); }).join().value();
    EXPECT_EQ(heard(), 1);
    for (const Thread& fiber : fibers) EXPECT_TRUE(fiber.unpark());
}

TEST_F(FibersOfOneOsThread, PassATokenRoundARingOfPorts) {
    constexpr int members = 100;
    constexpr int rounds = 10;
    std::vector<ReceiveRight> ports;
    for (int i = 0; i < members; ++i) ports.push_back(ReceiveRight::allocate().value());
    std::vector<Thread> fibers;
    for (int i = 0; i < members; ++i) {
        fibers.push_back(spawn([&ports, i] {
            for (int round = 0; round < rounds; ++round) {
                const int passed = ports[static_cast<std::size_t>(i)].receive().value().id();
                MessageWriter token(passed + 1);
                ports[static_cast<std::size_t>((i + 1) % members)].send(token).value();
            }
        }));
    }
    MessageWriter token(0);
    ports[0].send(token).value();
    for (Thread& fiber : fibers) fiber.join().value();
    EXPECT_EQ(ports[0].receive().value().id(), members * rounds);
}

TEST_F(FibersOfOneOsThread, EachCallHasItsAnswerThoughAllAskAtOnce) {
    constexpr int clients = 20;
    Server server;
    const PortName port = server.add_port().value();
    server.handle<int, int>(1, [](int n) { return 2 * n; });
    Thread serving = spawn([&] { server.run().value(); });
    int wrong = 0;
    std::vector<Thread> asking;
    for (int i = 0; i < clients; ++i) {
        asking.push_back(spawn([&wrong, port, i] {
            for (int n = 0; n < 20; ++n) wrong += call<int, int>(port, 1, i * n).value() != 2 * i * n;
        }));
    }
    for (Thread& client : asking) client.join().value();
    server.stop();
    serving.join().value();
    EXPECT_EQ(wrong, 0);
}

TEST_F(FibersOfOneOsThread, CallToASiblingTakesTwoSwitches) {
    constexpr unsigned long long calls = 100;
    Server server;
    const PortName port = server.add_port().value();
    server.handle<int, int>(1, [](int n) { return n; });
    Thread serving = spawn([&] { server.run().value(); });
    call<int, int>(port, 1, 0).value();
    const auto before = umach_fiber_switches();
    for (unsigned long long i = 0; i < calls; ++i) call<int, int>(port, 1, 0).value();
    EXPECT_LE(umach_fiber_switches() - before, 2 * calls);
    server.stop();
    serving.join().value();
}

TEST_F(FibersOfOneOsThread, ThoseLeftAtItsEndAreUnwound) {
    struct Mark {
        bool* set;
        ~Mark() { *set = true; }
    };
    bool unwound = false;
    ThreadPort left;
    std::thread([&] {
        left = spawn([&unwound] {
                   const Mark mark{&unwound};
                   wait_for_good();
               }).detach();
        this_thread::yield();
    }).join();
    EXPECT_TRUE(unwound);
    EXPECT_TRUE(left.join(long_enough));
}

TEST_F(FibersOfOneOsThread, AnotherOsThreadUnparksOne) {
    const Thread fiber = spawn([] { tell(wait_for_good()); });
    std::thread other([&] { fiber.unpark().value(); });
    EXPECT_EQ(heard(), KERN_SUCCESS);
    other.join();
}

TEST_F(FibersOfOneOsThread, TheGuardBelowAStackHasAName) {
    spawn([] {}).join().value();
    EXPECT_STRNE(umach_fiber_guard(), "none");
}

}  // namespace
}  // namespace umach::test
