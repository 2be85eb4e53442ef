// SPDX-License-Identifier: BSL-1.0
// The netmsg server: a task that joins its host to others, by any number of links over any kind of transport.
// It is a tenant: it uses calls that every program has, and transports.
//
// One thread does it all: it waits for frames, for messages to its proxies and for who wants to come in. What
// waits for room at a port waits in the ferry.
#pragma once

#include <set>

#include "servers/netmsg/link.hpp"

namespace umach::netmsg {

// Who may come in where the transport says who it is. Empty: processes of this user.
struct Allowed {
    std::set<long> users, groups;
};

class Server {
public:
    using Log = std::function<void(const std::string&)>;

    // takes: nothing; host_name is what other hosts call this one
    Server(std::string host_name, Log log);
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server();

    // returns: false when the task has no ports to be had
    bool ready() const { return descriptor_ >= 0; }

    void allow(const Allowed& allowed) { allowed_ = allowed; }
    void add(transport::Listener listener) { listeners_.push_back(std::move(listener)); }
    void add(std::unique_ptr<transport::Transport> transport);
    std::size_t links() const { return links_.size(); }

    // Works until `stop` is readable; -1: for ever.
    // waits: for work
    void run(int stop);
    // Does what there is to do.
    // waits: at most so many milliseconds for something to do, -1: for ever, or until `stop` is readable
    // returns: false when it is
    bool turn(int milliseconds, int stop);

private:
    void accept(transport::Listener& listener);
    bool may_enter(const transport::Peer& peer) const;
    void receive();
    void receive_one(Buffer& message);
    void land();
    void attend(Link& link);
    void bury();

    std::string host_name_;
    Log log_;
    Allowed allowed_;
    port_set_name_t set_ = PORT_NULL;
    port_t shore_ = PORT_NULL;
    int descriptor_ = -1;  // readable when the set has something
    std::unique_ptr<Ferry> ferry_;
    std::vector<transport::Listener> listeners_;
    std::map<std::uint64_t, std::unique_ptr<Link>> links_;
    std::uint64_t next_ = 1;
};

}  // namespace umach::netmsg
