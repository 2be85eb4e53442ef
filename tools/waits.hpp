// SPDX-License-Identifier: BSL-1.0
// What threads do and wait for, in words.
#pragma once

#include "snapshot.hpp"

namespace umach::tools {

// "fiber on 77", "OS thread 77", "fiber"
std::string carrier_text(const umach_thread_seen_t& thread);
// "runs", "waits", "stands still", "not begun" or "ends"
const char* state_word(const umach_thread_seen_t& thread);
// "sending to port 5, received by server (pid 77)"; "-" when it does not wait
std::string waits_text(const Snapshot& all, const umach_thread_seen_t& thread);

// All of it, and with whom it has to do.
Json thread_json(const Snapshot& all, const umach_thread_seen_t& thread);

}  // namespace umach::tools
