// SPDX-License-Identifier: BSL-1.0
// Transport kind udp: datagrams, with acknowledgement and repetition of its own. "udp:HOST:SERVICE".
//
//   order, loss   in order, none while the link lasts: the window sees to it (1 to 32 frames on their way; 1
//                 is stop-and-wait)
//   frame         1,452 bytes with its head, so that no network has to cut it
//   death         of the process: when the next datagram is refused, at most a tenth of the patience later.
//                 Of the machine, or of the way to it: by silence, after the options patience (3 s)
//   who comes in  anybody who reaches the address; the first datagram has to be a hello
#pragma once

#include "runtime/transport/wire.hpp"

namespace umach::transport {

extern const Mechanism udp_mechanism;

}  // namespace umach::transport
