// SPDX-License-Identifier: BSL-1.0
// umach links: to whom a host is linked, over what, and how it goes.
#include "choice.hpp"
#include "command.hpp"
#include "linked.hpp"
#include "table.hpp"

#include <fmt/format.h>

namespace umach::tools {
namespace {

using netmsg::SeenLink;

std::string peer_text(const SeenLink& link) {
    return link.peer[0] != '\0' ? static_cast<const char*>(link.peer) : "(not joined yet)";
}

std::string time_text(std::uint64_t nanoseconds) {
    if (nanoseconds == 0) return "-";
    return fmt::format("{:.3f} ms", static_cast<double>(nanoseconds) / 1e6);
}

void print_links(const std::multimap<unsigned, SeenLink>& links) {
    Table table({"PEER", "TRANSPORT", ">PROXIES", ">CREDITS", ">HELD", ">MESSAGES OUT", ">IN", ">BYTES OUT", ">IN",
                 ">SENT AGAIN", ">DISCARDED", ">ROUND TRIP"});
    for (const auto& [task, link] : links)
        table.add({peer_text(link), static_cast<const char*>(link.address), fmt::to_string(link.proxies),
                   fmt::to_string(link.proxies - link.without_credit), fmt::to_string(link.holdings),
                   fmt::to_string(link.messages_out), fmt::to_string(link.messages_in),
                   fmt::to_string(link.bytes_out), fmt::to_string(link.bytes_in), fmt::to_string(link.sent_again),
                   fmt::to_string(link.discarded), time_text(link.round_trip_ns)});
    fmt::print("{}", table.text());
}

Json json_of(const Snapshot& all, unsigned task, const SeenLink& link) {
    const std::string address = static_cast<const char*>(link.address);
    return {{"server", all.task_json(task)},
            {"peer", link.peer[0] != '\0' ? Json(static_cast<const char*>(link.peer)) : Json()},
            {"transport", address.substr(0, address.find(':'))},
            {"address", address},
            {"listened", link.listened != 0},
            {"proxies", link.proxies},
            {"credits", link.proxies - link.without_credit},
            {"holdings", link.holdings},
            {"waiting_for_room", link.waiting},
            {"waiting_to_leave", link.frames_waiting},
            {"messages", {{"out", link.messages_out}, {"in", link.messages_in}}},
            {"frames", {{"out", link.frames_out}, {"in", link.frames_in}}},
            {"bytes", {{"out", link.bytes_out}, {"in", link.bytes_in}}},
            {"memory", {{"out", link.memory_out}, {"in", link.memory_in}}},
            {"sent_again", link.sent_again},
            {"discarded", link.discarded},
            {"round_trip_ns", link.round_trip_ns}};
}

int run(const std::string& asked_host, bool json) {
    const std::string host = attach_to(asked_host);
    const Snapshot all = take_snapshot(false);
    const auto links = links_of(all);
    if (json) {
        Json result{{"host", host}, {"links", Json::array()}};
        for (const auto& [task, link] : links) result["links"].push_back(json_of(all, task, link));
        fmt::print("{}\n", result.dump(2));
    } else if (links.empty()) {
        fmt::print("host {} is linked to no other\n", host);
    } else {
        print_links(links);
    }
    return 0;
}

}  // namespace

void add_links(CLI::App& app, int& status) {
    struct Asked {
        std::string host;
        bool json = false;
    };
    auto asked = std::make_shared<Asked>();
    CLI::App* command =
        app.add_subcommand("links", "Shows to whom a host is linked: transport, credits, bytes, losses, times");
    command->add_option("HOST", asked->host, "Else that of UMACH_HOST, or the only one");
    command->add_flag("--json", asked->json, "For programs");
    command->callback([asked, &status] { status = run(asked->host, asked->json); });
}

}  // namespace umach::tools
