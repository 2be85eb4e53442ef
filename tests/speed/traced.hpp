// SPDX-License-Identifier: BSL-1.0
// Counts the system calls of a program and of the processes that it forks, by tracing them.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace speed {

struct Calls {
    long futex_waits = 0;
    long futex_wakes = 0;  // that woke somebody, or found nobody
    long others = 0;
};

// Runs a program to its end, with one more NAME=value in its environment.
// returns: nothing where tracing is not permitted
std::optional<Calls> traced(const std::vector<std::string>& command, const std::string& setting);

}  // namespace speed
