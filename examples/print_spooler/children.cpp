// SPDX-License-Identifier: BSL-1.0
#include "children.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <stdexcept>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

namespace spool {
namespace {

[[noreturn]] void run_child(const std::string& name, pid_t parent, const std::function<int()>& work) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(1);  // it ended before it could be asked for
    }
    prctl(PR_SET_NAME, name.c_str());
    std::signal(SIGINT, SIG_IGN);
    std::signal(SIGTERM, SIG_DFL);
    std::signal(SIGCHLD, SIG_DFL);
    int status = 1;
    try {
        status = work();
    } catch (const std::exception& failure) {
        fmt::print(stderr, "{}: {}\n", name, failure.what());
    }
    _exit(status);
}

}  // namespace

bool Ended::was_killed() const {
    return WIFSIGNALED(status);
}

bool Ended::ended_well() const {
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

std::string Ended::in_words() const {
    return was_killed() ? fmt::format("signal {}", WTERMSIG(status))
                        : fmt::format("status {}", WEXITSTATUS(status));
}

pid_t Children::start(Role role, const std::string& name, const std::function<int()>& work) {
    std::fflush(nullptr);  // what is buffered is printed once, here
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child == 0) {
        run_child(name, parent, work);
    }
    if (child < 0) {
        throw std::runtime_error(fmt::format("cannot start {}: {}", name, std::strerror(errno)));
    }
    children_.emplace(child, Child{role, name, child});
    return child;
}

std::optional<Ended> Children::reap() {
    for (const auto& [process, child] : children_) {
        int status = 0;
        if (waitpid(process, &status, WNOHANG) == process) {
            Ended ended{child, status};
            children_.erase(process);
            return ended;
        }
    }
    return {};
}

void Children::kill(pid_t process) const {
    if (children_.contains(process)) {
        ::kill(process, SIGKILL);
    }
}

void Children::kill_all() {
    for (const auto& [process, child] : children_) {
        ::kill(process, child.role == Role::tool ? SIGTERM : SIGKILL);
    }
    for (const auto& [process, child] : children_) {
        waitpid(process, nullptr, 0);
    }
    children_.clear();
}

void Children::each(const std::function<void(const Child&)>& use) const {
    for (const auto& [process, child] : children_) {
        use(child);
    }
}

const Child* Children::find(pid_t process) const {
    const auto found = children_.find(process);
    return found != children_.end() ? &found->second : nullptr;
}

int Children::count(Role role) const {
    return static_cast<int>(std::count_if(children_.begin(), children_.end(),
                                          [role](const auto& entry) { return entry.second.role == role; }));
}

}  // namespace spool
