// SPDX-License-Identifier: BSL-1.0
// This thread's last cause in words: what mach_error_detail() reads. Whoever refuses something says here which
// field, what of whose, which quota.
#pragma once

#include <cstddef>

namespace umach::runtime {

inline constexpr std::size_t detail_bytes = 256;  // with the final zero; longer text is cut

// Takes printf's format and arguments. Allocates nothing with plain conversions; keeps errno.
[[gnu::format(printf, 1, 2)]] void set_detail(const char* format, ...) noexcept;

void clear_detail() noexcept;

// returns: the text, "" if there is none; valid until this thread's next `set_detail` or `clear_detail`.
const char* detail() noexcept;

}  // namespace umach::runtime
