// SPDX-License-Identifier: BSL-1.0
// umach ports: the names in the spaces of a host's tasks, and who has the other rights.
#include "choice.hpp"
#include "command.hpp"
#include "linked.hpp"
#include "snapshot.hpp"
#include "table.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace umach::tools {
namespace {

// Everybody's names, by port.
using Holders = std::multimap<unsigned long long, umach_name_seen_t>;

using Proxies = std::multimap<unsigned, netmsg::SeenProxy>;

// The link that a name leads over; null for what is no proxy.
const netmsg::SeenProxy* proxy_of(const Proxies& proxies, const umach_name_seen_t& name) {
    const auto [first, last] = proxies.equal_range(name.task);
    for (auto at = first; at != last; ++at)
        if (at->second.name == name.name) return &at->second;
    return nullptr;
}

Holders holders_in(const Snapshot& all) {
    Holders holders;
    for (const auto& [task, names] : all.names)
        for (const umach_name_seen_t& name : names)
            if (name.port != 0 && name.type != PORT_TYPE_SET) holders.emplace(name.port, name);
    return holders;
}

bool is_ports(const umach_name_seen_t& name) {
    return name.port != 0 && name.type != PORT_TYPE_SET;
}

const umach_port_seen_t* port_of(const Snapshot& all, const umach_name_seen_t& name) {
    const auto found = is_ports(name) ? all.ports.find(name.port) : all.ports.end();
    return found != all.ports.end() ? &found->second : nullptr;
}

// Send rights that are in no space: in messages, or kept as special or registered ports.
unsigned elsewhere(const Holders& holders, const umach_port_seen_t& port) {
    unsigned in_spaces = 0;
    const auto [first, last] = holders.equal_range(port.port);
    for (auto at = first; at != last; ++at) in_spaces += at->second.sends != 0;
    return port.send_rights > in_spaces ? port.send_rights - in_spaces : 0;
}

// What the task calls the set that the port is in.
port_name_t set_name(const Snapshot& all, unsigned task, unsigned long long set) {
    for (const umach_name_seen_t& name : all.names.at(task))
        if (name.type == PORT_TYPE_SET && name.port == set) return name.name;
    return PORT_NULL;
}

// ---- for people -------------------------------------------------------------------------------------------

std::string others_text(const Snapshot& all, const Holders& holders, const Proxies& proxies,
                        const umach_name_seen_t& name, const umach_port_seen_t& port) {
    std::vector<std::string> others;
    if (const auto* proxy = proxy_of(proxies, name))
        others.push_back(fmt::format("a proxy: leads to host {}", static_cast<const char*>(proxy->peer)));
    const auto [first, last] = holders.equal_range(name.port);
    for (auto at = first; at != last; ++at)
        if (at->second.task != name.task)
            others.push_back(fmt::format("{}: {} as {}", all.task_text(at->second.task),
                                         fmt::join(rights_of(at->second), ", "), at->second.name));
    if (port.kind != UMACH_PORT_ORDINARY)
        others.push_back("receives: " + all.receiver_text(port.port));
    else if (port.receiver.kind != UMACH_PLACE_TASK)
        others.push_back("receive right in " + all.receiver_text(port.port));
    if (const unsigned rest = elsewhere(holders, port); rest != 0)
        others.push_back(fmt::format("{} send in {}", rest,
                                     port.kind == UMACH_PORT_OF_MEMORY ? "views, proxies or messages" : "messages or special ports"));
    return fmt::format("{}", fmt::join(others, "; "));
}

std::string queue_text(const umach_port_seen_t& port) {
    std::string text = fmt::format("{}/{}", port.ordinary, port.backlog);
    if (port.messages > port.ordinary) text += fmt::format(" +{}", port.messages - port.ordinary);
    if (port.notices != 0) text += fmt::format(" +{} notices", port.notices);
    return text;
}

void add_row(Table& table, const Snapshot& all, const Holders& holders, const Proxies& proxies,
             const umach_name_seen_t& name) {
    std::vector<std::string> row{fmt::to_string(name.name),
                                 fmt::format("{}", fmt::join(rights_of(name), ", ")),
                                 name.references != 0 ? fmt::to_string(name.references) : "-"};
    if (const umach_port_seen_t* port = port_of(all, name)) {
        const unsigned waiting = port->waiting + port->kept;
        row.insert(row.end(),
                   {number_text(name.port), queue_text(*port), waiting != 0 ? fmt::to_string(waiting) : "-",
                    port->set != 0 ? fmt::to_string(set_name(all, name.task, port->set)) : "-",
                    others_text(all, holders, proxies, name, *port)});
    }
    table.add(row);
}

void print_task(const Snapshot& all, const Holders& holders, const Proxies& proxies,
                const umach_task_seen_t& task) {
    fmt::print("task {}: {}\n", task.number, all.task_text(task.number));
    Table table({">NAME", "RIGHTS", ">REFERENCES", "PORT", "QUEUE", ">WAITING", ">SET", "OTHERS"});
    for (const umach_name_seen_t& name : all.names.at(task.number)) add_row(table, all, holders, proxies, name);
    fmt::print("{}", table.text("  "));
}

// ---- for programs -----------------------------------------------------------------------------------------

Json others_json(const Snapshot& all, const Holders& holders, const umach_name_seen_t& name) {
    Json others = Json::array();
    const auto [first, last] = holders.equal_range(name.port);
    for (auto at = first; at != last; ++at) {
        if (at->second.task == name.task) continue;
        Json other = all.task_json(at->second.task);
        other["name"] = at->second.name;
        other["rights"] = rights_of(at->second);
        others.push_back(other);
    }
    return others;
}

Json name_json(const Snapshot& all, const Holders& holders, const Proxies& proxies,
               const umach_name_seen_t& name) {
    Json json{{"name", name.name}, {"rights", rights_of(name)}, {"references", name.references}};
    const umach_port_seen_t* port = port_of(all, name);
    if (port == nullptr) return json;
    json.update({{"port", number_text(name.port)},
                 {"kernel_port", port->kind != UMACH_PORT_ORDINARY},
                 {"messages", port->messages},
                 {"ordinary", port->ordinary},
                 {"backlog", port->backlog},
                 {"notices", port->notices},
                 {"waiting", port->waiting},
                 {"kept", port->kept},
                 {"set", port->set != 0 ? Json(set_name(all, name.task, port->set)) : Json()},
                 {"receiver", all.receiver_json(name.port)},
                 {"send_rights", port->send_rights},
                 {"send_rights_elsewhere", elsewhere(holders, *port)},
                 {"others", others_json(all, holders, name)}});
    if (const auto* proxy = proxy_of(proxies, name)) json["leads_to"] = static_cast<const char*>(proxy->peer);
    return json;
}

Json task_json(const Snapshot& all, const Holders& holders, const Proxies& proxies, unsigned number) {
    Json json = all.task_json(number);
    json["names"] = Json::array();
    for (const umach_name_seen_t& name : all.names.at(number))
        json["names"].push_back(name_json(all, holders, proxies, name));
    return json;
}

// ---- the command ------------------------------------------------------------------------------------------

bool is_asked_for(const umach_task_seen_t& task, const std::string& asked) {
    return asked.empty() || asked == task.program || asked == fmt::to_string(task.pid);
}

int run(const std::string& asked_host, const std::string& asked, bool json) {
    const std::string host = attach_to(asked_host);
    const Snapshot all = take_snapshot(true);
    const Holders holders = holders_in(all);
    const Proxies proxies = proxies_of(all);
    Json result{{"host", host}, {"tasks", Json::array()}};
    bool found = asked.empty();
    for (const auto& [number, task] : all.tasks) {
        if (!is_asked_for(task, asked)) continue;
        found = true;
        if (json)
            result["tasks"].push_back(task_json(all, holders, proxies, number));
        else
            print_task(all, holders, proxies, task);
    }
    if (!found)
        throw Trouble(
            fmt::format("no task of the host {} has the pid or runs the program \"{}\"", host, asked));
    if (json) fmt::print("{}\n", result.dump(2));
    return 0;
}

}  // namespace

void add_ports(CLI::App& app, int& status) {
    struct Asked {
        std::string host, task;
        bool json = false;
    };
    auto asked = std::make_shared<Asked>();
    CLI::App* command =
        app.add_subcommand("ports", "Shows the names of tasks: rights, queues, and who has the other rights");
    command->add_option("HOST", asked->host, "Else that of UMACH_HOST, or the only one");
    command->add_option("TASK,--task", asked->task, "A pid or a program's name; else all tasks");
    command->add_flag("--json", asked->json, "For programs");
    command->callback([asked, &status] { status = run(asked->host, asked->task, asked->json); });
}

}  // namespace umach::tools
