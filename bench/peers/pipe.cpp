// SPDX-License-Identifier: BSL-1.0
// Pipes: all clients write to one, and each reads its replies from its own.
#include "harness/run.hpp"

#include <fcntl.h>
#include <algorithm>

namespace bench {
namespace {

class Pipe {
public:
    explicit Pipe(std::size_t payload) {
        int ends[2];
        check(pipe2(ends, O_CLOEXEC), "pipe2");
        read_ = Fd(ends[0], "pipe2");
        write_ = Fd(ends[1], "pipe2");
        // Eight messages, or the least or most that the system gives.
        const std::size_t wanted = std::clamp(queue_depth * payload, page_size, mib);
        check(fcntl(ends[1], F_SETPIPE_SZ, static_cast<int>(wanted)), "F_SETPIPE_SZ");
    }
    void put(Bytes message) { write_all(write_.get(), message.data(), message.size()); }
    void get(MutableBytes message) { read_all(read_.get(), message.data(), message.size()); }

private:
    Fd read_, write_;
};

class PipePeer {
public:
    static constexpr Traits traits{.name = "pipe",
                                   .wait = Wait::blocking,
                                   .clients = 64,
                                   .holds = true,
                                   .note = "two pipes; capacity 8 messages, 4 KiB to 1 MiB"};
    static constexpr unsigned idle_count = 500;
    struct Idle {
        Pipe made{idle_message};
        explicit Idle(unsigned) {}
    };

    explicit PipePeer(const Config& config) : requests_(config.payload) {
        for (unsigned i = 0; i < config.clients; ++i) replies_.emplace_back(config.payload);
    }

    struct Server {
        PipePeer& peer;
        explicit Server(PipePeer& p) : peer(p) {}
        bool receive(MutableBytes message) { return peer.requests_.get(message), true; }
        void reply(unsigned client, Bytes message) { peer.replies_[client].put(message); }
    };

    struct Client {
        PipePeer& peer;
        Pipe& replies;
        Client(PipePeer& p, unsigned id) : peer(p), replies(p.replies_[id]) {}
        void send(Bytes message) { peer.requests_.put(message); }
        void receive(MutableBytes message) { replies.get(message); }
    };

private:
    Pipe requests_;
    std::vector<Pipe> replies_;
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    return bench::run_peers<bench::PipePeer>(argc, argv);
}
