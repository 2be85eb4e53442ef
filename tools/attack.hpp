// SPDX-License-Identifier: BSL-1.0
// The published list of attacks on a host. Each is played from one or more levels of trust, and says what
// it met.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

namespace umach::tools {

// A member of the host that is attacked: what an attacker may know of it.
struct Victim {
    std::string host, given, full,
        secret;  // the host; names of ports: may be had, and nobody receives; may not
    pid_t process;
    unsigned long long memory;  // where it has eight bytes that say `mark`
    std::string segment;        // the host's memory, as /proc/self/maps names it: device and file
    static constexpr unsigned long long mark = 0x6D61'7268'2073'7465;
};

enum class Level { member, isolated, remote };

struct Verdict {
    std::string attack;
    Level level;
    bool stopped;
    std::string met;  // what stopped it, or what it got
};
using Tell = std::function<void(const Verdict&)>;

// What a process tries by calls: as a member, or behind the wall.
void attack_by_calls(const Victim& victim, Level level, const Tell& tell);

// What a peer tries on its link: by a pipe as from behind the wall, over TLS as a remote one. The process is a
// member, which serves the other end.
void attack_by_link(const Victim& victim, Level level, const Tell& tell);

// The memory of the host that this process is in, as Victim says it.
std::string segment_here();

}  // namespace umach::tools
