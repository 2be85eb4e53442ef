// SPDX-License-Identifier: BSL-1.0
// What a process keeps of its membership, and what fork does to it; for membership.cpp and fork.cpp alone.
//
// A forked child is in no host: it has the host's name, its parent's task, and nothing else. A child made by a bare
// system call is noticed at its next call, by a page that fork wipes.
#pragma once

#include "tasks/membership.hpp"

#include <pthread.h>
#include <atomic>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace umach::tasks {

// Whose turn it is on this OS thread.
extern constinit thread_local Seat* own_seat [[gnu::tls_model("initial-exec")]];

// Never destroyed: hidden threads outlive the program's destructors.
struct Process {
    std::mutex lock;
    std::atomic<Host*> host{nullptr};
    std::set<Seat*> seats;
    // Of the parent; kept, because their mappings are not here to be given back.
    std::vector<Host*> left_by_fork;
    std::set<Seat*> seats_left_by_fork;
    std::string inherited_name;  // of the host that the parent was in
    ports::TaskRef inherited_parent;
    // In a page that fork wipes: 0 in a child that no handler saw.
    std::atomic<std::atomic<std::uint64_t>*> unforked{nullptr};
    pthread_key_t thread_end{};
};

Process& process();

// Lets the operating system mark no life word when this thread dies.
void disarm();

inline bool is_unseen_child() {
    return process().unforked.load(std::memory_order_relaxed)->load(std::memory_order_relaxed) == 0;
}

// Forgets what was the parent's, if this is a child that no handler of fork has seen.
void notice_unseen_fork(Process& p);

// Makes the page that fork wipes, and has fork's handlers called.
bool prepare_for_fork(Process& p);

}  // namespace umach::tasks
