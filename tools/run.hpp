// SPDX-License-Identifier: BSL-1.0
// A program that reaches a host over a link only: it has a host of its own, behind a wall.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace umach::tools {

struct Isolated {
    std::string host;
    std::vector<std::string> given;  // names of ports that it may have; "*" for all
    // What runs there, in a process of its own that is a member of the host behind the wall, and has what was
    // given under the names it has here. Does not return.
    std::function<void()> program;
    std::vector<int> kept{};  // descriptors that stay open, beside 0 to 2
    std::function<void(const std::string&)> log = [](const std::string&) {};
};

// waits: until it has ended
// returns: its status as a shell has it: 128 and the signal's number if one ended it
int run_isolated(const Isolated& isolated);

}  // namespace umach::tools
