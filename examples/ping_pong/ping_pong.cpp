// SPDX-License-Identifier: BSL-1.0
// Two threads of control that pass a ball: `ping_pong fiber`, `ping_pong os_thread` or `ping_pong process`.
// What runs a thread is one word at its start; the text of the game is the same on each carrier, and so is
// what it prints. A process is a task of its own, to which a captured right would mean nothing: so the
// second player finds the first one's port where children look, among those that the task has registered.
// On fibers the whole game makes no system call but for printing.
#include <cstdio>
#include <map>
#include <string>

#include <umach/umach.hpp>

namespace {
enum : int { hit = 1, rounds = 3 };

int hit_back(const char* player, int round) {
    std::printf("%s %d\n", player, round);
    std::fflush(stdout);
    return round;
}

/// Waits for the ball and hits it back, until it has come `rounds` times.
void pong() {
    umach::Server table;
    const umach::PortName own = table.add_port().value();
    table.handle<int, int>(hit, [&table](int round) {
        if (round == rounds) table.stop();
        return hit_back("pong", round);
    });
    umach::MessageWriter ready;
    ready.copy(own);
    umach::registered_port(0).value().send(ready).value();
    table.run().value();
}

void ping(const umach::ReceiveRight& own) {
    const auto partner = own.receive().value().reader().get<umach::SendRight>().value();
    for (int round = 1; round <= rounds; ++round) {
        umach::call<int, int>(partner, hit, hit_back("ping", round)).value();
    }
}

}  // namespace

int main(int argc, char** argv) {
    const std::map<std::string, umach::Carrier> carriers{{"fiber", umach::Carrier::fiber},
                                                         {"os_thread", umach::Carrier::os_thread},
                                                         {"process", umach::Carrier::process}};
    const auto carrier = carriers.find(argc > 1 ? argv[1] : "fiber");
    if (carrier == carriers.end()) return 1;
    const auto own = umach::ReceiveRight::allocate().value();
    umach::register_ports({own}).value();
    const auto partner = umach::Thread::spawn(carrier->second, pong).value();
    ping(own);
}  // the partner is joined here
