// SPDX-License-Identifier: BSL-1.0
// Calls on the host; <mach/host_interface.h> has their contracts.
#pragma once

#include "tasks/info.hpp"
#include "tasks/kernel/counted.hpp"

namespace umach::tasks {

extern const Calls host_calls;

}  // namespace umach::tasks
