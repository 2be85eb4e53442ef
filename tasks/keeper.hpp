// SPDX-License-Identifier: BSL-1.0
// The keeper's role: to let processes in, to learn of deaths, and to clean up after them. One hidden thread
// of one member has it; the kernel's header names its carrier. When its process ends, whoever finds its
// carrier dead at the end of a slice takes the host's name (an abstract socket: only one process can) and
// goes on.
//
// Of each process the keeper holds a pidfd, readable once the process has ended, and the connection by which
// it joined, which hangs up at exec as well. A hang-up alone proves nothing (a program may close all its
// descriptors): the process is gone if it no longer maps the segment.
//
// A keeper that is stopped stays the keeper: others clear up in its stead (stand_in.hpp), each process and its
// dead carriers under the process's own word, so that one who goes on does nothing twice.
#pragma once

#include "tasks/host.hpp"
#include "tasks/process_identity.hpp"

#include <map>
#include <optional>
#include <vector>

namespace umach::tasks {

class Keeper {
public:
    // Starts the thread.
    // takes: the host's name, in every case
    static runtime::Outcome<void> start(Host& host, PrivateDescriptor listening);

private:
    struct Member {
        ports::ProcessRef process;
        ProcessIdentity who;
        PrivateDescriptor pidfd;
        PrivateDescriptor connection;
    };
    using Serial = std::uint32_t;  // of a member or newcomer, never used twice

    Keeper(Host& host, PrivateDescriptor listening) : host_(host), listening_(std::move(listening)) {}

    void run();
    bool take_role();
    void find_members();
    void find_work_left();
    void serve();
    void serve_one(std::uint64_t what);
    void sweep();

    void let_newcomers_speak();
    void hear(Serial newcomer);
    Welcome answer(const Hello& hello, PrivateDescriptor& connection);
    Welcome let_in(PrivateDescriptor& connection);
    Welcome welcome_of(const Member& member);
    Welcome let_in_again(const Hello& hello, PrivateDescriptor& connection);
    Welcome let_in_sponsored(const Hello& hello);
    Serial sponsored(const ProcessIdentity& who);
    bool send_welcome(int connection, Welcome& welcome);

    void end_if_gone(Serial member);
    void end(Serial member);
    void end_those_left();
    void watch(int descriptor, std::uint64_t what);
    void watch_connection(Serial member);

    ports::Kernel& kernel() { return host_.kernel(); }

    Host& host_;
    PrivateDescriptor listening_;
    PrivateDescriptor events_;
    std::optional<runtime::Carrier> carrier_;
    Serial last_serial_ = 0;
    bool somebody_ended_ = true;  // and may have left a termination in the middle
    std::map<Serial, Member> members_;
    std::map<Serial, PrivateDescriptor> newcomers_;
    std::vector<Serial> left_;    // to be looked at again: there is no pidfd yet, or somebody else is at their end
};

// At the end of a slice of a wait, and at each trap that finds the host not well kept: if the keeper is dead,
// succeeds it; if it is a new one, joins it. Set as ports::slice_hook.
void look_after(ports::Kernel& kernel);

}  // namespace umach::tasks
