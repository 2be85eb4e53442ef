// SPDX-License-Identifier: BSL-1.0
// umach list: the running hosts of this user.
#include "choice.hpp"
#include "command.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace umach::tools {
namespace {

int run(bool json) {
    const std::vector<std::string> names = running_hosts();
    if (json) {
        fmt::print("{}\n", nlohmann::json(names).dump(2));
        return 0;
    }
    for (const std::string& name : names) fmt::print("{}\n", name);
    return 0;
}

}  // namespace

void add_list(CLI::App& app, int& status) {
    auto json = std::make_shared<bool>(false);
    CLI::App* command = app.add_subcommand(
        "list", "Names the running hosts of this user; '#' begins one that has no name of its own");
    command->add_flag("--json", *json, "For programs");
    command->callback([json, &status] { status = run(*json); });
}

}  // namespace umach::tools
