// SPDX-License-Identifier: BSL-1.0
// umach: makes hosts and looks into them. Ends with 0; with 1 when check or deadlock found something;
// with 2 in trouble.
#include "command.hpp"

#include <fmt/format.h>

#include <cstdio>

namespace {

// returns: null when there is no such command
const CLI::App* command_of(const CLI::App& app, const std::string& word) {
    const auto found =
        app.get_subcommands([&](const CLI::App* command) { return command->get_name() == word; });
    return found.empty() ? nullptr : found.front();
}

void add_help(CLI::App& app) {
    auto about = std::make_shared<std::string>();
    CLI::App* help = app.add_subcommand("help", "Shows this text, or that of a command");
    help->add_option("COMMAND", *about, "What to explain");
    help->callback([&app, about] {
        const CLI::App* command = about->empty() ? &app : command_of(app, *about);
        if (command == nullptr)
            throw umach::tools::Trouble(fmt::format("there is no command \"{}\"", *about));
        fmt::print("{}",
                   command->get_formatter()->make_help(command, about->empty() ? "umach" : "umach " + *about,
                                                       CLI::AppFormatMode::Normal));
    });
}

void must_be_command(const CLI::App& app, const std::string& word) {
    if (word.starts_with('-') || command_of(app, word) != nullptr) return;
    throw umach::tools::Trouble(fmt::format("there is no command \"{}\"; `umach help` names them all", word));
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"umach: makes hosts of message-passing tasks, and looks into them", "umach"};
    int status = 0;
    app.set_version_flag("--version", "umach " UMACH_VERSION);
    app.require_subcommand(1);
    umach::tools::add_host(app, status);
    umach::tools::add_list(app, status);
    umach::tools::add_ps(app, status);
    umach::tools::add_ports(app, status);
    umach::tools::add_check(app, status);
    umach::tools::add_deadlock(app, status);
    umach::tools::add_torture(app, status);
    umach::tools::add_link(app, status);
    umach::tools::add_links(app, status);
    umach::tools::add_key(app, status);
    umach::tools::add_run(app, status);
    umach::tools::add_attack(app, status);
    add_help(app);
    try {
        if (argc > 1) must_be_command(app, argv[1]);
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    } catch (const umach::tools::Trouble& trouble) {
        fmt::print(stderr, "umach: {}\n", trouble.what());
        return 2;
    }
    return status;
}
