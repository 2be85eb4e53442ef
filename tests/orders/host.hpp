// SPDX-License-Identifier: BSL-1.0
// A host whose members are the threads of scenes: each a task, a carrier and a thread of control of its own.
#pragma once

#include <deque>
#include <optional>

#include <mach/port.h>

#include "tests/orders/search.hpp"

#include "ports/caller.hpp"

namespace umach::orders {

struct Member {
    std::optional<runtime::Carrier> carrier;
    std::optional<ports::Caller> caller;
    port_name_t own = 0;   // a port that it receives from

    operator ports::Caller&() { return *caller; }
    ports::TaskRef task() const { return caller->task; }
    std::uint32_t index() const { return caller->thread.index; }
    ports::ThreadRecord& thread() { return caller->k.thread(caller->thread.index); }
};

class Host {
public:
    explicit Host(std::size_t members);

    ports::Kernel& kernel() { return k_; }
    Member& operator[](std::size_t number) { return members_[number]; }
    // Gives a member a send right to another one's port, by that name.
    void introduce(Member& whom, Member& to, port_name_t name);

private:
    void join(Member& member);

    ports::Kernel k_;
    std::deque<Member> members_;
};

}  // namespace umach::orders
