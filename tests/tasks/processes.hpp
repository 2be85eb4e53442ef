// SPDX-License-Identifier: BSL-1.0
// Scenarios in processes of their own: the test's process is a member of no host, so each scenario begins
// from nothing.
#pragma once

#include "ports/audit.hpp"
#include "tasks/membership.hpp"

#include <gtest/gtest.h>

#include <mach.h>
#include <sys/types.h>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>

namespace umach::tests {

// Ends a scenario's process with a line that says what did not hold.
#define MUST(condition) \
    ((condition) ? static_cast<void>(0) : ::umach::tests::give_up(__FILE__, __LINE__, #condition))
[[noreturn]] void give_up(const char* file, int line, const char* condition);

// Forks; the child runs the scenario and ends with status 0.
pid_t start(const std::function<void()>& scenario);
// Waits for the end of a child.
// returns: true when it ended with status 0
bool ended_well(pid_t child);
inline bool runs_well(const std::function<void()>& scenario) {
    return ended_well(start(scenario));
}
void kill_and_reap(pid_t child);

// Looks again and again, for at most five seconds, and yields in between.
bool becomes_true(const std::function<bool()>& condition);

// A pipe on which one side says something once, and the other waits for it.
class Signal {
public:
    Signal();
    void give();
    void await();

private:
    int ends_[2];
};

// ---- a member's view ----------------------------------------------------------------------------------

inline ports::Kernel& kernel() {
    return tasks::current_host()->kernel();
}
std::vector<std::string> violations();  // of the audit, and lost wake-ups; said on the standard error
unsigned live_tasks();
unsigned tasks_of(pid_t pid);                 // that the host knows, name service included
bool waits(pid_t pid, ports::WaitKind kind);  // one of its threads sleeps in such a wait

// ---- messages -----------------------------------------------------------------------------------------

port_name_t new_port();
// Registers the port for children; what a child finds there.
void leave_for_children(port_name_t port);
port_name_t left_by_parent();

msg_return_t send_plain(port_name_t to, msg_id_t id, msg_option_t option = MSG_OPTION_NONE,
                        msg_timeout_t timeout = 0);
// Sends a send right along.
msg_return_t send_right(port_name_t to, msg_id_t id, port_name_t right);
struct Got {
    msg_return_t code;
    msg_id_t id;
    port_name_t right;  // or what a notification is about
};
Got receive(port_name_t from, msg_option_t option = RCV_TIMEOUT, msg_timeout_t timeout = 5'000);

// Whether any abstract socket of a host stands there with this name.
bool name_is_taken(const std::string& name);

}  // namespace umach::tests
