// SPDX-License-Identifier: BSL-1.0
// Messages with types over System V queues. A frame begins with its type; the receiver asks for the next one
// of a type, and what comes meanwhile of other types waits for its turn: msgrcv's choice, over any transport.
#include <unistd.h>

#include <cstdio>
#include <deque>
#include <map>

#include "exchange.hpp"

namespace {

enum Type : char { order = '1', question = '2' };

class Typed {
public:
    explicit Typed(exchange::Transport& link) : link_(link) {}

    void send(Type type, const std::string& text) { exchange::say(link_, static_cast<char>(type) + text); }

    // waits: for a message of that type. returns: false when none will come any more
    bool receive(Type type, std::string* text) {
        for (std::string frame; waiting_[type].empty() && exchange::hear(link_, &frame);)
            waiting_[frame.at(0)].push_back(frame.substr(1));
        if (waiting_[type].empty()) return false;
        *text = waiting_[type].front();
        waiting_[type].pop_front();
        return true;
    }

private:
    exchange::Transport& link_;
    std::map<char, std::deque<std::string>> waiting_;
};

}  // namespace

int main() {
    auto door = exchange::listen_at("sysv:" + std::to_string(0x5600'0000 + getpid()));
    const int client = exchange::start([&] {
        const auto link = exchange::connected_to(door.address());
        Typed server(*link);
        server.send(order, "coffee");
        server.send(order, "tea");
        server.send(question, "what is the time?");
        std::string answer;
        if (server.receive(question, &answer)) std::printf("the client hears: %s\n", answer.c_str());
    });
    const auto link = exchange::guest_of(door);
    Typed guest(*link);
    std::string text;
    if (!guest.receive(question, &text)) return 1;
    std::printf("first the question: %s\n", text.c_str());
    std::fflush(stdout);
    guest.send(question, "time for tea");
    const int status = exchange::end_of(client);
    while (guest.receive(order, &text)) std::printf("then an order: %s\n", text.c_str());
    return status;
}
