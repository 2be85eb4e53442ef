// SPDX-License-Identifier: BSL-1.0
// Tasks that wait for each other and will do so for ever.
//
// Only three waits are counted, since only of these it is certain who can end them: a send for room (who
// receives from the port), a call for its answer (who has the right to answer, or receives the request), a
// join for the end of a task or thread. One with a time-out ends by itself. A task is stuck when every thread
// of it waits so for a task that is stuck, or for a thread that is.
#pragma once

#include "snapshot.hpp"

namespace umach::tools {

struct Waiter {
    umach_thread_seen_t thread;
    unsigned task = 0;   // which it waits for
    unsigned other = 0;  // the thread of that task which it waits for; 0: any of it

    bool is_same(const Waiter& before) const {
        return thread.wait == before.thread.wait && task == before.task && other == before.other;
    }
};

struct Cycle {
    std::vector<Waiter> members;  // each waits for the next, the last for the first
    std::vector<Waiter> behind;   // not in the cycle, but they wait for who is
};

// What was so in both of two looks, the second of which began after the first had ended, was so all the time
// between.
std::vector<Cycle> cycles_in(const Snapshot& first, const Snapshot& second);

}  // namespace umach::tools
