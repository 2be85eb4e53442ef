// SPDX-License-Identifier: BSL-1.0
// Options: what the demo was asked to do.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace spool {

struct Options {
    std::vector<std::filesystem::path> files;
    std::filesystem::path output = "printed";
    std::string command;  ///< empty: PDF files in `output`
    std::string over;     ///< a kind of transport, to clients on another host; empty: all on one
    int page_time;        ///< milliseconds that a printer takes for a page, at most

    Options();
};

/// returns: false when the program is to end with `status`; why is said.
bool read_options(int argc, char** argv, Options* options, int* status);

/// Makes the output folder and tries it, looks at every file. returns: what is wrong, in one sentence; empty
/// when all is well.
std::string complaint(const Options& options);

}  // namespace spool
