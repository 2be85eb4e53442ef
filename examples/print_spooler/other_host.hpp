// SPDX-License-Identifier: BSL-1.0
// OtherHost: puts the clients on a host of their own, which `umach link` joins to the spooler's. Spooler,
// printers and clients are the same programs as ever: what they find by name, they find.
#pragma once

#include <string>
#include <vector>

#include <umach/umach.hpp>

#include "children.hpp"

namespace spool {

inline constexpr const char* transports[] = {"tcp", "udp", "unix", "fifo", "pipe", "sysv", "posix"};

class OtherHost {
public:
    /// Makes a host for this process and what it forks, another one beside it, and a link over that kind of
    /// transport. waits: until the two are joined. throws: std::runtime_error, when one of the tools ended.
    OtherHost(Children& children, const std::string& over);
    OtherHost(const OtherHost&) = delete;
    OtherHost& operator=(const OtherHost&) = delete;
    ~OtherHost();

    /// Enters what the other host is to find here. takes: nothing.
    void show(umach::PortName events);
    /// In a forked child, before its first call: it becomes a member of the other host, where the spooler has
    /// its name and the demo's port is registered, as on one host.
    void move_in() const;

    [[nodiscard]] const std::string& in_words() const { return joined_; }

private:
    int start(const std::string& name, std::vector<std::string> words, const std::vector<int>& keep = {});
    std::string await(int tool, const std::string& part);
    void join_by_pipes();
    void join_at(const std::string& address);

    Children& children_;
    std::string here_, there_, joined_;
    std::vector<int> said_;  ///< what the tools say
};

}  // namespace spool
