// SPDX-License-Identifier: BSL-1.0
#include "servers/name/table.hpp"

#include <servers/netname_defs.h>

namespace umach::names {

void release_right(port_t port) {
    if (port != PORT_NULL && port != PORT_DEAD) port_release(task_self(), port, PORT_TYPE_SEND);
}

kern_return_t Table::check_in(const std::string& name, port_t signature, port_t port) {
    const bool dead = port == PORT_NULL || port == PORT_DEAD;
    const auto found = entries_.find(name);
    const bool foreign = found != entries_.end() && found->second.signature != signature;
    if (dead || foreign) {
        release_right(signature);
        release_right(port);
        return dead ? NETNAME_INVALID_PORT : NETNAME_NOT_YOURS;
    }
    Entry& entry = entries_[name];
    release_right(entry.signature);
    release_right(entry.port);
    entry = {signature, port};
    return NETNAME_SUCCESS;
}

kern_return_t Table::check_out(const std::string& name, port_t signature) {
    const auto found = entries_.find(name);
    kern_return_t code = NETNAME_SUCCESS;
    if (found == entries_.end()) {
        code = NETNAME_NOT_CHECKED_IN;
    } else if (found->second.signature != signature) {
        code = NETNAME_NOT_YOURS;
    } else {
        release_right(found->second.signature);
        release_right(found->second.port);
        entries_.erase(found);
    }
    release_right(signature);
    return code;
}

port_t Table::look_up(const std::string& name) const {
    const auto found = entries_.find(name);
    return found != entries_.end() ? found->second.port : PORT_NULL;
}

// The dead port's name is free again already, so nothing of it is to be released.
void Table::forget(port_t port) {
    for (auto at = entries_.begin(); at != entries_.end();) {
        Entry& entry = at->second;
        if (entry.signature == port) entry.signature = PORT_DEAD;
        if (entry.port != port) {
            ++at;
            continue;
        }
        release_right(entry.signature);
        at = entries_.erase(at);
    }
}

}  // namespace umach::names
