// SPDX-License-Identifier: BSL-1.0
#include "runtime/detail.hpp"

#include <cerrno>
#include <cstdarg>
#include <cstdio>

namespace umach::runtime {

namespace {

constinit thread_local char text[detail_bytes] = {};

}  // namespace

void set_detail(const char* format, ...) noexcept {
    const int kept = errno;
    std::va_list arguments;
    va_start(arguments, format);
    if (std::vsnprintf(text, sizeof text, format, arguments) < 0) text[0] = '\0';
    va_end(arguments);
    errno = kept;
}

void clear_detail() noexcept { text[0] = '\0'; }

const char* detail() noexcept { return text; }

}  // namespace umach::runtime
