// SPDX-License-Identifier: BSL-1.0
// Transport kind loopback: datagrams between two ends of one machine, through weather: what a bad network
// does, by a seed, so that it does it again. For tests; it has no address.
//
//   order, loss   as the weather says; the window makes whole frames in order of it
//   frame         4,096 bytes with its head
//   death         at once; a link that is cut, by silence, after the options patience
#pragma once

#include "runtime/transport/wire.hpp"

namespace umach::transport {

// Chances are of 1,000 datagrams.
struct Weather {
    std::uint64_t seed = 1;
    unsigned lost = 0, doubled = 0, truncated = 0, delayed = 0;
    std::chrono::nanoseconds delay{0};  // the longest; shorter ones overtake, and that reorders
    std::uint64_t cut_after = ~0ull;    // datagrams of this end: from then on everything is lost
};

// The two ends of a link, as descriptors: each process makes a transport of its own and closes the other.
struct LoopbackPair {
    runtime::Descriptor first, second;
};
runtime::Outcome<LoopbackPair> loopback_pair();

// `weather` is for what this end sends.
std::unique_ptr<Wire> loopback_wire(runtime::Descriptor end, const Weather& weather);

}  // namespace umach::transport
