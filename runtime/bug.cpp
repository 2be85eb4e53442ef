// SPDX-License-Identifier: BSL-1.0
#include "runtime/bug.hpp"

#include <cstdio>
#include <cstdlib>

#include <unistd.h>

namespace umach::runtime {

void bug(const char* file, int line, const char* what) noexcept {
    char text[512];
    const int length = std::snprintf(text, sizeof text, "umach: bug at %s:%d: %s\n", file, line, what);
    const auto bytes = length < 0 ? 0 : static_cast<std::size_t>(length);
    // Nothing can be done about a standard error that takes no more.
    [[maybe_unused]] const ssize_t written = ::write(2, text, bytes < sizeof text ? bytes : sizeof text - 1);
    std::abort();
}

}  // namespace umach::runtime
