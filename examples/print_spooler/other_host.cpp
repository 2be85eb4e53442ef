// SPDX-License-Identifier: BSL-1.0
#include "other_host.hpp"

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <stdexcept>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <umach_inspect.h>

#include "protocol.hpp"

namespace spool {
namespace {

constexpr const char* events_name = "print spooler demo";
constexpr int first_key = 0x5500'0000;  // of System V queues: with the process's number, nobody else's

// An address that no other run has.
std::string address_for(const std::string& over) {
    const std::string own = fmt::format("umach-demo-{}", getpid());
    if (over == "tcp" || over == "udp") return over + ":127.0.0.1:0";
    if (over == "unix") return "unix:@" + own;
    if (over == "posix") return "posix:/" + own;
    if (over == "sysv") return fmt::format("sysv:{}", first_key + getpid());
    return fmt::format("fifo:{}", (std::filesystem::temp_directory_path() / own).string());
}

[[noreturn]] void become_tool(std::vector<std::string> words, int out, const std::vector<int>& keep) {
    for (const int one : keep) fcntl(one, F_SETFD, 0);
    dup2(out, STDOUT_FILENO);
    std::signal(SIGINT, SIG_DFL);
    std::vector<char*> arguments;
    std::string name = "umach";
    arguments.push_back(name.data());
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    execv(UMACH_TOOL, arguments.data());
    _exit(127);
}

void make_pipe(int (&ends)[2]) {
    if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("cannot make a pipe");
}

port_t looked_up(const std::string& host, const char* name) {
    port_t port = PORT_NULL;
    const int code = netname_look_up(name_server_port, host.c_str(), name, &port);
    if (code != NETNAME_SUCCESS)
        throw std::runtime_error(fmt::format("'{}' is not found at host {}: {}", name, host, code));
    return port;
}

}  // namespace

OtherHost::OtherHost(Children& children, const std::string& over)
    : children_(children), here_(fmt::format("shop-{}", getpid())), there_(fmt::format("desk-{}", getpid())) {
    if (umach_host_create(here_.c_str(), nullptr) != KERN_SUCCESS)
        throw std::runtime_error(umach::Error::last(KERN_FAILURE).describe());
    await(start("host", {"host", there_}), "is ready");
    over == "pipe" ? join_by_pipes() : join_at(address_for(over));
}

OtherHost::~OtherHost() {
    for (const int one : said_) close(one);
}

// The tools end with their parent, by themselves and by Children.
int OtherHost::start(const std::string& name, std::vector<std::string> words, const std::vector<int>& keep) {
    int ends[2];
    make_pipe(ends);
    children_.start(Role::tool, name, [&]() -> int { become_tool(words, ends[1], keep); });
    close(ends[1]);
    said_.push_back(ends[0]);
    return ends[0];
}

std::string OtherHost::await(int tool, const std::string& part) {
    std::string line;
    for (char c = 0; read(tool, &c, 1) == 1;) {
        if (c != '\n') {
            line += c;
        } else if (line.find(part) != std::string::npos) {
            return line;
        } else {
            line.clear();
        }
    }
    throw std::runtime_error(fmt::format("the two hosts are not joined: no '{}' came", part));
}

void OtherHost::join_by_pipes() {
    int there[2], back[2];
    make_pipe(there);
    make_pipe(back);
    const auto address = [](int in, int out) { return fmt::format("pipe:{},{}", in, out); };
    const int one = start("link", {"link", here_, "--connect", address(back[0], there[1])}, {back[0], there[1]});
    start("link", {"link", there_, "--connect", address(there[0], back[1])}, {there[0], back[1]});
    for (const int end : {there[0], there[1], back[0], back[1]}) close(end);
    joined_ = await(one, "joined with ") + " by two pipes";
}

void OtherHost::join_at(const std::string& address) {
    // Both hosts are on this machine: the link needs no keys.
    const bool internet = address.starts_with("tcp:") || address.starts_with("udp:");
    const auto link = [&](const std::string& host, const char* how, const std::string& at) {
        std::vector<std::string> words{"link", host, how, at};
        if (internet) words.emplace_back("--insecure");
        return start("link", words);
    };
    const int one = link(here_, "--listen", address);
    const std::string listens = await(one, "listening at ");
    const std::string place = listens.substr(listens.rfind(' ') + 1);
    link(there_, "--connect", place);
    joined_ = await(one, "joined with ") + " at " + place;
}

void OtherHost::show(umach::PortName events) {
    umach::Host::join().value().check_in(events_name, events).value();
}

void OtherHost::move_in() const {
    if (umach_host_attach(there_.c_str()) != KERN_SUCCESS)
        throw std::runtime_error(umach::Error::last(KERN_FAILURE).describe());
    const umach::SendRight events(looked_up(here_, events_name));
    umach::register_ports({umach::PortName(), events}).value();
    const umach::SendRight spooler(looked_up(here_, spooler_name));
    netname_check_in(name_server_port, spooler_name, PORT_NULL, umach::PortName(spooler).get());
}

}  // namespace spool
