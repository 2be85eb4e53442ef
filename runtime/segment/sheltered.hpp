// SPDX-License-Identifier: BSL-1.0
// Inside runtime/segment: a few system calls that a SIGKILL to this process does not stop half-way.
#pragma once

#include <sys/types.h>

namespace umach::runtime {

// Runs `work(argument)` in a process of its own that shares our memory, and waits for its end. A SIGKILL to
// us ends our threads, not that process: it finishes the work and then ends, and our memory with it. It
// stands in a session of its own, so that a signal to our process group does not reach it either.
// takes: `work`, which makes system calls and touches `argument`; no allocation, no lock.
// returns: the ended process, to be given to `reap_sheltered`; until then its pid is nobody else's. Or -1 and
// errno.
// limits: only a kill of both in the same few microseconds (a whole cgroup) stops the work.
pid_t run_sheltered(int (*work)(void*), void* argument) noexcept;

void reap_sheltered(pid_t process) noexcept;

}  // namespace umach::runtime
