// SPDX-License-Identifier: BSL-1.0
// The netmsg server: a task that joins its host to others, by any number of links over any kind of transport.
// It is a tenant: it uses calls that every program has, and transports.
//
// Two threads, each of which does what it was woken for: one waits for frames and for who wants to come in, the
// other for messages to the proxies. Nothing is handed from one to the other, and all that they share is guarded
// by one lock. What waits for room at a port waits in the ferry.
#pragma once

#include <poll.h>

#include <future>
#include <mutex>
#include <set>

#include "runtime/transport/crier.hpp"
#include "servers/netmsg/link.hpp"

namespace umach::netmsg {

class Server {
public:
    using Log = std::function<void(const std::string&)>;

    // takes: nothing; host_name is what other hosts call this one
    Server(std::string host_name, Log log);
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server();

    // returns: false when the task has no ports to be had
    bool ready() const { return set_ != PORT_NULL; }

    void add(transport::Listener listener) { listeners_.push_back(std::move(listener)); }
    // address: for who asks; listened: it is ours, and the other side came
    void add(std::unique_ptr<transport::Transport> transport, const std::string& address = "", bool listened = false);
    // From now on who looks up a name at "*" is asked for among all hosts that hear the crier, too, and such
    // questions of others are answered: by addresses of ours where they may come in.
    void seek(transport::Crier crier, const transport::Options& options);
    // For links from now on.
    void set_quota(const Quota& quota) { quota_ = quota; }
    // From now on the links are with programs behind a wall: they look up what was given, and nobody looks up anything
    // of theirs.
    void serve_wall(const Given& given);
    void set_patience(std::chrono::nanoseconds patience) { patience_ = patience; }
    std::size_t links() const { return links_.size(); }

    // Works until `stop` is readable (-1: for ever), or until `goes_on`, asked after each turn, says no.
    // waits: for work, on two threads: this one and one of its own
    void run(int stop, const std::function<bool()>& goes_on = {});
    // Does what there is to do, on this thread alone: for who has to do something between two turns. Not
    // while it runs.
    // waits: at most so many milliseconds for frames, -1: for ever, or until `stop` is readable
    // returns: false when it is
    bool turn(int milliseconds, int stop);

private:
    class Receiving;  // the thread that waits for messages

    port_t checked_in(const std::string& name);
    void add(std::unique_ptr<transport::Transport> transport, std::uint64_t number, const std::string& address, bool listened);
    void accept(transport::Listener& listener);
    bool attend_to_links(int milliseconds, int stop);
    void attend_to_what_is_ready(const std::vector<pollfd>& look, const std::vector<std::uint64_t>& order);
    bool receive(Buffer& message);
    void receive_on();
    void receive_one(Buffer& message);
    void pass_news();
    void end_if_returned(const notification_t& notice);
    void nudge() const;
    void calm() const;
    void land();
    void attend(Link& link);
    void bury();
    void show(const Buffer& message);

    // ---- who looks for a name at "*": search.cpp
    struct Search {
        std::string name;
        port_t reply = PORT_NULL;
        std::size_t asked = 0;    // links that have not answered yet
        std::uint64_t guest = 0;  // the link that was made for it, if that has not joined yet
        std::string guest_host{};  // which it leads to
        transport::Deadline again = transport::Deadline::never(), late = transport::Deadline::never(),
                            guest_late = transport::Deadline::never();
    };
    struct Guest {  // a link that is being made
        std::uint64_t number;
        std::string address;
        std::future<transport::TransportOutcome> made;
    };
    void begin_search(Buffer& message);
    bool found(std::uint64_t number, port_t port);
    void joined(Link& link);
    void cry(std::uint64_t number, Search& search);
    void hear_questions();
    void hear_answers();
    void follow(Search& search, const std::string& host, const std::string& address);
    static void wait_for(Search& search, std::uint64_t guest, const std::string& host);
    void welcome_guests();
    void lose_guest(std::uint64_t number, const std::string& why);
    void end_searches();
    void watch(std::vector<pollfd>& look) const;
    bool has_room();
    transport::Deadline due(int milliseconds) const;

    std::string host_name_;
    Log log_;
    Quota quota_;
    Given given_;
    bool walled_ = false;
    std::chrono::nanoseconds patience_ = std::chrono::seconds(3);
    port_set_name_t set_ = PORT_NULL;
    port_t shore_ = PORT_NULL;
    std::mutex mutex_;  // guards all of it while it runs; never held across a call that waits
    bool over_ = false;  // who receives is to end
    runtime::Descriptor nudged_;  // readable when who waits for frames is to look again
    std::unique_ptr<Ferry> ferry_;
    std::vector<transport::Listener> listeners_;
    std::map<std::uint64_t, std::unique_ptr<Link>> links_;
    std::vector<notification_t> news_;  // of one link for the others
    std::uint64_t next_ = 1;
    port_t everybody_ = PORT_NULL, window_ = PORT_NULL;  // for look-ups at "*"; for who asks about links
    std::optional<transport::Crier> crier_;
    transport::Options guest_options_;
    std::map<std::uint64_t, Search> searches_;
    std::vector<Guest> guests_;
};

}  // namespace umach::netmsg
