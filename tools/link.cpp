// SPDX-License-Identifier: BSL-1.0
// umach link: joins a host to others, until interrupted or the parent ends.
#include "command.hpp"
#include "ends.hpp"

#include <fmt/format.h>
#include <mach_error.h>
#include <poll.h>
#include <sys/prctl.h>
#include <umach_inspect.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "servers/netmsg/keyring.hpp"
#include "servers/netmsg/server.hpp"

namespace umach::tools {
namespace {

using transport::Deadline;

struct Asked {
    std::string host, name, keys;
    bool insecure = false;
    std::vector<std::string> listen, connect, allow;
    std::string seek;
    double patience = 3;
    netmsg::Quota quota;
    unsigned window = 32;
    double wait = 5;
};

// Readable once the tool is to end by a signal, and when its parent ends.
int open_ends() {
    const int descriptor = open_signals({SIGINT, SIGTERM, SIGHUP});
    const pid_t parent = getppid();
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (parent != getppid()) raise(SIGTERM);
    return descriptor;
}

long number_in(const std::string& text, std::size_t from) {
    std::size_t used = 0;
    const std::string digits = text.substr(from);
    try {
        const long number = std::stol(digits, &used);
        if (used == digits.size() && number >= 0) return number;
    } catch (const std::exception&) {
    }
    throw Trouble(fmt::format("\"{}\" is neither uid:NUMBER nor gid:NUMBER", text));
}

transport::Allowed allowed_of(const std::vector<std::string>& texts) {
    transport::Allowed allowed;
    for (const std::string& text : texts) {
        if (text.starts_with("uid:"))
            allowed.users.insert(number_in(text, 4));
        else if (text.starts_with("gid:"))
            allowed.groups.insert(number_in(text, 4));
        else
            number_in(text, text.size());
    }
    return allowed;
}

// The listener may be just starting.
std::unique_ptr<transport::Transport> connected(const std::string& address, const transport::Options& options,
                                                Deadline deadline, int ends) {
    for (;;) {
        auto link = transport::connect(address, options, deadline);
        if (link.ok()) return std::move(link).value();
        const bool again = link.fault().error == ECONNREFUSED || link.fault().error == EBUSY;
        if (!again || deadline.passed()) throw Trouble(link.fault().what);
        pollfd look{ends, POLLIN, 0};
        if (poll(&look, 1, 50) > 0) throw Trouble("interrupted");
    }
}

// Over tcp and udp both sides show keys. What is plain is said, and stays on this machine.
transport::Options options_of(const Asked& asked) {
    transport::Options options;
    options.patience = std::chrono::milliseconds(static_cast<long>(asked.patience * 1000));
    options.window = asked.window;
    options.allowed = allowed_of(asked.allow);
    std::vector<std::string> net;
    for (const auto* addresses : {&asked.listen, &asked.connect})
        for (const std::string& address : *addresses)
            if (address.starts_with("tcp:") || address.starts_with("udp:")) net.push_back(address);
    options.insecure = asked.insecure;
    if (net.empty() && asked.seek.empty()) return options;   // who is found by seeking is linked to over tcp or udp
    if (asked.insecure) {
        for (const std::string& address : net)
            fmt::print(stderr, "umach: {} is plain: every user of this machine can come in\n", address);
        return options;
    }
    auto seal = netmsg::Keyring(asked.keys).seal();
    if (!seal.ok()) throw Trouble(seal.fault().what);
    options.seal = std::move(seal).value();
    return options;
}

int run(const Asked& asked) {
    const int ends = open_ends();
    if (asked.listen.empty() && asked.connect.empty() && asked.seek.empty())
        throw Trouble("there is nobody to link to: --listen, --connect or --seek");
    if (umach_host_attach(asked.host.c_str()) != KERN_SUCCESS) throw Trouble(mach_error_detail());
    netmsg::Server server(asked.name.empty() ? asked.host : asked.name, [](const std::string& what) {
        fmt::print("{}\n", what);
        std::fflush(stdout);
    });
    if (!server.ready()) throw Trouble("the host has no ports left");
    const transport::Options options = options_of(asked);
    server.set_quota(asked.quota);
    server.set_patience(options.patience);
    for (const std::string& address : asked.listen) {
        auto listener = transport::listen(address, options);
        if (!listener.ok()) throw Trouble(listener.fault().what);
        fmt::print("listening at {}\n", listener.value().address());
        server.add(std::move(listener).value());
    }
    if (!asked.seek.empty()) {
        auto crier = transport::Crier::open(asked.seek);
        if (!crier.ok()) throw Trouble(crier.fault().what);
        server.seek(std::move(crier).value(), options);
    }
    std::fflush(stdout);
    const Deadline deadline = Deadline::in(std::chrono::duration<double>(asked.wait));
    for (const std::string& address : asked.connect) {
        server.add(connected(address, options, deadline, ends), address);
    }
    const bool open = !asked.listen.empty() || !asked.seek.empty();
    server.run(ends, [&] { return open || server.links() > 0; });
    return 0;
}

}  // namespace

void add_link(CLI::App& app, int& status) {
    auto asked = std::make_shared<Asked>();
    CLI::App* command = app.add_subcommand(
        "link",
        "Joins a host to others, until interrupted, the parent ends or, without --listen and --seek, the last link has ended");
    command->add_option("HOST", asked->host, "The host to be joined")->required();
    const char* const kinds =
        "fifo:PATH, unix:@NAME, unix:PATH, tcp:HOST:PORT, udp:HOST:PORT, sysv:KEY, posix:/NAME";
    command->add_option("--listen", asked->listen, fmt::format("Where other hosts may come in: {}", kinds))
        ->take_all();
    command->add_option("--connect", asked->connect, "Where another host listens; pipe:IN,OUT too")
        ->take_all();
    command->add_option("--seek", asked->seek,
                        "Finds what is looked up at \"*\" among who hears it, and is found: multicast:GROUP:PORT, "
                        "broadcast:PORT");
    command->add_option("--name", asked->name, "What other hosts call this one; HOST without it");
    command
        ->add_option("--allow", asked->allow,
                     "uid:NUMBER or gid:NUMBER: who may be there too, beside this user and root")
        ->delimiter(',')
        ->take_all();
    command->add_option("--keys", asked->keys, "Where the keys for tcp and udp are; see umach key");
    command->add_flag("--insecure", asked->insecure,
                      "Lets tcp and udp be plain, on loopback addresses: every user of this machine can come in");
    command->add_option("--patience", asked->patience, "Seconds of silence after which tcp and udp links end")
        ->check(CLI::Range(0.1, 3600.0))
        ->default_str("3");
    command->add_option("--rights", asked->quota.rights, "Of ours that a peer may have");
    command->add_option("--ports", asked->quota.ports, "Of a peer's that may be known here");
    command->add_option("--bytes", asked->quota.bytes, "Of messages of a link that may wait")
        ->transform(CLI::AsSizeValue(false));
    command->add_option("--memory", asked->quota.memory, "Bytes out of line in messages of a link, at most 256M")
        ->transform(CLI::AsSizeValue(false))
        ->check(CLI::Range(std::size_t{1}, netmsg::most_memory));
    command->add_option("--messages", asked->quota.messages, "Of a link that may wait for room");
    command->add_option("--window", asked->window, "Frames on their way over udp; 1 is stop-and-wait")
        ->check(CLI::Range(1u, 32u))
        ->default_str("32");
    command->add_option("--wait", asked->wait, "Seconds to wait for the other listener")
        ->check(CLI::Range(0.0, 3600.0))
        ->default_str("5");
    command->callback([asked, &status] { status = run(*asked); });
}

}  // namespace umach::tools
