// SPDX-License-Identifier: BSL-1.0
// Backend: where a printed document goes: into a folder, or into the standard input of a command.
#pragma once

#include <filesystem>
#include <string>

namespace spool {

struct Backend {
    std::filesystem::path folder;
    std::string command;  ///< for the shell; empty: the folder

    /// returns: where it went. What went wrong is thrown as std::runtime_error.
    [[nodiscard]] std::string deliver(const std::string& name, const std::string& pdf) const;
};

/// A file that is being written has this name until it is complete.
std::filesystem::path unfinished(const std::filesystem::path& folder, const std::string& name);

}  // namespace spool
