// SPDX-License-Identifier: BSL-1.0
// What the parent and all roles of one measurement share, in memory that forked roles share: when they begin
// and end, and what they have counted.
#pragma once

#include <array>
#include <atomic>

#include "harness/clock.hpp"
#include "harness/histogram.hpp"
#include "harness/peer.hpp"

namespace bench {

// In ticks.
struct Window {
    std::uint64_t begin;
    std::uint64_t end;
};

struct ClientLog {
    Histogram latency;        // of the RPCs that lie inside the window
    std::uint64_t calls = 0;  // all, with warm-up
    std::uint64_t errors = 0;
};

struct ServerLog {
    std::uint64_t received = 0;  // data messages
    std::uint64_t first = 0;     // when the first of them came
    std::uint64_t last = 0;      // when the stop after the last of them came
    std::uint64_t lost = 0;
    std::uint64_t errors = 0;
};

// Pins the calling thread, and those that it starts, to the core of its role.
void pin(Place place, bool is_server);

class Control {
public:
    Control(const Traits& traits, const Config& config);

    const Traits traits;
    const Config config;
    ServerLog server;
    std::array<ClientLog, max_clients> clients;

    void announce_server() { server_ready_.store(true); }
    // waits: for announce_server().
    void await_server() const;
    // Called by each client once it is connected. waits: for all the others.
    Window start_together();
    // waits: for the last client.
    Window await_start() const;
    void finish() { finished_.store(true); }
    bool finished() const { return finished_.load(); }
    void enter_role(bool is_server) const { pin(config.place, is_server); }

private:
    std::atomic<bool> server_ready_{false};
    std::atomic<bool> finished_{false};
    std::atomic<unsigned> connected_{0};
    std::atomic<std::uint64_t> window_begin_{0};
    std::uint64_t warm_ticks_;
    std::uint64_t measured_ticks_;
};

}  // namespace bench
