// SPDX-License-Identifier: BSL-1.0
// A thread that the program does not know of: detached, with all signals blocked.
#pragma once

#include "runtime/fault.hpp"

#include <functional>

namespace umach::tasks {

// takes: the work, which runs to its end in the new thread
// limits: the name is cut to 15 bytes
runtime::Outcome<void> start_hidden_thread(const char* name, std::function<void()> work);

// Whether the calling thread is the only one of this process that is not hidden.
bool is_last_thread_of_program();

// For the child of a fork: its parent's hidden threads are not here.
void forget_hidden_threads();

}  // namespace umach::tasks
