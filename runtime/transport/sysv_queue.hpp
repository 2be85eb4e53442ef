// SPDX-License-Identifier: BSL-1.0
// Transport kind sysv: two System V message queues, one each way, and a third with a key, the door, where a
// peer leaves the numbers of the two that it has made. "sysv:KEY", a number.
//
//   order, loss   in order, none; each message is taken whole or not at all
//   frame         4,096 bytes with its head
//   death         a process of the peer that ends is seen by its pidfd: at once. Who it is says the queue
//                 itself, which has the number of its last writer
//   who comes in  mode 0600, and both sides look that the queues are of their own user
//   left behind   nothing. Who ends removes both queues, once the peer has taken what was left, within 500 ms
//                 at most; who sees the peer killed, too. A warden removes them when both are killed, and the
//                 door when its listener is; only what is killed together with its warden leaves queues
//   cost          no call waits for a queue and for anything else: three threads an end do it
#pragma once

#include "runtime/transport/wire.hpp"

namespace umach::transport {

extern const Mechanism sysv_mechanism;

}  // namespace umach::transport
