// SPDX-License-Identifier: BSL-1.0
// Children: the processes that this one started. None outlives it.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include <sys/types.h>

namespace spool {

enum class Role { spooler, printer, client, tool };

struct Child {
    Role role;
    std::string name;
    pid_t process;
};

struct Ended {
    Child child;
    int status;  ///< as waitpid() has it
    [[nodiscard]] bool was_killed() const;
    [[nodiscard]] bool ended_well() const;
    [[nodiscard]] std::string in_words() const;
};

class Children {
public:
    Children() = default;
    Children(const Children&) = delete;
    Children& operator=(const Children&) = delete;
    ~Children() { kill_all(); }

    /// Starts a process that runs `work` and exits with what it returns; an exception is 1, said on standard
    /// error. It is deaf to Ctrl-C, which is its parent's, and killed when its parent ends.
    pid_t start(Role role, const std::string& name, const std::function<int()>& work);
    /// returns: a child that has ended, if there is one.
    std::optional<Ended> reap();
    void kill(pid_t process) const;
    /// Ends and reaps all that are left: tools are asked to, and take away what they have made.
    void kill_all();

    void each(const std::function<void(const Child&)>& use) const;
    [[nodiscard]] const Child* find(pid_t process) const;
    [[nodiscard]] int count(Role role) const;
    /// returns: whether none is left but tools, which go on until they are ended.
    [[nodiscard]] bool done() const { return count(Role::tool) == static_cast<int>(children_.size()); }

private:
    std::map<pid_t, Child> children_;
};

}  // namespace spool
