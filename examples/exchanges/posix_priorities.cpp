// SPDX-License-Identifier: BSL-1.0
// Priorities and notification over POSIX queues. The receiver does other work until it is told that something
// is there (the link's descriptor is readable, which is what mq_notify is for), then takes all that has come,
// and serves what is most urgent first.
#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <map>

#include "exchange.hpp"

int main() {
    auto door = exchange::listen_at("posix:/umach-exchange-" + std::to_string(getpid()));
    const int patients = exchange::start([&] {
        const auto doctor = exchange::connected_to(door.address());
        for (const char* text : {"1 a cold", "9 a heart attack", "5 a broken arm", "1 a cough", "0 no more"})
            exchange::say(*doctor, text);
        // Who goes before it is let in leaves nothing behind: its queues have no names.
        for (std::string called; exchange::hear(*doctor, &called);) {}
    });
    const auto link = exchange::guest_of(door);
    std::multimap<int, std::string, std::greater<>> waiting;  // of one priority, in order of arrival
    for (bool all = false; !all;) {
        pollfd told{link->descriptor(), POLLIN, 0};
        if (poll(&told, 1, -1) != 1) return 1;
        for (std::string text; exchange::hear_now(*link, &text); all = all || text[0] == '0')
            waiting.emplace(text.at(0) - '0', text.substr(2));
    }
    exchange::part_from(*link);
    for (const auto& [priority, text] : waiting) std::printf("priority %d: %s\n", priority, text.c_str());
    return exchange::end_of(patients);
}
