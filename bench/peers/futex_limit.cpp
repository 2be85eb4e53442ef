// SPDX-License-Identifier: BSL-1.0
// The limit of blocking: a flag and the payload in shared memory, and the waiting side sleeps
// in FUTEX_WAIT. The waker calls FUTEX_WAKE only where the other side says that it sleeps.
#include "harness/run.hpp"

namespace bench {
namespace {

// A slot is free for its round r while turn is 2r, and full while it is 2r + 1.
struct Slot {
    alignas(cache_line) std::atomic<std::uint32_t> turn{0};
    std::atomic<std::uint32_t> asleep{0};

    static std::size_t size_for(std::size_t payload) {
        return cache_line + (payload + cache_line - 1) / cache_line * cache_line;
    }
    std::byte* bytes() { return reinterpret_cast<std::byte*>(this) + cache_line; }

    void await(std::uint32_t value) {
        for (;;) {
            const std::uint32_t now = turn.load(std::memory_order_acquire);
            if (now == value) return;
            asleep.store(1);
            if (turn.load() == now) futex_wait(turn, now);
        }
    }
    void pass(std::uint32_t value) {
        turn.store(value);
        if (asleep.load()) {
            asleep.store(0, std::memory_order_relaxed);
            futex_wake(turn);
        }
    }
};

class Ring {
public:
    Ring(unsigned depth, std::size_t payload)
        : depth_(depth), stride_(Slot::size_for(payload)), memory_(depth * stride_) {
        for (unsigned i = 0; i < depth_; ++i) new (&slot(i)) Slot;
    }
    Slot& slot(unsigned i) { return *std::launder(reinterpret_cast<Slot*>(memory_.data() + i * stride_)); }
    unsigned depth() const { return depth_; }

private:
    unsigned depth_;
    std::size_t stride_;
    SharedMapping memory_;
};

class End {
public:
    explicit End(Ring& ring) : ring_(&ring) {}

    void send(Bytes message) {
        Slot& slot = ring_->slot(index_);
        slot.await(2 * round_);
        std::memcpy(slot.bytes(), message.data(), message.size());
        slot.pass(2 * round_ + 1);
        advance();
    }
    void receive(MutableBytes message) {
        Slot& slot = ring_->slot(index_);
        slot.await(2 * round_ + 1);
        std::memcpy(message.data(), slot.bytes(), message.size());
        slot.pass(2 * round_ + 2);
        advance();
    }

private:
    void advance() {
        if (++index_ == ring_->depth()) {
            index_ = 0;
            ++round_;
        }
    }
    Ring* ring_;
    unsigned index_ = 0;
    std::uint32_t round_ = 0;
};

class FutexLimit {
public:
    static constexpr Traits traits{.name = "limit_futex",
                                   .wait = Wait::blocking,
                                   .clients = 1,
                                   .note = "flag, copy in, copy out; both sides sleep"};

    explicit FutexLimit(const Config& config)
        : request_(config.mode == Mode::rpc ? 1 : queue_depth, config.payload), reply_(1, config.payload) {}

    struct Server {
        End request, answer;
        explicit Server(FutexLimit& peer) : request(peer.request_), answer(peer.reply_) {}
        bool receive(MutableBytes message) { return request.receive(message), true; }
        void reply(unsigned, Bytes message) { answer.send(message); }
    };

    struct Client {
        End request, answer;
        Client(FutexLimit& peer, unsigned) : request(peer.request_), answer(peer.reply_) {}
        void send(Bytes message) { request.send(message); }
        void receive(MutableBytes message) { answer.receive(message); }
    };

private:
    Ring request_, reply_;
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    return bench::run_peers<bench::FutexLimit>(argc, argv);
}
