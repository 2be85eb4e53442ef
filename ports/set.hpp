// SPDX-License-Identifier: BSL-1.0
// Port sets, as far as others than their calls need them.
#pragma once

#include "ports/kernel.hpp"

namespace umach::ports {

// Removes a set from its task's space, some members at a time; members live on with their messages, who waits to receive
// from the set gets RCV_INVALID_PORT.
// returns: true when the set is gone, false: call again in another step
bool remove_set_some(KernelStep& s, TaskRef task, std::uint32_t index);

}  // namespace umach::ports
