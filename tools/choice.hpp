// SPDX-License-Identifier: BSL-1.0
// Which host a command is about.
#pragma once

#include <string>
#include <vector>

namespace umach::tools {

// The names of this user's running hosts.
std::vector<std::string> running_hosts();

// Makes this process a member of the host that was asked for; of the one in UMACH_HOST if none was; of the
// only one that runs if that is not set either.
// returns: the host's name; throws Trouble when there is none, or more than one to choose from
std::string attach_to(const std::string& asked);

}  // namespace umach::tools
