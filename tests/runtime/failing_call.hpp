// SPDX-License-Identifier: BSL-1.0
// A process in which one system call fails, once, with an error that the test has chosen. The call is not made.
#pragma once

#include <cstddef>
#include <functional>
#include <set>
#include <string>

#include <sys/types.h>
#include <unistd.h>

namespace umach::runtime::test {

// How the body says what has become of it: by its exit status.
enum Verdict { well = 0, clear_error = 3, error_without_cause = 4, thrown = 5, not_traced = 6 };
// A cause in words makes an error clear.
[[noreturn]] void give_verdict(bool success, const std::string& cause);

// Lets the stopped child go on to its next stop at a system call.
// returns: false when it has ended, or was ended
bool next_stop(pid_t child, int* status);

// Starts a child that is traced, and stopped before it begins with the body.
// returns: -1 where nobody may trace
pid_t start_traced(const std::function<void()>& body, const std::function<pid_t()>& fork = ::fork);
bool may_trace();

struct Extent {
    std::size_t errors = 10;       // of each call, at most
    std::set<long> spared{};       // calls that never fail
    std::function<pid_t()> fork = ::fork;
};

struct Failures {
    int runs = 0;      // in each of which one call failed
    int errors = 0;    // runs that ended with a clear error
    std::string trouble{};   // of the run that did not end as it should, if any
};

// Each of the body's system calls fails once, in each way: with an error that it may have, or with one that no system
// is known to give there.
// takes: `look`, which is called after each run
Failures fail_every_call(const Extent& extent, const std::function<void()>& body, const std::function<void()>& look);

}  // namespace umach::runtime::test
