// SPDX-License-Identifier: BSL-1.0
// umach run: runs a program as a member of a host, or behind a wall.
#include "run.hpp"
#include "choice.hpp"
#include "command.hpp"

#include <fmt/format.h>
#include <umach_inspect.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace umach::tools {
namespace {

struct Asked {
    std::string host;
    std::vector<std::string> words, given;
    bool isolated = false;
};

[[noreturn]] void become(const Asked& asked, const std::string& host) {
    setenv("UMACH_HOST", host.c_str(), 1);
    std::vector<char*> words;
    for (const std::string& word : asked.words) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    execvp(words[0], words.data());
    throw Trouble(fmt::format("{}: {}", words[0], std::strerror(errno)));
}

// The host behind the wall has no name of its own.
std::string host_here() {
    umach_host_seen_t seen{};
    if (umach_inspect_host(&seen) != KERN_SUCCESS) throw Trouble("there is no host behind the wall");
    return seen.name;
}

bool is_running(const std::string& name) {
    const std::vector<std::string> names = running_hosts();
    return std::find(names.begin(), names.end(), name) != names.end();
}

int run(const Asked& asked) {
    if (!asked.isolated && !is_running(asked.host))
        throw Trouble(fmt::format("there is no host {}", asked.host));
    if (!asked.isolated) become(asked, asked.host);
    Isolated isolated{asked.host, asked.given, [&] { become(asked, host_here()); }};
    isolated.log = [](const std::string& what) {
        const bool usual = what.starts_with("joined") || what.find("said goodbye") != std::string::npos ||
                           what.find("has ended") != std::string::npos;
        if (!usual) fmt::print(stderr, "umach: {}\n", what);
    };
    return run_isolated(isolated);
}

}  // namespace

void add_run(CLI::App& app, int& status) {
    auto asked = std::make_shared<Asked>();
    CLI::App* command = app.add_subcommand(
        "run",
        "Runs a program as a member of a host, or, isolated, behind a wall: it never maps the host's memory");
    command->add_flag("--isolated", asked->isolated, "It has a host of its own and a link; see docs/isolated.md");
    command->add_option("--give", asked->given, "Names of ports that it may have, if isolated; '*' for all")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->take_all();
    command->add_option("HOST", asked->host, "The host")->required();
    command->add_option("PROGRAM", asked->words, "What to run, and its arguments")->required();
    command->positionals_at_end();
    command->prefix_command();
    command->callback([=, &status] {
        for (const std::string& word : command->remaining()) asked->words.push_back(word);
        status = run(*asked);
    });
}

}  // namespace umach::tools
