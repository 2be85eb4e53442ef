// SPDX-License-Identifier: BSL-1.0
#include "tool.hpp"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>

#include <algorithm>
#include <array>

namespace umach::tests {
namespace {

struct Pipe {
    int ends[2] = {-1, -1};
    Pipe() {
        if (pipe(ends) != 0) std::abort();
    }
    ~Pipe() {
        close_end(0);
        close_end(1);
    }
    void close_end(int end) {
        if (ends[end] >= 0) close(ends[end]);
        ends[end] = -1;
    }
    std::string read_all() {
        std::string all;
        std::array<char, 4096> part{};
        for (ssize_t n = 0; (n = read(ends[0], part.data(), part.size())) > 0;)
            all.append(part.data(), static_cast<std::size_t>(n));
        return all;
    }
    std::string read_line() {
        std::string line;
        for (char c = 0; read(ends[0], &c, 1) == 1 && c != '\n';) line += c;
        return line;
    }
};

[[noreturn]] void become_tool(const Words& arguments) {
    std::string program = UMACH_TOOL;
    std::vector<char*> words{program.data()};
    Words copies = arguments;
    for (std::string& word : copies) words.push_back(word.data());
    words.push_back(nullptr);
    execv(UMACH_TOOL, words.data());
    _exit(127);
}

int end_of(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

}  // namespace

Ended run_tool(const Words& arguments, const std::string& named) {
    Pipe out, err;
    const pid_t pid = fork();
    if (pid == 0) {
        dup2(out.ends[1], STDOUT_FILENO);
        dup2(err.ends[1], STDERR_FILENO);
        if (named.empty())
            unsetenv("UMACH_HOST");
        else
            setenv("UMACH_HOST", named.c_str(), 1);
        become_tool(arguments);
    }
    out.close_end(1);
    err.close_end(1);
    Ended run;
    run.out = out.read_all();
    run.err = err.read_all();
    run.status = end_of(pid);
    return run;
}

Process::~Process() {
    if (pid_ <= 0) return;
    signal(SIGKILL);
    status();
}

void Process::signal(int number) const {
    if (pid_ > 0) kill(pid_, number);
}

int Process::status() {
    return end_of(std::exchange(pid_, -1));
}

std::string fresh_host_name() {
    static int count = 0;
    return "tool-" + std::to_string(getpid()) + "-" + std::to_string(++count);
}

bool is_listed(const std::string& host) {
    const Json names = run_tool({"list", "--json"}).json();
    return names.is_array() && std::find(names.begin(), names.end(), host) != names.end();
}

namespace {

struct Started {
    pid_t pid;
    std::string greeting;
};

Started start_host(const std::string& name, const Words& options) {
    Pipe out;
    const pid_t pid = fork();
    if (pid == 0) {
        dup2(out.ends[1], STDOUT_FILENO);
        Words words{"host", name};
        words.insert(words.end(), options.begin(), options.end());
        become_tool(words);
    }
    out.close_end(1);
    return {pid, out.read_line()};
}

}  // namespace

ToolHost::ToolHost(const Words& options)
    : name_(fresh_host_name()), process_([&] {
          Started started = start_host(name_, options);
          greeting_ = started.greeting;
          return Process(started.pid);
      }()) {}

// The host is gone before the next test begins: its members have ended, and its keeper is waited for.
ToolHost::~ToolHost() {
    if (process_.pid() <= 0) return;
    process_.signal(SIGTERM);
    EXPECT_EQ(process_.status(), 0);
}

Json ToolHost::ask(const Words& command) {
    Words words = command;
    words.insert(words.begin() + 1, name_);
    words.push_back("--json");
    const Ended run = run_tool(words);
    EXPECT_EQ(run.status, 0) << run.err;
    return run.json();
}

Process start_member(const std::string& host, const std::function<void(const std::function<void()>&)>& body) {
    Pipe word;
    const pid_t pid = fork();
    if (pid == 0) {
        setenv("UMACH_HOST", host.c_str(), 1);
        body([&] { must(write(word.ends[1], "\n", 1) == 1 ? 0 : -1); });
        for (;;) pause();
    }
    word.close_end(1);
    char given = 0;
    EXPECT_EQ(read(word.ends[0], &given, 1), 1) << "the member ended before it was ready";
    return Process(pid);
}

bool becomes_true(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        sched_yield();
    }
    return true;
}

Json find(const Json& array, const std::string& member, const Json& value) {
    for (const Json& element : array)
        if (element.is_object() && element.contains(member) && element[member] == value) return element;
    return nullptr;
}

void must(int code) {
    if (code == 0) return;
    mach_error("a member of the test's host", code);
    _exit(3);
}

void send_to(port_name_t port, msg_option_t option) {
    msg_header_t header{};
    header.msg_simple = TRUE;
    header.msg_size = sizeof header;
    header.msg_remote_port = port;
    must(msg_send(&header, option, 0));
}

void receive_from(port_name_t port) {
    struct {
        msg_header_t header;
        char rest[256];
    } message{};
    message.header.msg_size = sizeof message;
    message.header.msg_local_port = port;
    must(msg_receive(&message.header, MSG_OPTION_NONE, 0));
}

}  // namespace umach::tests
