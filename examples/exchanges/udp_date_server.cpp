// SPDX-License-Identifier: BSL-1.0
// A date server and its client over UDP: the client asks for the time of a clock, the server says it.
// Datagrams get lost and come twice; the transport's window makes of them one question and one answer.
#include <cstdio>
#include <ctime>

#include "exchange.hpp"

namespace {

// The first second of that day, so that it is always the same.
std::string date_of(std::time_t when) {
    char text[32];
    std::tm parts{};
    gmtime_r(&when, &parts);
    std::strftime(text, sizeof text, "%a %d %b %Y", &parts);
    return text;
}

}  // namespace

int main() {
    auto door = exchange::listen_at("udp:127.0.0.1:0");
    const int client = exchange::start([&] {
        const auto server = exchange::connected_to(door.address());
        for (const char* when : {"0", "1000000000", "now"}) {
            std::string answer;
            exchange::say(*server, when);
            if (exchange::hear(*server, &answer)) std::printf("date of %s: %s\n", when, answer.c_str());
        }
        exchange::part_from(*server);
    });
    const auto link = exchange::guest_of(door);
    for (std::string when; exchange::hear(*link, &when);)
        exchange::say(*link, date_of(when == "now" ? std::time(nullptr) : std::stol(when)));
    return exchange::end_of(client);
}
