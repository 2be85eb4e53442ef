// SPDX-License-Identifier: BSL-1.0
// The record of a process that is a member of the host.
#pragma once

#include "ports/records.hpp"

namespace umach::ports {

// What others ask the service thread of a process to do: one order at a time (tasks/service.hpp).
inline constexpr std::size_t order_words = 6;
enum class OrderState : std::uint64_t { idle, posted, running, done };
inline constexpr std::uint64_t service_starts = std::uint64_t{1} << 63;
struct ServiceRecord {
    std::atomic<std::uint64_t> carrier;   // the service thread's, by its name as a word; 0: there is none; service_starts
    std::atomic<std::uint64_t> owner;     // name of the carrier that gives an order, as a word
    std::atomic<std::uint64_t> state;     // OrderState
    std::atomic<std::uint64_t> order;     // owner, until it is posted; then the service thread, until it is done
    std::atomic<std::uint64_t> code;      // what came of it
    std::array<std::atomic<std::uint64_t>, order_words> words;
};

struct alignas(64) ProcessRecord {
    Field<Identity> identity;      // host; dying: it gets no more tasks
    Count pid;                     // host
    Count start_time;              // host; field 22 of /proc/PID/stat
    Count pidfd_inode;             // host; 0 where the system has no pidfd identity
    Count task;                    // host; index of its first task
    Count sponsored;               // host; 1: a member made it, and it has not called in yet
    Count pool;                    // its own; address at which it has mapped the pool
    Field<Pair> altered;           // host; regions that nobody has, and that are mapped otherwise in this process
    Field<Pair> views;             // host; of sections, whose tasks have ended and that are still mapped in this process
    Field<Pair> link;              // host; free list
    ServiceRecord service;
    LockWord undertaker;           // held while it, or a dead carrier of it, is ended; of record 0: for all that has no process
};

}  // namespace umach::ports
