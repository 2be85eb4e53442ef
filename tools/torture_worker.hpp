// SPDX-License-Identifier: BSL-1.0
// A worker of `umach torture`: a process that sends, receives, calls and passes rights, as fast as it can,
// until it is killed. It is known to the others by the name service.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

namespace umach::tools {

inline constexpr unsigned most_workers = 64;

// Of one worker; it counts, others look.
struct alignas(64) Place {
    std::atomic<std::uint64_t> operations;  // calls that have returned
    std::atomic<std::uint64_t> sent;        // messages
    std::atomic<std::uint64_t> received;
    std::atomic<std::uint64_t> lives;  // how many processes have been this worker
};

// In memory that fork shares, outside the host's: what is noted here outlives who noted it.
struct Room {
    std::array<Place, most_workers> places;
    std::atomic<std::uint64_t> wrong;       // messages that were torn, came twice, or out of order
    std::atomic<std::uint64_t> not_let_in;  // workers that found no host for five seconds
    std::array<char, 160> first_wrong;
    std::atomic<int> keeper;  // pid
};

struct Work {
    std::string host;
    unsigned number;   // of the worker
    unsigned workers;  // how many there are
    std::uint64_t seed;
};

// SIGUSR1 makes it another program, SIGUSR2 lets it exit, both at whatever it is doing.
[[noreturn]] void work(const Work& work, Room& room);

// Makes this process a member.
// waits: while the host has no keeper, at most five seconds
bool attach_patiently(const std::string& host);

}  // namespace umach::tools
