// SPDX-License-Identifier: BSL-1.0
// Transport kind tcp: a stream. "tcp:HOST:SERVICE", with a numeric or named host; "tcp:[::1]:7000".
//
//   order, loss   in order, none while the connection lasts
//   frame         65,448 bytes with its head; what a killed sender had sent of one is discarded
//   death         of the process: at once (1 ms). Of the machine, or of the way to it: by silence, after the
//                 options patience (3 s); each side beats when it has nothing to say
//   who comes in  anybody who reaches the address
#pragma once

#include "runtime/transport/wire.hpp"

namespace umach::transport {

extern const Mechanism tcp_mechanism;

}  // namespace umach::transport
