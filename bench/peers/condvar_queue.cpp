// SPDX-License-Identifier: BSL-1.0
// Two threads with the textbook bounded queue: std::mutex, two std::condition_variables, depth 8.
#include "harness/run.hpp"

#include <condition_variable>
#include <mutex>

namespace bench {
namespace {

class Queue {
public:
    explicit Queue(std::size_t payload) : payload_(payload), slots_(queue_depth * payload) {}

    void put(Bytes message) {
        std::unique_lock lock(mutex_);
        not_full_.wait(lock, [&] { return count_ < queue_depth; });
        std::memcpy(slot(first_ + count_++), message.data(), message.size());
        lock.unlock();
        not_empty_.notify_one();
    }
    void get(MutableBytes message) {
        std::unique_lock lock(mutex_);
        not_empty_.wait(lock, [&] { return count_ > 0; });
        std::memcpy(message.data(), slot(first_), message.size());
        first_ = (first_ + 1) % queue_depth;
        --count_;
        lock.unlock();
        not_full_.notify_one();
    }

private:
    std::byte* slot(unsigned i) { return slots_.data() + i % queue_depth * payload_; }

    std::size_t payload_;
    std::vector<std::byte> slots_;
    unsigned first_ = 0, count_ = 0;
    std::mutex mutex_;
    std::condition_variable not_empty_, not_full_;
};

class CondvarPeer {
public:
    static constexpr Traits traits{.name = "condvar_queue",
                                   .wait = Wait::blocking,
                                   .space = Space::threads,
                                   .note = "std::mutex and std::condition_variable, depth 8"};
    static constexpr unsigned idle_count = 500;
    struct Idle {
        Queue made{idle_message};
        explicit Idle(unsigned) {}
    };

    explicit CondvarPeer(const Config& config) : requests_(config.payload), replies_(config.payload) {}

    struct Server {
        CondvarPeer& peer;
        explicit Server(CondvarPeer& p) : peer(p) {}
        bool receive(MutableBytes message) { return peer.requests_.get(message), true; }
        void reply(unsigned, Bytes message) { peer.replies_.put(message); }
    };

    struct Client {
        CondvarPeer& peer;
        Client(CondvarPeer& p, unsigned) : peer(p) {}
        void send(Bytes message) { peer.requests_.put(message); }
        void receive(MutableBytes message) { peer.replies_.get(message); }
    };

private:
    Queue requests_, replies_;
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    return bench::run_peers<bench::CondvarPeer>(argc, argv);
}
