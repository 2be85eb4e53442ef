// SPDX-License-Identifier: BSL-1.0
// Which process it is. A pid alone does not say: pids come round within a second, and a pid survives exec.
#pragma once

#include "ports/records.hpp"
#include "tasks/private_descriptor.hpp"

#include <sys/types.h>
#include <cstdint>

namespace umach::tasks {

struct ProcessIdentity {
    pid_t pid = 0;
    std::uint64_t start_time = 0;  // field 22 of /proc/PID/stat
    // Unique since boot; 0 where the system's pidfds have no identity of their own
    std::uint64_t pidfd_inode = 0;
};

// returns: 0 when there is no such process
std::uint64_t start_time_of(pid_t pid);
ProcessIdentity own_identity();
// Of a process that cannot end meanwhile unnoticed.
ProcessIdentity identity_of(pid_t pid);
// As the host's record of a member says.
ProcessIdentity identity_of(const ports::ProcessRecord& record);

// A pidfd of the process at the other end of a connection, and who it is: by SO_PEERPIDFD, or, on systems
// before Linux 6.5 and when UMACH_NO_PEERPIDFD is set, by pid, with its start time and the connection looked
// at before and after.
// returns: an empty descriptor when that process has gone
PrivateDescriptor pidfd_of_peer(int connection, ProcessIdentity* who);

// A pidfd of a known process.
// returns: an empty descriptor when it has gone, also if its pid is another's by now
PrivateDescriptor pidfd_of(const ProcessIdentity& who);

// Whether a known process has ended for certain, whoever has its pid by now. Its pidfd, if it has not, and one is to be had.
bool has_ended(const ProcessIdentity& who, PrivateDescriptor* pidfd);

// Whether a process is stopped, by a signal or by a debugger.
bool is_stopped(pid_t pid);

// Now: a pidfd's process has ended, a connection has something or is closed
bool is_readable(int descriptor);

// Whether the process still maps the memory that this process maps at `base`. After exec it does not; nor
// after all of its threads have let go of their memory at their end.
bool still_maps(pid_t pid, const void* base);

}  // namespace umach::tasks
