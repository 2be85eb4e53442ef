// SPDX-License-Identifier: BSL-1.0
// The main function of a peer's program: PEER list | idle | rpc | stream | wait, one line of JSON a result.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "harness/roles.hpp"
#include "harness/system.hpp"

namespace bench {

// What one peer offers the command line.
struct Entry {
    Traits traits;
    std::function<void(const Config&)> measure;
    std::function<void()> measure_idle;  // empty: creating a port by itself makes no sense
};

struct Roles {
    std::function<void()> server;
    std::function<void(unsigned)> client;
    std::function<void()> together;  // both, as fibers of one OS thread
};

// Runs the roles as processes, threads or fibers and prints what they counted. No role outlives 20 seconds.
void measure_roles(Control& control, const Roles& roles);

// Prints what a port costs to make, to end and to keep.
void measure_creation(const char* name, unsigned count,
                      const std::function<std::shared_ptr<void>(unsigned)>& create);

// returns: the program's exit status
int run_command(int argc, char** argv, const std::vector<Entry>& entries);

template <class P>
void measure(const Config& config) {
    const auto control = shared_object<Control>(P::traits, config);
    P peer(config);
    const auto server = [&] { serve(peer, *control); };
    const auto client = [&](unsigned id) { call(peer, *control, id); };
    Roles roles{server, client, {}};
    if constexpr (P::traits.space == Space::fibers)
        roles.together = [&] { peer.run(server, [&] { client(0); }); };
    measure_roles(*control, roles);
}

template <class P>
Entry entry() {
    Entry made{P::traits, measure<P>, {}};
    if constexpr (requires { typename P::Idle; })
        made.measure_idle = [] {
            measure_creation(P::traits.name, P::idle_count,
                             [](unsigned i) { return std::make_shared<typename P::Idle>(i); });
        };
    return made;
}

template <class... Peers>
int run_peers(int argc, char** argv) {
    return run_command(argc, argv, {entry<Peers>()...});
}

}  // namespace bench
