// SPDX-License-Identifier: BSL-1.0
// Names of files, and of ports.
#pragma once

#include <cstddef>
#include <string_view>

namespace spool {

/// returns: whether it names a file in a folder, and nothing outside of it or hidden in it.
bool is_file_name(std::string_view name);

/// returns: how many port names this task holds.
std::size_t names_held();

}  // namespace spool
