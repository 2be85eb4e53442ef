// SPDX-License-Identifier: BSL-1.0
// The tool run as people run it, and members of its hosts: processes of their own that call the C API.
#pragma once

#include <mach.h>
#include <nlohmann/json.hpp>

#include <gtest/gtest.h>
#include <sys/types.h>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace umach::tests {

using Json = nlohmann::json;
using Words = std::vector<std::string>;

struct Ended {
    int status = -1;  // what it ended with, or 256 and the signal
    std::string out, err;
    Json json() const { return Json::parse(out, nullptr, false); }
};

// Runs the tool to its end. named: what UMACH_HOST says, if anything.
Ended run_tool(const Words& arguments, const std::string& named = "");

// A process, ended when this goes.
class Process {
public:
    Process() = default;
    explicit Process(pid_t pid) : pid_(pid) {}
    Process(Process&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
    Process& operator=(Process&&) = delete;
    ~Process();

    pid_t pid() const { return pid_; }
    void signal(int number) const;
    int status();  // waits for its end

private:
    pid_t pid_ = -1;
};

// A host that `umach host` keeps. Its name is the test's own.
class ToolHost {
public:
    explicit ToolHost(const Words& options = {});
    ToolHost(const ToolHost&) = delete;
    ToolHost& operator=(const ToolHost&) = delete;
    ~ToolHost();

    const std::string& name() const { return name_; }
    const std::string& greeting() const { return greeting_; }  // its first line
    Process& process() { return process_; }

    // What a command says of the host, as JSON. Fails the test if it does not end well.
    Json ask(const Words& command);

private:
    std::string name_, greeting_;
    Process process_;
};

// A name for a host that no other test has.
std::string fresh_host_name();
bool is_listed(const std::string& host);

// Forks a member of the host; returns once it has given its word that it is ready. Then it waits to be
// killed, unless its body goes on.
Process start_member(const std::string& host,
                     const std::function<void(const std::function<void()>& ready)>& body);

// Looks again and again, for at most ten seconds.
bool becomes_true(const std::function<bool()>& condition);

// The first element of an array whose member has that value; null if there is none.
Json find(const Json& array, const std::string& member, const Json& value);

// Ends a member that cannot go on.
void must(int code);

void send_to(port_name_t port, msg_option_t option = MSG_OPTION_NONE);
void receive_from(port_name_t port);

}  // namespace umach::tests
