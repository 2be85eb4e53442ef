// SPDX-License-Identifier: BSL-1.0
// Boost.Fiber: two fibers of one thread and two buffered_channels of capacity 8.
#include "harness/run.hpp"

#include <boost/fiber/buffered_channel.hpp>
#include <boost/fiber/fiber.hpp>

namespace bench {
namespace {

constexpr std::size_t largest = 4 * kib;

// A message by value, of which only the used bytes are copied.
class Packet {
public:
    Packet() = default;
    explicit Packet(Bytes message) : size_(message.size()) {
        std::memcpy(bytes_.data(), message.data(), size_);
    }
    Packet(const Packet& other) : size_(other.size_) {
        std::memcpy(bytes_.data(), other.bytes_.data(), size_);
    }
    Packet& operator=(const Packet& other) {
        size_ = other.size_;
        std::memcpy(bytes_.data(), other.bytes_.data(), size_);
        return *this;
    }
    void copy_to(MutableBytes message) const { std::memcpy(message.data(), bytes_.data(), size_); }

private:
    std::size_t size_ = 0;
    std::array<std::byte, largest> bytes_;
};

using Channel = boost::fibers::buffered_channel<Packet>;

void get(Channel& channel, MutableBytes message) {
    Packet packet;
    channel.pop(packet);
    packet.copy_to(message);
}

class BoostFiberPeer {
public:
    static constexpr Traits traits{.name = "boost_fiber",
                                   .wait = Wait::blocking,
                                   .space = Space::fibers,
                                   .max_payload = largest,
                                   .batch = 32,
                                   .note = "buffered_channel of 8; p99 is of means of 32"};
    static constexpr unsigned idle_count = 500;
    struct Idle {
        Channel made{queue_depth};
        explicit Idle(unsigned) {}
    };

    explicit BoostFiberPeer(const Config&) {}

    void run(std::function<void()> server, std::function<void()> client) {
        boost::fibers::fiber serving(std::move(server)), calling(std::move(client));
        serving.join();
        calling.join();
    }

    struct Server {
        BoostFiberPeer& peer;
        explicit Server(BoostFiberPeer& p) : peer(p) {}
        bool receive(MutableBytes message) { return get(peer.requests_, message), true; }
        void reply(unsigned, Bytes message) { peer.replies_.push(Packet(message)); }
    };

    struct Client {
        BoostFiberPeer& peer;
        Client(BoostFiberPeer& p, unsigned) : peer(p) {}
        void send(Bytes message) { peer.requests_.push(Packet(message)); }
        void receive(MutableBytes message) { get(peer.replies_, message); }
    };

private:
    Channel requests_{queue_depth}, replies_{queue_depth};
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    return bench::run_peers<bench::BoostFiberPeer>(argc, argv);
}
