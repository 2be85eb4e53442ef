// SPDX-License-Identifier: BSL-1.0
// Transport kind unix: a Unix socket of type SEQPACKET. "unix:@NAME" has its name in no file system,
// "unix:/PATH" in one.
//
//   order, loss   in order, none
//   frame         65,536 bytes with its head; a frame is one record, never torn
//   death         the socket hangs up: at once (47 us measured, and 24 ms a GiB that the dead process had)
//   who comes in  Peer says process, user and group, as the system has them
//   left behind   nothing. Of a path, the file goes with its listener, and so does PATH.lock, which that has
//                 locked: a warden removes both when it is killed. Only if the warden is killed with it, or a
//                 child that was forked keeps the socket but not the lock, the file stays until the next
//                 listener comes
//   others        a socket at PATH that somebody answers at is never removed. Who has bound one there without
//                 the lock, as other programs do, and does not listen yet, is taken for one that was killed
#pragma once

#include "runtime/transport/wire.hpp"

namespace umach::transport {

extern const Mechanism unix_mechanism;

}  // namespace umach::transport
