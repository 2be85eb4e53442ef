// SPDX-License-Identifier: BSL-1.0
// Layout: bytes of any kind become pages of lines that fit.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace spool {

inline constexpr int columns_of_a_page = 110;
inline constexpr int lines_of_a_page = 78;

/// What is no UTF-8, and what cannot be printed, reads U+FFFD. A line that is too long is broken between
/// words. A form feed begins a page.
/// returns: pages, each of lines with newlines between; one empty page for an empty document.
std::vector<std::string> lay_out(std::string_view document);

}  // namespace spool
