// SPDX-License-Identifier: BSL-1.0
// umach ps: the tasks of a host, their threads, and what each waits for; with --threads, a line a thread; with --memory,
// what memory each task has.
#include "choice.hpp"
#include "command.hpp"
#include "snapshot.hpp"
#include "table.hpp"
#include "waits.hpp"

#include <fmt/format.h>

namespace umach::tools {
namespace {

Json task_json(const Snapshot& all, const umach_task_seen_t& task) {
    Json json = all.task_json(task.number);
    json["ending"] = task.ending != 0;
    json["suspends"] = task.suspends;
    json["names"] = task.names;
    json["receive_rights"] = task.receive_rights;
    json["sets"] = task.sets;
    json["regions"] = task.regions;
    json["region_bytes"] = task.region_bytes;
    json["bytes_in_flight"] = task.bytes_in_flight;
    json["sections"] = task.sections;
    json["section_bytes"] = task.section_bytes;
    json["views"] = task.views;
    json["view_bytes"] = task.view_bytes;
    json["threads"] = Json::array();
    const auto [first, last] = all.threads.equal_range(task.number);
    for (auto at = first; at != last; ++at) json["threads"].push_back(thread_json(all, at->second));
    return json;
}

void print_json(const std::string& host, const Snapshot& all) {
    Json json{{"host", host}, {"tasks", Json::array()}};
    for (const auto& [number, task] : all.tasks) json["tasks"].push_back(task_json(all, task));
    fmt::print("{}\n", json.dump(2));
}

std::string program_text(const umach_task_seen_t& task) {
    const std::string program = task.pid != 0 ? task.program : "the host";
    return task.ending != 0 ? program + " (ending)" : program;
}

void add_rows(Table& table, const Snapshot& all, const umach_task_seen_t& task) {
    std::vector<std::string> row{fmt::to_string(task.number), task.pid != 0 ? fmt::to_string(task.pid) : "-",
                                 program_text(task), fmt::to_string(task.names),
                                 fmt::to_string(task.receive_rights)};
    const auto [first, last] = all.threads.equal_range(task.number);
    if (first == last) table.add(row);
    for (auto at = first; at != last; ++at) {
        row.resize(5);
        row.push_back(at->second.tid != 0 ? fmt::to_string(at->second.tid) : "-");
        row.push_back(waits_text(all, at->second));
        table.add(row);
        row.assign(5, "");
    }
}

void print_tasks(const Snapshot& all) {
    Table table({">TASK", ">PID", "PROGRAM", ">NAMES", ">RECEIVES", ">THREAD", "WAITS"});
    for (const auto& [number, task] : all.tasks) add_rows(table, all, task);
    fmt::print("{}", table.text());
}

// ---- memory ------------------------------------------------------------------------------------------------

void print_memory(const Snapshot& all) {
    Table table({"TASK", ">REGIONS", ">BYTES", ">IN FLIGHT", ">SECTIONS", ">BYTES", ">VIEWS", ">BYTES"});
    for (const auto& [number, task] : all.tasks)
        table.add({all.task_text(number), fmt::to_string(task.regions), fmt::to_string(task.region_bytes),
                   fmt::to_string(task.bytes_in_flight), fmt::to_string(task.sections), fmt::to_string(task.section_bytes),
                   fmt::to_string(task.views), fmt::to_string(task.view_bytes)});
    fmt::print("{}", table.text());
}

// ---- thread by thread -------------------------------------------------------------------------------------

std::string state_text(const Snapshot& all, const umach_thread_seen_t& thread) {
    const bool is_suspended = thread.suspends + all.tasks.at(thread.task).suspends != 0;
    return fmt::format("{}{}", state_word(thread), is_suspended ? ", suspended" : "");
}

void print_threads_json(const std::string& host, const Snapshot& all) {
    Json json{{"host", host}, {"threads", Json::array()}};
    for (const auto& [task, thread] : all.threads) {
        Json row = all.task_json(task);
        row.update(thread_json(all, thread));
        row["task_suspends"] = all.tasks.at(task).suspends;
        json["threads"].push_back(row);
    }
    fmt::print("{}\n", json.dump(2));
}

void print_threads(const Snapshot& all) {
    Table table({"TASK", ">THREAD", "CARRIER", "STATE", "WAITS"});
    for (const auto& [task, thread] : all.threads)
        table.add({all.task_text(task), fmt::to_string(thread.number), carrier_text(thread),
                   state_text(all, thread), waits_text(all, thread)});
    fmt::print("{}", table.text());
}

struct Asked {
    std::string host;
    bool threads = false, memory = false, json = false;
};

int run(const Asked& asked) {
    const std::string host = attach_to(asked.host);
    const Snapshot all = take_snapshot(false);
    if (asked.json)
        asked.threads ? print_threads_json(host, all) : print_json(host, all);
    else
        asked.threads ? print_threads(all) : asked.memory ? print_memory(all) : print_tasks(all);
    return 0;
}

}  // namespace

void add_ps(CLI::App& app, int& status) {
    auto asked = std::make_shared<Asked>();
    CLI::App* command =
        app.add_subcommand("ps", "Shows the tasks of a host, their threads, and what each waits for");
    command->add_option("HOST", asked->host, "Else that of UMACH_HOST, or the only one");
    command->add_flag("--threads", asked->threads,
                      "A line a thread: what carries it, its state, what it waits for");
    command
        ->add_flag("--memory", asked->memory,
                   "What memory that moves in messages each task has, and has sent and nobody received")
        ->excludes("--threads");
    command->add_flag("--json", asked->json, "For programs");
    command->callback([asked, &status] { status = run(*asked); });
}

}  // namespace umach::tools
