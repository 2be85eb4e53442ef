// SPDX-License-Identifier: BSL-1.0
// The end of dead processes and carriers, by one at a time: each under the undertaker's word of the process.
// The keeper does it, and whoever stands in for one that is stopped.
#pragma once

#include "ports/task.hpp"

namespace umach::tasks {

// Ends the process, which has ended or become another program, and all that it has in the host.
// returns: false when somebody else, who lives, is at it; true also when nothing is left to be done
bool bury(ports::Kernel& kernel, runtime::Carrier& by, ports::ProcessRef process);

// Ends the carriers that the operating system has marked dead, of one process or (0) of all.
// returns: how many
unsigned end_dead_carriers(ports::Kernel& kernel, runtime::Carrier& by, std::uint32_t process);

// Finishes the terminations that the dead had begun.
// returns: whether none is left
bool finish_what_the_dead_began(ports::Kernel& kernel, runtime::Carrier& by);

}  // namespace umach::tasks
