// SPDX-License-Identifier: BSL-1.0
// The physical limits: bytes moved through shared cache lines, both sides spinning.
//
//   limit_line    the 64-byte line is the message: its flag and 56 of the payload's bytes
//   limit_slot    a flag and the payload behind it, copied in and copied out
//   limit_chunks  the payload flows in chunks through a small ring, so that copying in
//                 overlaps copying out and the ring stays in the cache
#include "harness/run.hpp"

#include <algorithm>

namespace bench {
namespace {

constexpr std::size_t chunk_size = 32 * kib;

inline void await(const std::atomic<std::uint64_t>& turn, std::uint64_t value) {
    while (turn.load(std::memory_order_acquire) != value) cpu_relax();
}

// A slot is free for its round r while turn is 2r, and full while it is 2r + 1.
struct Line {
    std::atomic<std::uint64_t> turn{0};
    std::array<std::byte, cache_line - 8> bytes;

    static std::size_t size_for(std::size_t) { return sizeof(Line); }
    void put(Bytes message) {
        std::memcpy(bytes.data(), message.data(), 48);
        std::memcpy(bytes.data() + 48, message.data() + message.size() - 8, 8);
    }
    void get(MutableBytes message) const {
        std::memcpy(message.data(), bytes.data(), 48);
        std::memcpy(message.data() + message.size() - 8, bytes.data() + 48, 8);
    }
};

struct Slot {
    alignas(cache_line) std::atomic<std::uint64_t> turn{0};

    static std::size_t size_for(std::size_t payload) {
        return cache_line + (payload + cache_line - 1) / cache_line * cache_line;
    }
    std::byte* bytes() { return reinterpret_cast<std::byte*>(this) + cache_line; }
    void put(Bytes message) { std::memcpy(bytes(), message.data(), message.size()); }
    void get(MutableBytes message) { std::memcpy(message.data(), bytes(), message.size()); }
};

// One direction between one sender and one receiver.
template <class SlotType>
class Ring {
public:
    Ring(unsigned depth, std::size_t payload)
        : depth_(depth), stride_(SlotType::size_for(payload)), memory_(depth * stride_) {
        for (unsigned i = 0; i < depth_; ++i) new (&slot(i)) SlotType;
    }

    class End {
    public:
        explicit End(Ring& ring) : ring_(&ring) {}

        void send(Bytes message) {
            SlotType& slot = ring_->slot(index_);
            await(slot.turn, 2 * round_);
            slot.put(message);
            slot.turn.store(2 * round_ + 1, std::memory_order_release);
            advance();
        }

        bool ready() const {
            return ring_->slot(index_).turn.load(std::memory_order_acquire) == 2 * round_ + 1;
        }

        void receive(MutableBytes message) {
            SlotType& slot = ring_->slot(index_);
            await(slot.turn, 2 * round_ + 1);
            slot.get(message);
            slot.turn.store(2 * round_ + 2, std::memory_order_release);
            advance();
        }

    private:
        void advance() {
            if (++index_ == ring_->depth_) {
                index_ = 0;
                ++round_;
            }
        }
        Ring* ring_;
        unsigned index_ = 0;
        std::uint64_t round_ = 0;
    };

private:
    SlotType& slot(unsigned i) {
        return *std::launder(reinterpret_cast<SlotType*>(memory_.data() + i * stride_));
    }

    unsigned depth_;
    std::size_t stride_;
    SharedMapping memory_;
};

template <class SlotType, bool chunked>
class SpinLimit {
    using Channel = Ring<SlotType>;
    using End = typename Channel::End;

    static constexpr Traits describe() {
        if (std::is_same_v<SlotType, Line>)
            return {.name = "limit_line",
                    .wait = Wait::polling,
                    .max_payload = 64,
                    .clients = 64,
                    .note = "one cache line each way; 56 of 64 bytes"};
        if (chunked)
            return {.name = "limit_chunks",
                    .wait = Wait::polling,
                    .clients = 1,
                    .note = "copy in and out overlap, 8 chunks of 32 KiB"};
        return {
            .name = "limit_slot", .wait = Wait::polling, .clients = 64, .note = "flag, copy in, copy out"};
    }

    // An RPC needs one slot only; using it again and again keeps it in the cache.
    static unsigned depth_for(const Config& config) {
        return config.mode == Mode::rpc && !chunked ? 1 : queue_depth;
    }

public:
    static constexpr Traits traits = describe();

    explicit SpinLimit(const Config& config)
        : piece_(chunked ? std::min(config.payload, chunk_size) : config.payload) {
        for (unsigned i = 0; i < config.clients; ++i) {
            requests_.emplace_back(depth_for(config), piece_);
            replies_.emplace_back(depth_for(config), piece_);
        }
    }

    class Server {
    public:
        explicit Server(SpinLimit& peer) : piece_(peer.piece_) {
            for (Channel& each : peer.requests_) requests_.emplace_back(each);
            for (Channel& each : peer.replies_) replies_.emplace_back(each);
        }
        bool receive(MutableBytes message) {
            for (; !requests_[next_].ready(); cpu_relax())
                next_ = next_ + 1 < requests_.size() ? next_ + 1 : 0;
            receive_pieces(requests_[next_], message, piece_);
            next_ = next_ + 1 < requests_.size() ? next_ + 1 : 0;
            return true;
        }
        void reply(unsigned client, Bytes message) { send_pieces(replies_[client], message, piece_); }

    private:
        std::size_t piece_;
        std::size_t next_ = 0;
        std::vector<End> requests_, replies_;
    };

    class Client {
    public:
        Client(SpinLimit& peer, unsigned id)
            : piece_(peer.piece_), request_(peer.requests_[id]), reply_(peer.replies_[id]) {}
        void send(Bytes message) { send_pieces(request_, message, piece_); }
        void receive(MutableBytes message) { receive_pieces(reply_, message, piece_); }

    private:
        std::size_t piece_;
        End request_, reply_;
    };

private:
    static void send_pieces(End& end, Bytes message, std::size_t piece) {
        for (std::size_t at = 0; at < message.size(); at += piece) end.send(message.subspan(at, piece));
    }
    static void receive_pieces(End& end, MutableBytes message, std::size_t piece) {
        for (std::size_t at = 0; at < message.size(); at += piece) end.receive(message.subspan(at, piece));
    }

    std::size_t piece_;
    std::vector<Channel> requests_, replies_;
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    using namespace bench;
    return run_peers<SpinLimit<Line, false>, SpinLimit<Slot, false>, SpinLimit<Slot, true>>(argc, argv);
}
