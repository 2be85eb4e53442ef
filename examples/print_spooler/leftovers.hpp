// SPDX-License-Identifier: BSL-1.0
// Leftovers: what a run could leave behind, looked for where the operating system keeps it.
//
// While the run lasts, Traces notes what its processes hold: ids, sockets, shared memory. The first process,
// which starts before the run and ends after it, reads the notes and looks whether any of it is there.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include <sys/types.h>

namespace spool {

class Traces {
public:
    /// Notes go to `fd`, a line each.
    explicit Traces(int fd) : fd_(fd) {}

    /// Notes what a process holds just now. A process that has ended holds nothing.
    void note(pid_t process);

private:
    void write_new(const std::string& line);

    int fd_;
    std::set<std::string> written_;
};

/// Waits a moment for orphans of the run, then kills and reaps them: the caller has adopted them all.
/// returns: a line for each that had to be killed.
std::vector<std::string> end_orphans();

/// Takes unfinished files away. returns: a line for each that cannot be removed.
std::vector<std::string> remove_unfinished(const std::filesystem::path& folder,
                                           const std::vector<std::string>& outputs);

/// returns: a line for each thing of `notes` that is still there.
std::vector<std::string> still_there(const std::string& notes);

}  // namespace spool
