// SPDX-License-Identifier: BSL-1.0
// What this task holds: to see that an object gave back what it took, and nothing else.
#pragma once

#include <map>

#include <mach.h>

namespace umach::test {

/// returns: every name of this task and its PORT_TYPE_*.
std::map<port_t, port_type_t> names_held();

port_type_t type_of(port_t name);

/// returns: the child's exit code, once it has ended; -1 when a signal ended it.
int exit_code(int pid);

}  // namespace umach::test
