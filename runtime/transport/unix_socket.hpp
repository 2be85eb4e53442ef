// SPDX-License-Identifier: BSL-1.0
// Transport kind unix: a Unix socket of type SEQPACKET. "unix:@NAME" has its name in no file system,
// "unix:/PATH" in one.
//
//   order, loss   in order, none
//   frame         65,536 bytes with its head; a frame is one record, never torn
//   death         the socket hangs up: at once (47 us measured, and 24 ms a GiB that the dead process had)
//   who comes in  Peer says process, user and group, as the system has them
//   left behind   nothing by "@"; the file of a path goes with its listener, and a killed listener leaves it
//                 to the next one, which finds that nobody answers there
#pragma once

#include "runtime/transport/wire.hpp"

namespace umach::transport {

extern const Mechanism unix_mechanism;

}  // namespace umach::transport
