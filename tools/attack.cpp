// SPDX-License-Identifier: BSL-1.0
// umach attack: plays attacks against a host, from each level of trust, and says which are stopped.
#include "attack.hpp"
#include "command.hpp"
#include "run.hpp"
#include "table.hpp"

#include <fmt/format.h>
#include <mach.h>
#include <mach_error.h>
#include <servers/netname.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <umach_inspect.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <csignal>
#include <map>
#include <sstream>

namespace umach::tools {
namespace {

struct Asked {
    std::string host;
    bool json = false;
};

volatile unsigned long long secret_memory = 0;

// A line for each verdict: who attacks is a process of its own.
struct Line {
    int in, out;
    Line() {
        int ends[2];
        if (pipe(ends) != 0) throw Trouble("there can be no more pipes");
        in = ends[0];
        out = ends[1];
    }
    void tell(const Verdict& verdict) const {
        const std::string text =
            fmt::format("{}\t{}\t{}\t{}\n", verdict.attack, static_cast<int>(verdict.level),
                        verdict.stopped ? 1 : 0, verdict.met);
        if (write(out, text.data(), text.size()) < 0) _exit(1);
    }
    // Until nobody has the other end.
    std::string rest() {
        close(out);
        std::string text;
        char some[4096];
        for (ssize_t got = 0; (got = read(in, some, sizeof some)) > 0;)
            text.append(some, static_cast<std::size_t>(got));
        close(in);
        return text;
    }
};

void attach(const std::string& host) {
    if (umach_host_attach(host.c_str()) != KERN_SUCCESS) throw Trouble(mach_error_detail());
}

void receive_one(port_t port) {
    union {
        msg_header_t header;
        char bytes[MSG_SIZE_MAX];
    } message;
    message.header.msg_size = sizeof message;
    message.header.msg_local_port = port;
    if (msg_receive(&message.header, MSG_OPTION_NONE, 0) == RCV_INVALID_PORT) pause();
}

// returns: its process, once it is a member and has its ports
pid_t begin_victim(Victim& victim) {
    int ready[2];
    if (pipe(ready) != 0) throw Trouble("there can be no more pipes");
    const pid_t process = fork();
    if (process == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        secret_memory = Victim::mark;
        bool well = umach_host_attach(victim.host.c_str()) == KERN_SUCCESS;
        port_t ports[3] = {PORT_NULL, PORT_NULL, PORT_NULL};
        const std::string names[3] = {victim.given, victim.full, victim.secret};
        for (int i = 0; i < 3 && well; ++i)
            well =
                port_allocate(task_self(), &ports[i]) == KERN_SUCCESS &&
                netname_check_in(name_server_port, names[i].c_str(), PORT_NULL, ports[i]) == NETNAME_SUCCESS;
        const std::string segment = well ? segment_here() : "";
        if (write(ready[1], segment.data(), segment.size()) < 0) _exit(1);
        close(ready[1]);
        for (;;) receive_one(ports[0]);
    }
    close(ready[1]);
    char text[128];
    const ssize_t got = read(ready[0], text, sizeof text);
    close(ready[0]);
    victim.process = process;
    victim.memory = reinterpret_cast<unsigned long long>(&secret_memory);
    victim.segment.assign(text, got > 0 ? static_cast<std::size_t>(got) : 0);
    return process;
}

void end(pid_t process) {
    kill(process, SIGKILL);
    waitpid(process, nullptr, 0);
}

// In a process of its own, which is a member.
void as_member(const Victim& victim, const std::function<void()>& play) {
    const pid_t process = fork();
    if (process == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        try {
            attach(victim.host);
            play();
        } catch (const Trouble& trouble) {
            fmt::print(stderr, "umach: {}\n", trouble.what());
        }
        _exit(0);
    }
    waitpid(process, nullptr, 0);
}

std::vector<Verdict> verdicts_in(const std::string& text) {
    std::vector<Verdict> all;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        Verdict verdict;
        std::string level, stopped;
        std::getline(words, verdict.attack, '\t');
        std::getline(words, level, '\t');
        std::getline(words, stopped, '\t');
        std::getline(words, verdict.met);
        verdict.level = static_cast<Level>(std::stoi(level));
        verdict.stopped = stopped == "1";
        all.push_back(verdict);
    }
    return all;
}

std::string cell(const Verdict* verdict) {
    if (verdict == nullptr) return "";
    return verdict->stopped ? "stopped: " + verdict->met : "NOT STOPPED";
}

void print(const std::vector<Verdict>& all) {
    std::vector<std::string> order;
    std::map<std::string, std::map<Level, const Verdict*>> rows;
    for (const Verdict& verdict : all) {
        if (!rows.contains(verdict.attack)) order.push_back(verdict.attack);
        rows[verdict.attack][verdict.level] = &verdict;
    }
    Table table({"ATTACK", "MEMBER", "ISOLATED", "REMOTE"});
    for (const std::string& attack : order) {
        auto& row = rows[attack];
        table.add({attack, cell(row[Level::member]), cell(row[Level::isolated]), cell(row[Level::remote])});
    }
    fmt::print("{}", table.text());
}

void print_json(const std::vector<Verdict>& all) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    const char* const levels[] = {"member", "isolated", "remote"};
    for (const Verdict& verdict : all)
        list.push_back({{"attack", verdict.attack},
                        {"level", levels[static_cast<int>(verdict.level)]},
                        {"stopped", verdict.stopped},
                        {"met", verdict.met}});
    fmt::print("{}\n", list.dump(2));
}

std::vector<Verdict> play(Victim& victim) {
    Line line;
    const Tell tell = [&](const Verdict& verdict) { line.tell(verdict); };
    as_member(victim, [&] { attack_by_calls(victim, Level::member, tell); });
    as_member(victim, [&] { attack_by_link(victim, Level::isolated, tell); });
    as_member(victim, [&] { attack_by_link(victim, Level::remote, tell); });
    Isolated isolated{victim.host, {victim.given}, [&] {
                          attack_by_calls(victim, Level::isolated, tell);
                          _exit(0);
                      }};
    isolated.kept = {line.out};
    if (run_isolated(isolated) != 0) throw Trouble("nothing could be played from behind the wall");
    return verdicts_in(line.rest());
}

int run(const Asked& asked) {
    Victim victim{asked.host,
                  fmt::format("attack-{}-given", getpid()),
                  fmt::format("attack-{}-full", getpid()),
                  fmt::format("attack-{}-secret", getpid()),
                  0,
                  0,
                  ""};
    const pid_t process = begin_victim(victim);
    if (victim.segment.empty()) {
        end(process);
        throw Trouble(fmt::format("{} cannot be joined", asked.host));
    }
    const auto all = play(victim);
    const bool lives = kill(process, 0) == 0 && waitpid(process, nullptr, WNOHANG) == 0;
    end(process);
    if (asked.json)
        print_json(all);
    else
        print(all);
    if (!lives) throw Trouble("the attacked member has ended");
    for (const Verdict& verdict : all)
        if (verdict.level != Level::member && !verdict.stopped) return 1;
    return 0;
}

}  // namespace

void add_attack(CLI::App& app, int& status) {
    auto asked = std::make_shared<Asked>();
    CLI::App* command = app.add_subcommand(
        "attack",
        "Plays a list of attacks against a host, from each level of trust, and says which are stopped");
    command->add_option("HOST", asked->host, "The host")->required();
    command->add_flag("--json", asked->json, "For programs");
    command->callback([asked, &status] { status = run(*asked); });
}

}  // namespace umach::tools
