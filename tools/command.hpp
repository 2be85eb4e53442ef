// SPDX-License-Identifier: BSL-1.0
// The commands of the tool. Each adds itself to the command line and, if it was the one asked for, runs.
#pragma once

#include <CLI/CLI.hpp>

#include <stdexcept>
#include <string>

namespace umach::tools {

// What keeps a command from its work, in one sentence; the tool ends with status 2.
struct Trouble : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// status: what the tool ends with
void add_host(CLI::App& app, int& status);
void add_list(CLI::App& app, int& status);
void add_ps(CLI::App& app, int& status);
void add_ports(CLI::App& app, int& status);
void add_check(CLI::App& app, int& status);
void add_deadlock(CLI::App& app, int& status);
void add_torture(CLI::App& app, int& status);
void add_link(CLI::App& app, int& status);
void add_links(CLI::App& app, int& status);
void add_attack(CLI::App& app, int& status);
void add_run(CLI::App& app, int& status);
void add_key(CLI::App& app, int& status);

}  // namespace umach::tools
