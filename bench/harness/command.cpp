// SPDX-License-Identifier: BSL-1.0
#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "harness/names.hpp"
#include "harness/run.hpp"

namespace bench {
namespace {

void print_traits(const std::vector<Entry>& entries) {
    auto list = nlohmann::json::array();
    for (const Entry& each : entries) {
        const Traits& t = each.traits;
        list.push_back({{"name", t.name},
                        {"wait", name_of(t.wait)},
                        {"space", name_of(t.space)},
                        {"max_payload", t.max_payload},
                        {"clients", t.clients},
                        {"streams", t.streams},
                        {"holds", t.holds},
                        {"idle", static_cast<bool>(each.measure_idle)},
                        {"daemon", t.daemon},
                        {"environment", t.environment},
                        {"note", t.note}});
    }
    std::printf("%s\n", list.dump().c_str());
}

const Entry& find(const std::vector<Entry>& entries, const std::string& peer) {
    for (const Entry& each : entries)
        if (peer == each.traits.name) return each;
    throw CLI::ValidationError("--peer", "no such peer: " + peer);
}

void add_options(CLI::App& command, std::string& peer, Config& config) {
    command.add_option("--peer", peer, "one of those that list names")->required();
    command.add_option("--payload", config.payload, "bytes each way")->check(CLI::Range(64, 1 << 26));
    command.add_option("--clients", config.clients)->check(CLI::Range(1U, max_clients));
    command.add_option("--place", config.place, "cross, same or free")->transform(CLI::Transformer(places));
    command.add_option("--ports", config.ports, "further ports in the server's space");
    command.add_option("--tasks", config.tasks, "further tasks of the host");
    command.add_option("--seconds", config.seconds);
    command.add_option("--warmup", config.warmup, "seconds");
}

}  // namespace

int run_command(int argc, char** argv, const std::vector<Entry>& entries) {
    CLI::App app;
    app.require_subcommand(1);
    std::string peer;
    Config config;
    app.add_subcommand("list")->callback([&] { print_traits(entries); });
    CLI::App& idle = *app.add_subcommand("idle");
    idle.add_option("--peer", peer)->required();
    idle.callback([&] {
        const Entry& found = find(entries, peer);
        if (!found.measure_idle) throw CLI::ValidationError("idle", "not measured for this peer");
        found.measure_idle();
    });
    for (const auto& [name, mode] : modes) {
        CLI::App& command = *app.add_subcommand(name);
        add_options(command, peer, config);
        command.callback([&, mode = mode] {
            config.mode = mode;
            const Entry& found = find(entries, peer);
            if (mode == Mode::wait && !found.traits.holds)
                throw CLI::ValidationError("wait", "not for this peer");
            found.measure(config);
        });
    }
    CLI11_PARSE(app, argc, argv);
    return 0;
}

}  // namespace bench
