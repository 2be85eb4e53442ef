// SPDX-License-Identifier: BSL-1.0
// What a process gives up before it runs what is not trusted. Nothing of it comes back.
#pragma once

#include <string>
#include <vector>

namespace umach::tools {

// In two steps, with a fork between them: the child is the first process of its own world.
//
// Leaves for namespaces of its own, as far as the system lets it: a user's if it is not root, network,
// System V and POSIX queues, and processes from the next fork on. Descriptors stay open that are 0 to 2 or
// in `kept`.
// returns: what could not be had, a sentence each
std::vector<std::string> leave(const std::vector<int>& kept);

// Closes itself in: files that cannot be written to but for an empty /tmp and /dev/shm, a throw-away user if
// it is root, no new privileges, no capabilities, and no system calls by which one process takes hold of
// another.
// returns: as leave(); throws Trouble when what is needed for a wall could not be had
std::vector<std::string> close_in(unsigned number);

}  // namespace umach::tools
