// SPDX-License-Identifier: BSL-1.0
// What the connected-socket peers share: one socket pair per client; the server blocks in read
// where it has one client, and in epoll where it has more.
#pragma once

#include "harness/run.hpp"

#include <sys/epoll.h>

namespace bench {

struct SocketPair {
    Fd client;
    Fd server;
};

// Waits until one of several descriptors can be read and says which.
class ReadySet {
public:
    void add(int fd, unsigned index) {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u32 = index;
        check(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
    }
    unsigned next() {
        while (taken_ == found_) {
            found_ = static_cast<int>(
                check(epoll_wait(epoll_.get(), events_.data(), max_clients, -1), "epoll_wait"));
            taken_ = 0;
        }
        return events_[static_cast<std::size_t>(taken_++)].data.u32;
    }

private:
    Fd epoll_{epoll_create1(EPOLL_CLOEXEC), "epoll_create1"};
    std::array<epoll_event, max_clients> events_{};
    int found_ = 0;
    int taken_ = 0;
};

// Kind has: traits, connect(Config) -> SocketPair, put(int, Bytes), get(int, MutableBytes).
template <class Kind>
class SocketPeer {
public:
    static constexpr Traits traits = Kind::traits;
    static constexpr unsigned idle_count = 500;
    struct Idle {
        SocketPair made = Kind::connect(idle_message);
        explicit Idle(unsigned) {}
    };

    explicit SocketPeer(const Config& config) {
        for (unsigned i = 0; i < config.clients; ++i) links_.push_back(Kind::connect(config.payload));
    }

    class Server {
    public:
        explicit Server(SocketPeer& peer) : links_(peer.links_) {
            for (unsigned i = 0; i < links_.size(); ++i) ready_.add(links_[i].server.get(), i);
        }
        bool receive(MutableBytes message) {
            const unsigned index = links_.size() == 1 ? 0 : ready_.next();
            Kind::get(links_[index].server.get(), message);
            return true;
        }
        void reply(unsigned client, Bytes message) { Kind::put(links_[client].server.get(), message); }

    private:
        std::vector<SocketPair>& links_;
        ReadySet ready_;
    };

    class Client {
    public:
        Client(SocketPeer& peer, unsigned id) : fd_(peer.links_[id].client.get()) {}
        void send(Bytes message) { Kind::put(fd_, message); }
        void receive(MutableBytes message) { Kind::get(fd_, message); }

    private:
        int fd_;
    };

private:
    std::vector<SocketPair> links_;
};

}  // namespace bench
