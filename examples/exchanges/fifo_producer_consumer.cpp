// SPDX-License-Identifier: BSL-1.0
// A producer and a consumer over a FIFO, which two processes find by a path and need not inherit. The producer
// is quicker than the consumer: when the FIFO is full it waits, and nothing is lost.
#include <unistd.h>

#include <cstdio>

#include "exchange.hpp"

int main() {
    constexpr int items = 2000;
    auto shop = exchange::listen_at("fifo:/tmp/umach-exchange-" + std::to_string(getpid()));
    const std::string address = shop.address();
    const int producer = exchange::start([&] {
        const auto consumer = exchange::connected_to(address);
        for (int i = 1; i <= items; ++i) exchange::say(*consumer, "item " + std::to_string(i));
        exchange::part_from(*consumer);
    });
    const auto link = exchange::guest_of(shop);
    int taken = 0;
    for (std::string text; exchange::hear(*link, &text); ++taken)
        if (text != "item " + std::to_string(taken + 1)) return 1;
    std::printf("%d items came, in order\n", taken);
    return taken == items ? exchange::end_of(producer) : 1;
}
