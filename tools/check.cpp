// SPDX-License-Identifier: BSL-1.0
// umach check: whether every rule of the kernel holds in a host.
#include "choice.hpp"
#include "command.hpp"
#include "snapshot.hpp"

#include <fmt/format.h>
#include <mach_error.h>

namespace umach::tools {
namespace {

void note(const char* violation, void* to) {
    static_cast<std::vector<std::string>*>(to)->emplace_back(violation);
}

void print_json(const std::string& host, const std::vector<std::string>& violations,
                const umach_audit_seen_t& seen) {
    const Json json{{"host", host},
                    {"violations", violations},
                    {"looked_at",
                     {{"tasks", seen.tasks},
                      {"ports", seen.ports},
                      {"names", seen.names},
                      {"messages", seen.messages},
                      {"rights", seen.rights}}},
                    {"rescued_wakeups", seen.rescued_wakeups}};
    fmt::print("{}\n", json.dump(2));
}

void print(const std::string& host, const std::vector<std::string>& violations,
           const umach_audit_seen_t& seen) {
    for (const std::string& violation : violations) fmt::print("{}\n", violation);
    fmt::print("host {}: {} in {} tasks, {} ports, {} names, {} messages, {} rights; {} rescued wake-ups\n",
               host, violations.empty() ? "no rule broken" : fmt::format("{} violations", violations.size()),
               seen.tasks, seen.ports, seen.names, seen.messages, seen.rights, seen.rescued_wakeups);
}

int run(const std::string& asked, bool json) {
    const std::string host = attach_to(asked);
    std::vector<std::string> violations;
    umach_audit_seen_t seen{};
    if (umach_inspect_audit(note, &violations, &seen) != KERN_SUCCESS) throw Trouble(mach_error_detail());
    if (json)
        print_json(host, violations, seen);
    else
        print(host, violations, seen);
    return violations.empty() ? 0 : 1;
}

}  // namespace

void add_check(CLI::App& app, int& status) {
    struct Asked {
        std::string host;
        bool json = false;
    };
    auto asked = std::make_shared<Asked>();
    CLI::App* command = app.add_subcommand(
        "check", "Checks every rule of the kernel in a host; ends with 1 if one is broken");
    command->add_option("HOST", asked->host, "Else that of UMACH_HOST, or the only one");
    command->add_flag("--json", asked->json, "For programs");
    command->callback([asked, &status] { status = run(asked->host, asked->json); });
}

}  // namespace umach::tools
