// SPDX-License-Identifier: BSL-1.0
// What decodes bytes that a peer sends, each as a function of bytes. A promise that does not hold aborts.
#pragma once

#include "servers/netmsg/packet.hpp"

namespace umach::fuzz {

using netmsg::Bytes;
using netmsg::View;

void feed_frame(View bytes);      // runtime/transport/frame
void feed_parcel(View bytes);     // servers/netmsg/parcel, and the items of its body
void feed_stream(View bytes);     // runtime/transport/ordered: transports.cpp says in which form
void feed_datagrams(View bytes);  // runtime/transport/windowed
std::vector<Bytes> scripts();     // for these two
void feed_protocol(View bytes);   // servers/netmsg: packets, each after its length, to a server

// Looks whether what all the inputs so far have left behind is nothing.
void expect_nothing_left();

struct Target {
    const char* name;
    void (*feed)(View bytes);
    std::vector<Bytes> (*corpus)();
    unsigned runs;  // of a test
};
const std::vector<Target>& targets();

// The next input: one of the corpus, changed. The same dice give the same inputs.
class Mutator {
public:
    Mutator(const std::vector<Bytes>& corpus, std::uint64_t seed) : corpus_(corpus), state_(seed) {}
    Bytes next();

private:
    std::size_t below(std::size_t count);
    void change(Bytes& bytes);

    const std::vector<Bytes>& corpus_;
    std::uint64_t state_;
};

}  // namespace umach::fuzz
