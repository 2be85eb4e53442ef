// SPDX-License-Identifier: BSL-1.0
#include "runtime/transport/loopback.hpp"

#include <algorithm>
#include <cerrno>
#include <deque>
#include <random>

#include <sys/socket.h>

namespace umach::transport {

using runtime::Deadline;
using runtime::Descriptor;
using runtime::Instant;
using runtime::last_fault;
using runtime::MonotonicClock;
using runtime::Outcome;

namespace {

constexpr WireTraits loopback_traits{true, true, true, 4'096};

class LoopbackWire final : public Wire {
public:
    LoopbackWire(Descriptor socket, const Weather& weather)
        : wire_(socket_wire(std::move(socket), {false, true, true, loopback_traits.most}, {})),
          weather_(weather),
          dice_(weather.seed) {}

    WireTraits traits() const noexcept override { return loopback_traits; }
    int reads() const noexcept override { return wire_->reads(); }
    int writes() const noexcept override { return wire_->writes(); }
    Moved read(std::span<std::byte> into, std::size_t& moved) noexcept override {
        return wire_->read(into, moved);
    }

    Deadline due() const noexcept override {
        Deadline first = Deadline::never();
        for (const Held& held : held_) first = Deadline::earlier(first, Deadline::at(held.due));
        return first;
    }

    Moved write(View bytes, std::size_t& moved) noexcept override {
        moved = bytes.size();
        if (!bytes.empty()) weather(bytes);
        return let_go();
    }

private:
    struct Held {
        Instant due;
        Bytes bytes;
    };

    bool happens(unsigned chance) { return dice_() % 1000 < chance; }

    void weather(View bytes) {
        if (sent_++ >= weather_.cut_after || happens(weather_.lost)) return;
        const int copies = happens(weather_.doubled) ? 2 : 1;
        for (int i = 0; i < copies; ++i) {
            const std::size_t length = happens(weather_.truncated) ? dice_() % bytes.size() : bytes.size();
            auto wait = std::chrono::nanoseconds(0);
            if (weather_.delay.count() > 0 && happens(weather_.delayed))
                wait = std::chrono::nanoseconds(
                    static_cast<long>(dice_() % static_cast<std::uint64_t>(weather_.delay.count())));
            const View part = bytes.first(std::max<std::size_t>(length, 1));
            held_.push_back({MonotonicClock::now() + wait, Bytes(part.begin(), part.end())});
        }
    }

    // A datagram for which there is no room is lost.
    Moved let_go() {
        const auto now = MonotonicClock::now();
        Moved result = Moved::done;
        std::erase_if(held_, [&](const Held& held) {
            if (held.due > now) return false;
            std::size_t moved = 0;
            if (wire_->write(held.bytes, moved) == Moved::gone) result = Moved::gone;
            return true;
        });
        return result;
    }

    std::unique_ptr<Wire> wire_;
    Weather weather_;
    std::mt19937_64 dice_;
    std::uint64_t sent_ = 0;
    std::deque<Held> held_;
};

}  // namespace

Outcome<LoopbackPair> loopback_pair() {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
        return last_fault("making a pair of sockets");
    return LoopbackPair{Descriptor(ends[0]), Descriptor(ends[1])};
}

std::unique_ptr<Wire> loopback_wire(Descriptor end, const Weather& weather) {
    return std::make_unique<LoopbackWire>(std::move(end), weather);
}

}  // namespace umach::transport
