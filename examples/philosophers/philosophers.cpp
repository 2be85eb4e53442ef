// SPDX-License-Identifier: BSL-1.0
// Dining philosophers, with ports as forks. A fork is a port with one message in it: whoever receives the
// message has the fork, whoever sends it back lays it down, and who finds no message waits for it. Each
// philosopher is a fiber. All take the fork with the lower number first, so there is no circle of
// philosophers who wait for each other, and everybody eats. With `--seed N` chance decides whose turn it
// is, and the same N decides the same again: an order that shows a mistake can be had again.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <umach/umach.hpp>

namespace {
enum : std::size_t { philosophers = 5, meals = 3 };

using Forks = std::vector<umach::ReceiveRight>;

void lay_down(const umach::ReceiveRight& fork) {
    umach::MessageWriter message;
    fork.send(message).value();
}

void take(const umach::ReceiveRight& fork) {
    static_cast<void>(fork.receive().value());
    umach::this_thread::yield();  // slow hands
}

void dine(const Forks& forks, std::size_t who) {
    const auto [first, second] = std::minmax({who, (who + 1) % philosophers});
    for (std::size_t meal = 1; meal <= meals; ++meal) {
        take(forks[first]);
        take(forks[second]);
        std::printf("philosopher %zu eats meal %zu with forks %zu and %zu\n", who, meal, first, second);
        lay_down(forks[second]);
        lay_down(forks[first]);
        umach::this_thread::yield();  // thinks
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 3 && std::strcmp(argv[1], "--seed") == 0) {
        umach::this_thread::seed_fibers(std::strtoull(argv[2], nullptr, 10));
    }
    Forks forks;
    for (std::size_t i = 0; i < philosophers; ++i) {
        lay_down(forks.emplace_back(umach::ReceiveRight::allocate().value()));
    }
    std::vector<umach::Thread> table;
    for (std::size_t who = 0; who < philosophers; ++who) {
        table.push_back(
            umach::Thread::spawn(umach::Carrier::fiber, [&forks, who] { dine(forks, who); }).value());
    }
    for (umach::Thread& philosopher : table) philosopher.join().value();
    std::printf("everybody has eaten %zu times\n", std::size_t{meals});
}
