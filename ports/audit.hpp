// SPDX-License-Identifier: BSL-1.0
// The audit: every rule that holds between steps, checked over all records of a host, and named when it is
// broken.
#pragma once

#include "ports/caller.hpp"

#include <string>
#include <vector>

namespace umach::ports {

struct Audit {
    std::vector<std::string> violations;   // each names the rule, the record and the task
    std::uint64_t tasks = 0, ports = 0, names = 0, messages = 0, rights = 0;   // what was looked at
    std::uint64_t rescued_wakeups = 0;
};

// looks: how often at most, some milliseconds apart; a violation is one that each of them finds. One will do where nobody
//     else is at work.
// waits: until every task's lock has been taken; everybody else stands still meanwhile (milliseconds)
Audit audit(Kernel& k, runtime::Carrier& carrier, unsigned looks = 6);

}  // namespace umach::ports
