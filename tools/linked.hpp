// SPDX-License-Identifier: BSL-1.0
// What the netmsg servers of the host that this process is in say of their links.
#pragma once

#include <map>
#include <vector>

#include "servers/netmsg/seen.hpp"
#include "snapshot.hpp"

namespace umach::tools {

// waits: at most a second for each server; one that does not answer is left out
std::multimap<unsigned, netmsg::SeenLink> links_of(const Snapshot& all);     // by the server's task
std::multimap<unsigned, netmsg::SeenProxy> proxies_of(const Snapshot& all);  // the same

}  // namespace umach::tools
