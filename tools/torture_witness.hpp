// SPDX-License-Identifier: BSL-1.0
// Who looks at a tortured host: processes that join it, look, and go. Who kills is no member, so that it
// never has the keeper's role.
#pragma once

#include "torture_worker.hpp"

#include <umach_inspect.h>

#include <sys/types.h>

namespace umach::tools {

// What a witness has seen, in memory that fork shares.
struct Testimony {
    umach_audit_seen_t audit;
    std::atomic<std::uint32_t> is_given;
    std::array<char, 320> first_violation;
};

// One process of the host that looks, asked again and again.
class Witness {
public:
    // Forks it. maker: how it makes the host; null: it joins it
    Witness(const std::string& host, const umach_host_options_t* maker, Testimony& testimony);
    Witness(const Witness&) = delete;
    Witness& operator=(const Witness&) = delete;
    ~Witness();  // it goes

    // Lets it look; at the end of all, until there is no more in the host than in `before`, at most ten
    // seconds.
    // returns: false when it could not, the host being gone for example
    bool look();
    bool look_until(const umach_audit_seen_t& before);

private:
    bool ask(const umach_audit_seen_t& until);

    Testimony& testimony_;
    pid_t pid_;
    int line_;  // a socket to it
};

}  // namespace umach::tools
