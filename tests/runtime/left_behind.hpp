// SPDX-License-Identifier: BSL-1.0
// What a killed process may have left behind, and the steps to kill it at: every system call that it makes.
#pragma once

#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include <sys/types.h>

namespace umach::runtime::test {

// Orphans of our children become our children, so that `reap_everyone` waits for them too. For the whole
// process.
void adopt_orphans();

// Waits until this process has no child left, of any kind.
void reap_everyone();

std::vector<std::string> umach_files_in_dev_shm();
int sysv_segments_of(std::size_t bytes);
int sysv_sets_of(unsigned long semaphores);

// What of hosts outlives its maker if nobody removes it: large System V segments and sets of processes that have ended,
// and names of files. Others make such things, too, but do not leave them.
std::set<std::string> left_by_hosts();

// Which of the traced processes is killed.
enum class Victim { maker, helper, warden };

// Forks a child that runs `make` and kills the victim at the `step`-th entry to or exit from a system call:
// the child itself, or the first process that it starts (helper), or the second (warden). The others run on.
// Waits until none is left.
// returns: whether the victim got that far; false means that the steps are exhausted.
bool kill_at_system_call(Victim victim, int step, const std::function<void()>& make);

}  // namespace umach::runtime::test
