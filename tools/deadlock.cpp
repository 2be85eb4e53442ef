// SPDX-License-Identifier: BSL-1.0
// umach deadlock: tasks that wait for each other.
#include "choice.hpp"
#include "command.hpp"
#include "cycles.hpp"
#include "waits.hpp"

#include <fmt/format.h>

namespace umach::tools {
namespace {

// ---- for people -------------------------------------------------------------------------------------------

std::string line_of(const Snapshot& all, const Waiter& waiter) {
    const umach_thread_seen_t& thread = waiter.thread;
    return fmt::format("{}, thread {} ({}), at {}: {}", all.task_text(thread.task), thread.number,
                       carrier_text(thread), number_text(thread.at), waits_text(all, thread));
}

std::size_t tasks_in(const Cycle& cycle) {
    std::map<unsigned, bool> tasks;
    for (const Waiter& waiter : cycle.members) tasks[waiter.thread.task] = true;
    return tasks.size();
}

void print_cycle(const Snapshot& all, const Cycle& cycle) {
    const std::size_t tasks = tasks_in(cycle);
    fmt::print("{}\n",
               tasks == 1 ? "a task waits for itself:" : fmt::format("{} tasks wait for each other:", tasks));
    for (const Waiter& waiter : cycle.members) fmt::print("  {}\n", line_of(all, waiter));
    if (!cycle.behind.empty()) fmt::print("and behind them:\n");
    for (const Waiter& waiter : cycle.behind) fmt::print("  {}\n", line_of(all, waiter));
}

void print(const std::string& host, const Snapshot& all, const std::vector<Cycle>& cycles) {
    for (const Cycle& cycle : cycles) print_cycle(all, cycle);
    fmt::print(
        "host {}: {} of tasks that wait for each other, among {} tasks and {} threads; looked at: waits for "
        "room, for answers and for ends, without a time-out\n",
        host,
        cycles.empty() ? "no cycle" : fmt::format("{} cycle{}", cycles.size(), cycles.size() == 1 ? "" : "s"),
        all.tasks.size(), all.threads.size());
}

// ---- for programs -----------------------------------------------------------------------------------------

Json waiter_json(const Snapshot& all, const Waiter& waiter) {
    Json json = all.task_json(waiter.thread.task);
    json.update(thread_json(all, waiter.thread));
    json["waits_for"] = all.task_json(waiter.task);
    if (waiter.other != 0) json["waits_for"]["thread"] = waiter.other;
    return json;
}

Json waiters_json(const Snapshot& all, const std::vector<Waiter>& waiters) {
    Json json = Json::array();
    for (const Waiter& waiter : waiters) json.push_back(waiter_json(all, waiter));
    return json;
}

void print_json(const std::string& host, const Snapshot& all, const std::vector<Cycle>& cycles) {
    Json json{{"host", host}, {"cycles", Json::array()}};
    for (const Cycle& cycle : cycles)
        json["cycles"].push_back(
            {{"members", waiters_json(all, cycle.members)}, {"behind", waiters_json(all, cycle.behind)}});
    json["looked_at"] = {{"tasks", all.tasks.size()}, {"threads", all.threads.size()}};
    fmt::print("{}\n", json.dump(2));
}

struct Asked {
    std::string host;
    bool json = false;
};

int run(const Asked& asked) {
    const std::string host = attach_to(asked.host);
    const Snapshot before = take_snapshot(false);
    const Snapshot all = take_snapshot(false);
    const std::vector<Cycle> cycles = cycles_in(before, all);
    asked.json ? print_json(host, all, cycles) : print(host, all, cycles);
    return cycles.empty() ? 0 : 1;
}

}  // namespace

void add_deadlock(CLI::App& app, int& status) {
    auto asked = std::make_shared<Asked>();
    CLI::App* command = app.add_subcommand(
        "deadlock",
        "Finds tasks that wait for each other, and names the ports; ends with 1 if there are any");
    command->add_option("HOST", asked->host, "Else that of UMACH_HOST, or the only one");
    command->add_flag("--json", asked->json, "For programs");
    command->footer(
        "Looked at are waits for room at a port, for the answer to a call and for the end of a task or "
        "thread, without a time-out. Who waits to receive is not stuck: others might send.");
    command->callback([asked, &status] { status = run(*asked); });
}

}  // namespace umach::tools
