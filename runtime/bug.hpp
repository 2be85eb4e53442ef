// SPDX-License-Identifier: BSL-1.0
// A bug of ours: a condition that the code around it has made true. It ends the process, in every build.
#pragma once

namespace umach::runtime {

// Writes "umach: bug at FILE:LINE: WHAT" to standard error and aborts. Allocates nothing.
[[noreturn]] void bug(const char* file, int line, const char* what) noexcept;

}  // namespace umach::runtime

// Aborts with file and line unless `condition` holds. Also in release builds: a broken record must not be
// used.
#define UMACH_ASSERT(condition) \
    ((condition) ? static_cast<void>(0) : ::umach::runtime::bug(__FILE__, __LINE__, #condition))
