// SPDX-License-Identifier: BSL-1.0
// umach ps: the tasks of a host, their threads, and what each waits for.
#include "choice.hpp"
#include "command.hpp"
#include "snapshot.hpp"
#include "table.hpp"

#include <fmt/format.h>

namespace umach::tools {
namespace {

const char* waits_word(int waits) {
    switch (waits) {
        case UMACH_WAITS_TO_SEND: return "send";
        case UMACH_WAITS_TO_RECEIVE: return "receive";
        case UMACH_WAITS_AT_SET: return "receive from set";
        case UMACH_WAITS_FOR_ANSWER: return "answer";
        case UMACH_WAITS_TO_MIRROR: return "mirror";
        default: return nullptr;
    }
}

std::string waits_text(const Snapshot& all, const umach_thread_seen_t& thread) {
    switch (thread.waits) {
        case UMACH_WAITS_TO_SEND:
            return fmt::format("sending to port {}, received by {}", thread.name,
                               all.receiver_text(thread.at));
        case UMACH_WAITS_TO_RECEIVE: return fmt::format("receiving from port {}", thread.name);
        case UMACH_WAITS_AT_SET: return fmt::format("receiving from port set {}", thread.name);
        case UMACH_WAITS_FOR_ANSWER: return fmt::format("waiting for an answer at port {}", thread.name);
        case UMACH_WAITS_TO_MIRROR: return "watching ports for descriptors";
        default: return "-";
    }
}

Json thread_json(const Snapshot& all, const umach_thread_seen_t& thread) {
    Json json{{"tid", thread.tid}, {"waits", nullptr}};
    const char* word = waits_word(thread.waits);
    if (word == nullptr) return json;
    json["waits"] = word;
    if (thread.at == 0) return json;
    json["name"] = thread.name;
    json["port"] = number_text(thread.at);
    if (thread.waits != UMACH_WAITS_AT_SET) json["receiver"] = all.receiver_json(thread.at);
    return json;
}

Json task_json(const Snapshot& all, const umach_task_seen_t& task) {
    Json json = all.task_json(task.number);
    json["ending"] = task.ending != 0;
    json["names"] = task.names;
    json["receive_rights"] = task.receive_rights;
    json["sets"] = task.sets;
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

void add_rows(Table& table, const Snapshot& all, const umach_task_seen_t& task) {
    const std::string program =
        task.ending != 0 ? fmt::format("{} (ending)", task.program) : std::string(task.program);
    std::vector<std::string> row{fmt::to_string(task.number), fmt::to_string(task.pid), program,
                                 fmt::to_string(task.names), fmt::to_string(task.receive_rights)};
    const auto [first, last] = all.threads.equal_range(task.number);
    if (first == last) table.add(row);
    for (auto at = first; at != last; ++at) {
        row.resize(5);
        row.push_back(fmt::to_string(at->second.tid));
        row.push_back(waits_text(all, at->second));
        table.add(row);
        row.assign(5, "");
    }
}

int run(const std::string& asked, bool json) {
    const std::string host = attach_to(asked);
    const Snapshot all = take_snapshot(false);
    if (json) {
        print_json(host, all);
        return 0;
    }
    Table table({">TASK", ">PID", "PROGRAM", ">NAMES", ">RECEIVES", ">THREAD", "WAITS"});
    for (const auto& [number, task] : all.tasks) add_rows(table, all, task);
    fmt::print("{}", table.text());
    return 0;
}

}  // namespace

void add_ps(CLI::App& app, int& status) {
    struct Asked {
        std::string host;
        bool json = false;
    };
    auto asked = std::make_shared<Asked>();
    CLI::App* command =
        app.add_subcommand("ps", "Shows the tasks of a host, their threads, and what each waits for");
    command->add_option("HOST", asked->host, "Else that of UMACH_HOST, or the only one");
    command->add_flag("--json", asked->json, "For programs");
    command->callback([asked, &status] { status = run(asked->host, asked->json); });
}

}  // namespace umach::tools
