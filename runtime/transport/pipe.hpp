// SPDX-License-Identifier: BSL-1.0
// Transport kind pipe: two pipes, one each way, between processes that inherit them. "pipe:IN,OUT": the
// numbers of two descriptors, which are taken.
//
//   order, loss   in order, none
//   frame         4,096 bytes with its head (PIPE_BUF): a write is all or nothing, so a killed writer tears
//                 none
//   death         the pipe ends when the last process that has its other end open has gone: at once (some 50
//                 us measured), but only if nobody else inherited it
//   who comes in  whoever was given the descriptors
#pragma once

#include "runtime/transport/wire.hpp"

namespace umach::transport {

// The two ends of a link, as descriptors: each process makes a transport of its own and closes the other.
struct PipeEnds {
    runtime::Descriptor in, out;
};
struct PipePair {
    PipeEnds first, second;
};
runtime::Outcome<PipePair> pipe_pair();

std::unique_ptr<Wire> pipe_wire(PipeEnds ends, Peer peer);

extern const Mechanism pipe_mechanism;

}  // namespace umach::transport
