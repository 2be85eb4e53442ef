// SPDX-License-Identifier: BSL-1.0
// Very many tasks send into one port that holds eight messages; very many ports in one host. Each in a
// program of its own, on a host of that size.
//
//   mach25_tests --gtest_filter='Many.*' --each 1000    as many messages from each of the thousand tasks
#include "parties.hpp"

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace umach::tests {
namespace {

using Clock = std::chrono::steady_clock;

struct Stamp {
    int sender;
    int number;
};

int setting(const char* name, int otherwise) {
    const char* text = std::getenv(name);
    return text != nullptr ? std::atoi(text) : otherwise;
}

void send_all(int sender, int each) {
    const port_t hub = inherited();
    for (int i = 0; i < each; ++i) {
        const Stamp stamp{sender, i};
        Letter letter(hub, 1);
        letter.text({reinterpret_cast<const char*>(&stamp), sizeof stamp});
        ASSERT_EQ(SEND_SUCCESS, letter.send(MSG_OPTION_NONE)) << mach_error_detail();
    }
}

UMACH_FRESH(fan_in) {
    const int senders = setting("MANY_SENDERS", 1000);
    const int each = setting("MANY_EACH", 100);
    port_t hub = PORT_NULL;
    ASSERT_EQ(KERN_SUCCESS, port_allocate(task_self(), &hub));
    port_t ports[] = {PORT_NULL, hub};
    ASSERT_EQ(KERN_SUCCESS, mach_ports_register(task_self(), ports, 2));
    std::vector<std::unique_ptr<Child>> children;
    for (int i = 0; i < senders; ++i)
        children.push_back(std::make_unique<Child>([i, each] { send_all(i, each); }));
    std::vector<int> next(static_cast<std::size_t>(senders));
    for (long i = 0; i < long{senders} * each; ++i) {
        Letter letter;
        ASSERT_EQ(RCV_SUCCESS, letter.receive(hub, RCV_TIMEOUT, patience)) << "message " << i;
        Stamp stamp{};
        std::memcpy(&stamp, letter.body().data(), sizeof stamp);
        ASSERT_GE(stamp.sender, 0);
        ASSERT_LT(stamp.sender, senders);
        ASSERT_EQ(next[static_cast<std::size_t>(stamp.sender)]++, stamp.number)
            << "of sender " << stamp.sender;
    }
    for (auto& child : children) EXPECT_TRUE(child->wait());
    EXPECT_EQ(RCV_TIMED_OUT, Letter().receive(hub));
}

TEST(Many, AThousandTasksSendIntoOnePortEveryMessageOnceAndInOrderPerSender) {
    const auto start = Clock::now();
    EXPECT_TRUE(run_fresh("fan_in", {"UMACH_TASKS=1100"}));
    const int each = setting("MANY_EACH", 100);
    EXPECT_LT(Clock::now() - start, std::chrono::seconds(60 + each / 4)) << "bounded time";
}

UMACH_FRESH(million_ports) {
    constexpr std::size_t million = 1'000'000;
    std::vector<port_t> ports(million);
    for (port_t& port : ports)
        ASSERT_EQ(KERN_SUCCESS, port_allocate(task_self(), &port)) << mach_error_detail();
    for (std::size_t i = 0; i < million; i += 997) ASSERT_EQ(SEND_SUCCESS, Letter(ports[i], 5).send());
    for (std::size_t i = 0; i < million; i += 997) ASSERT_EQ(5, next_id(ports[i]));
    for (std::size_t i = 0; i < million; i += 997) ASSERT_EQ(PORT_TYPE_RECEIVE_OWN, type_of(ports[i]));
    EXPECT_GE(names_of().size(), million);
    for (const port_t port : ports) ASSERT_EQ(KERN_SUCCESS, port_deallocate(task_self(), port));
    EXPECT_LT(names_of().size(), 10u);
}

TEST(Many, AMillionPortsLiveInOneHost) {
    const auto start = Clock::now();
    EXPECT_TRUE(run_fresh("million_ports", {"UMACH_PORTS=1050000"}));
    EXPECT_LT(Clock::now() - start, std::chrono::seconds(60)) << "bounded time";
}

}  // namespace
}  // namespace umach::tests
