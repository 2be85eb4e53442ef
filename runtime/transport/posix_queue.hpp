// SPDX-License-Identifier: BSL-1.0
// Transport kind posix: two POSIX message queues, one each way, and a third with a name, the door, where a
// peer leaves word of the two that it has made. "posix:/NAME".
//
//   order, loss   in order, none; each message is taken whole or not at all
//   frame         4,096 bytes with its head, 8 in a queue
//   death         a process of the peer that ends is seen by its pidfd: at once
//   who comes in  mode 0600, and both sides look that the queues are of their own user
//   left behind   nothing. The two queues have lost their names before anybody is told of them: the listener
//                 opens them through /proc, so both ends must be in one pid namespace. A warden removes the
//                 door's name when its listener is killed, and those two if who connects is killed just then;
//                 only a door whose listener and warden are killed together stays, until the next listener
//   a child       of a listener, by a fork, has a copy of the door: nobody else can listen there before the
//                 child has ended, too
//   limits        RLIMIT_MSGQUEUE, 800 KiB a user by default: some 11 links
#pragma once

#include "runtime/transport/wire.hpp"

namespace umach::transport {

extern const Mechanism posix_mechanism;

}  // namespace umach::transport
