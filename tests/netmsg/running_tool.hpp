// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "tests/netmsg/hosts.hpp"

namespace umach::netmsg::test {

// The tool, running until this goes, and what it says: on standard output, or error if that is asked for.
class Tool {
public:
    explicit Tool(std::vector<std::string> words, int output = 1) {
        int out[2];
        EXPECT_EQ(pipe(out), 0);
        process_ = fork();
        EXPECT_GE(process_, 0);
        if (process_ == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            dup2(out[1], output);
            close(out[0]);
            std::vector<char*> arguments{const_cast<char*>("umach")};
            for (std::string& word : words) arguments.push_back(word.data());
            arguments.push_back(nullptr);
            execv(UMACH_TOOL, arguments.data());
            _exit(127);
        }
        close(out[1]);
        out_ = out[0];
    }
    Tool(const Tool&) = delete;
    Tool& operator=(const Tool&) = delete;
    ~Tool() {
        end(SIGTERM);
        close(out_);
    }
    void end(int signal) {
        if (process_ <= 0) return;
        kill(process_, signal);
        status();
    }

    // returns: the next line; "" when the tool has ended
    std::string line() {
        std::string line;
        for (char c = 0; read(out_, &c, 1) == 1 && c != '\n';) line += c;
        return line;
    }

    // Reads on until a line has that in it. returns: that line; "" when the tool ended before
    std::string line_with(const std::string& what) {
        std::string line;
        for (char c = 0; read(out_, &c, 1) == 1;) {
            if (c != '\n') {
                line += c;
                continue;
            }
            if (line.find(what) != std::string::npos) return line;
            line.clear();
        }
        return "";
    }
    bool says(const std::string& what) { return !line_with(what).empty(); }

    void kill_it() const { EXPECT_EQ(kill(process_, SIGKILL), 0); }

    int status() {
        int status = 0;
        if (process_ > 0) waitpid(process_, &status, 0);
        process_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 256;
    }

private:
    pid_t process_ = -1;
    int out_ = -1;
};

inline std::string own_name(const char* which) {
    return "netmsg-" + std::to_string(getpid()) + "-" + which;
}

// A member of a host, which does its part and ends.
inline pid_t member(const std::string& host, const std::function<void()>& part) {
    const pid_t process = fork();
    if (process != 0) return process;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setenv("UMACH_HOST", host.c_str(), 1);
    part();
    _exit(testing::Test::HasFailure() ? 1 : 0);
}

inline port_t service(const char* name) {
    port_t port = PORT_NULL;
    EXPECT_EQ(port_allocate(task_self(), &port), KERN_SUCCESS);
    EXPECT_EQ(netname_check_in(name_server_port, name, PORT_NULL, port), NETNAME_SUCCESS);
    return port;
}

// What another host has checked in, within patience.
inline port_t looked_up(const std::string& host, const char* name) {
    const auto late = runtime::Deadline::in(std::chrono::milliseconds(patience));
    port_t found = PORT_NULL;
    while (netname_look_up(name_server_port, host.c_str(), name, &found) != NETNAME_SUCCESS && !late.passed())
        sched_yield();
    EXPECT_NE(found, PORT_NULL) << name;
    return found;
}

inline void expect_well(pid_t process) {
    int status = 0;
    EXPECT_EQ(waitpid(process, &status, 0), process);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

}  // namespace umach::netmsg::test
