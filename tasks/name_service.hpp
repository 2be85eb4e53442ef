// SPDX-License-Identifier: BSL-1.0
// Where the name service runs: in a hidden thread of the keeper's process (or of a host's only process),
// which is a task of its own and sees nothing but the C API. Its port is the host's bootstrap port.
#pragma once

#include "tasks/host.hpp"

#include <mach/port.h>

// The service itself, a tenant: serves the port, to which the calling thread's task has the receive right,
// until it dies.
extern "C" void umach_serve_names(port_t port);

namespace umach::tasks {

// Starts the service in this process unless it runs here already; every task that had its predecessor's port,
// or none, has its port then.
// waits: until the port can be found
// returns: false when there is no room for it; runtime::detail() says why
bool start_name_service(Host& host);

}  // namespace umach::tasks
