// SPDX-License-Identifier: BSL-1.0
// The limit between fibers of one OS thread: a switch and a copy each way, and no port at all.
#include <boost/context/fiber.hpp>
#include <functional>
#include <utility>

#include "harness/run.hpp"

namespace bench {
namespace {

namespace context = boost::context;

// Two fibers that take turns, and the flow that starts them.
class Pair {
public:
    struct Fiber {
        context::fiber saved;
        bool done = false;
    };

    Fiber& current() { return *current_; }
    // Switches there, until somebody switches back.
    void switch_to(Fiber& to) {
        from_ = std::exchange(current_, &to);
        context::fiber caller = std::move(to.saved).resume();
        from_->saved = std::move(caller);
    }
    // To the other one, which has not begun yet.
    void start_other() { switch_to(*std::exchange(other_, nullptr)); }

    // Runs both until both have returned; the first begins.
    void run(const std::function<void()>& first, const std::function<void()>& second) {
        Fiber main, one, two;
        one.saved = started(first, one, two, main);
        two.saved = started(second, two, one, main);
        other_ = &two;
        current_ = &main;
        switch_to(one);
    }

private:
    // A fiber that, when it is done, goes on with the other one, or with main where that is done too.
    context::fiber started(const std::function<void()>& body, Fiber& self, Fiber& other, Fiber& main) {
        return context::fiber([&, this](context::fiber&& caller) {
            from_->saved = std::move(caller);
            body();
            self.done = true;
            from_ = &self;  // gets the empty context that a finished fiber leaves
            current_ = other.done ? &main : &other;
            return std::move(current_->saved);
        });
    }

    Fiber* current_ = nullptr;
    Fiber* other_ = nullptr;
    Fiber* from_ = nullptr;
};

class FiberSwitchPeer {
public:
    static constexpr Traits traits{.name = "fiber_switch",
                                   .wait = Wait::blocking,
                                   .space = Space::fibers,
                                   .streams = false,
                                   .batch = 32,
                                   .note = "the limit: two switches and two copies"};

    explicit FiberSwitchPeer(const Config&) {}
    void run(const std::function<void()>& server, const std::function<void()>& client) {
        pair_.run(server, client);
    }

    struct Server {
        FiberSwitchPeer& peer;
        bool started = false;
        explicit Server(FiberSwitchPeer& p) : peer(p) {}
        bool receive(MutableBytes message) {
            if (!std::exchange(started, true)) {
                peer.server_ = &peer.pair_.current();
                peer.pair_.start_other();
            }
            std::memcpy(message.data(), peer.message_.data(), message.size());
            return true;
        }
        void reply(unsigned, Bytes message) {
            peer.message_ = message;
            peer.pair_.switch_to(*peer.client_);
        }
    };

    struct Client {
        FiberSwitchPeer& peer;
        Client(FiberSwitchPeer& p, unsigned) : peer(p) { peer.client_ = &peer.pair_.current(); }
        void send(Bytes message) { peer.message_ = message; }
        void receive(MutableBytes message) {
            peer.pair_.switch_to(*peer.server_);
            std::memcpy(message.data(), peer.message_.data(), message.size());
        }
    };

private:
    Pair pair_;
    Bytes message_;
    Pair::Fiber* server_ = nullptr;
    Pair::Fiber* client_ = nullptr;
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    return bench::run_peers<bench::FiberSwitchPeer>(argc, argv);
}
