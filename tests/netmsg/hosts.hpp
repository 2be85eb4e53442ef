// SPDX-License-Identifier: BSL-1.0
// Two hosts, each with a task and a netmsg server in processes of their own, joined by a link of some kind.
#pragma once

#include <gtest/gtest.h>
#include <mach.h>
#include <servers/netname.h>

#include <functional>
#include <memory>
#include <string>

#include "runtime/transport/loopback.hpp"
#include "runtime/transport/transport.hpp"
#include "tests/mach25/letter.hpp"

namespace umach::netmsg::test {

using tests::Letter;

inline constexpr msg_timeout_t patience = 10'000;  // ms, for what has to happen

// What the task of one host has at hand.
class Side {
public:
    Side(std::string peer, int other, pid_t server)
        : peer_(std::move(peer)), other_(other), server_(server) {}

    // Between the two tasks, past the link: one says that it has come so far, the other waits for it.
    void tell();
    void hear();

    // A send right to what the other host has checked in under a name.
    port_t found_there(const char* name);
    port_t checked_in(const char* name);  // a new port of ours
    void kill_server();
    pid_t server() const { return server_; }

private:
    std::string peer_;
    int other_;
    pid_t server_;
};

using Part = std::function<void(Side&)>;

struct LinkInTest {
    const char* name;
    // Called before the hosts are made.
    // returns: how the one and the other come to their ends, each in the process of its server
    std::function<std::pair<std::function<std::unique_ptr<transport::Transport>()>,
                            std::function<std::unique_ptr<transport::Transport>()>>()>
        make;
};

inline void PrintTo(const LinkInTest& link, std::ostream* out) {
    *out << link.name;
}
const std::vector<LinkInTest>& links_in_test();
// Over the loopback; each side draws its own weather of that kind.
LinkInTest link_in_weather(const char* name, const transport::Weather& weather);

// Runs the two parts on two linked hosts, each in a process; failures of theirs are this test's.
void on_two_hosts(const LinkInTest& link, const Part& here, const Part& there);

// A port of this task's own.
port_t made();
// The next message at a port, within patience.
Letter next(port_t port);
// The next notification for a name, of those at the notify port, within patience.
bool told(msg_id_t notification, port_t name, port_t at = PORT_NULL);

}  // namespace umach::netmsg::test
