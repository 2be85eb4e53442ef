// SPDX-License-Identifier: BSL-1.0
// Transport kind fifo: two FIFOs, one each way. "fifo:PATH": the listener makes PATH.to and PATH.from.
//
//   order, loss   in order, none
//   frame         4,096 bytes with its head (PIPE_BUF): a write is all or nothing, so a killed writer tears
//                 none
//   death         the FIFO ends when its other end has gone: at once (some 50 us measured)
//   who comes in  mode 0600, and both sides look that the files are FIFOs of their own user, closed to others
//   left behind   nothing. The names go as soon as a peer is in; when a listener is killed before, a warden
//                 removes them, and PATH.lock, which the listener has locked. Only if the warden is killed with
//                 it, or a child that was forked keeps PATH.to open but not the lock, they stay until the next
//                 listener comes. Who connects makes no file. Writers that come at the same time exclude each
//                 other by a lock on the FIFO
#pragma once

#include "runtime/transport/wire.hpp"

namespace umach::transport {

extern const Mechanism fifo_mechanism;

}  // namespace umach::transport
