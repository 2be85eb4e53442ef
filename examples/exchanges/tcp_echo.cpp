// SPDX-License-Identifier: BSL-1.0
// An echo server and three clients over TCP, all clients at once. The server says back what each says, and
// serves whoever has something to say: it waits for its door and for all its links together.
#include <poll.h>

#include <cstdio>
#include <vector>

#include "exchange.hpp"

namespace {

constexpr int clients = 3;

void be_client(const std::string& address, int number) {
    const auto server = exchange::connected_to(address);
    for (int i = 1; i <= 100; ++i) {
        const std::string said = "client " + std::to_string(number) + " line " + std::to_string(i);
        std::string heard;
        exchange::say(*server, said);
        if (!exchange::hear(*server, &heard) || heard != said) _Exit(1);
    }
    exchange::part_from(*server);
}

// returns: how many lines it said back, once `clients` links have come and ended
int serve(exchange::Listener& door) {
    std::vector<std::unique_ptr<exchange::Transport>> links;
    int echoed = 0;
    for (int ended = 0; ended < clients;) {
        std::vector<pollfd> look{{door.descriptor(), POLLIN, 0}};
        for (const auto& link : links) look.push_back({link->descriptor(), POLLIN, 0});
        poll(look.data(), look.size(), -1);
        if (look[0].revents != 0)
            if (auto guest = door.accept(); guest.ok() && guest.value() != nullptr)
                links.push_back(std::move(guest).value());
        for (const auto& link : links)
            for (std::string text; exchange::hear_now(*link, &text); ++echoed) exchange::say(*link, text);
        ended += static_cast<int>(
            std::erase_if(links, [](const auto& link) { return link->ending() != umach::transport::Ending::open; }));
    }
    return echoed;
}

}  // namespace

int main() {
    auto door = exchange::listen_at("tcp:127.0.0.1:0");
    std::vector<int> children;
    for (int number = 1; number <= clients; ++number)
        children.push_back(exchange::start([&] { be_client(door.address(), number); }));
    std::printf("%d lines went there and back\n", serve(door));
    int status = 0;
    for (const int child : children) status |= exchange::end_of(child);
    return status;
}
