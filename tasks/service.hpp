// SPDX-License-Identifier: BSL-1.0
// The service thread of a process: what others ask for that only the process itself can do (start a thread in it, change
// its memory) it does, and it looks whether its host is still kept. It is hidden, blocks all signals, and is no thread
// of control. A process has one from the moment it shares its host with others.
//
// One order at a time stands in the process's record (ports::ServiceRecord). Who gives one takes the record for itself,
// posts the order, rings the service thread, and waits until it is done:
//
//   idle -> posted -> running -> done -> idle
//
// Whoever dies on the way leaves nothing to mend: an order of the dead is carried out, and the next giver takes the record
// from a dead one; the orders of a dead process are at their end with it.
#pragma once

#include "tasks/host.hpp"

#include <mach/kern_return.h>

#include <array>

namespace umach::tasks {

enum class Order : std::uint64_t { start_thread = 1, change_memory };
using OrderWords = std::array<std::uint64_t, ports::order_words>;

// Starts the service thread of this process, if it has none. The process goes on without one when that fails, and
// orders to it are refused.
void start_service(Host& host);

// Has the service thread of another process carry out an order.
// takes: nothing; words: what the order works on, afterwards what came of it
// waits: until it is done, at most 10 s
// returns: the order's own code; KERN_FAILURE the process has no service thread, has ended, or does not answer, and
// runtime::detail() says which
kern_return_t order(ports::Caller& caller, std::uint32_t process, Order what, OrderWords& words);

}  // namespace umach::tasks
