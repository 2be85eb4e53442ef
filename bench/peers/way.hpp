// SPDX-License-Identifier: BSL-1.0
// Over what two ends are linked, and by whose keys: for peers that are linked, and for transports alone.
#pragma once

#include <string>

#include "servers/netmsg/keyring.hpp"

namespace bench {

namespace transport = umach::transport;

enum class Over { unix_socket, tcp, tls };

class Way {
public:
    // Over TLS each end has a key, in a folder that is removed with this, and has pinned the other's.
    explicit Way(Over over);
    Way(const Way&) = delete;
    ~Way();

    const std::string& place() const { return place_; }  // where to listen
    transport::Options listening() const { return options("there"); }
    transport::Options connecting() const { return options("here"); }

private:
    transport::Options options(const char* end) const;

    std::string place_, folder_;
};

}  // namespace bench
