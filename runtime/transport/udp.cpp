// SPDX-License-Identifier: BSL-1.0
#include "runtime/transport/udp.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include <netinet/in.h>
#include <poll.h>

#include "runtime/transport/internet.hpp"
#include "runtime/transport/sealed.hpp"

namespace umach::transport {

using runtime::Deadline;
using runtime::Descriptor;
using runtime::last_fault;
using runtime::Outcome;

namespace {

constexpr WireTraits udp_traits{true, true, true, 1'452};

// A socket that was bound like the door's and connected to one peer gets that peer's datagrams, the door's
// the others. The hello that came to the door is handed on.
class UdpDoor final : public Door {
public:
    UdpDoor(Descriptor socket, const Options& options) : socket_(std::move(socket)), options_(options) {}

    int descriptor() const noexcept override { return socket_.get(); }
    std::string place() const override { return place_of(own_address(socket_.get())); }

    WireOutcome accept() override {
        std::array<std::byte, 2048> datagram;
        InternetAddress from;
        const ssize_t got =
            recvfrom(socket_.get(), datagram.data(), datagram.size(), MSG_DONTWAIT, from.get(), &from.bytes);
        if (got < 0) return std::unique_ptr<Wire>();
        const View first = View(datagram).first(static_cast<std::size_t>(got));
        return options_.seal != nullptr ? welcome(first, from) : let_in(first, from);
    }

private:
    WireOutcome let_in(View first, const InternetAddress& from) {
        const Decoded frame = decode_frame(first, udp_traits.most - frame_head_bytes);
        if (frame.fault != FrameFault::none || frame.head.kind != FrameKind::hello)
            return std::unique_ptr<Wire>();
        if (std::find(met_.begin(), met_.end(), frame.head.incarnation) != met_.end())
            return std::unique_ptr<Wire>();
        auto wire = wire_to(from, Bytes(first.begin(), first.begin() + static_cast<std::ptrdiff_t>(frame.bytes)));
        if (wire) met_[next_++ % met_.size()] = frame.head.incarnation;
        return wire;
    }

    WireOutcome welcome(View first, const InternetAddress& from) {
        const Stranger stranger{first, place_of(from), [&](View answer) {
                                    sendto(socket_.get(), answer.data(), answer.size(),
                                           MSG_DONTWAIT | MSG_NOSIGNAL, from.get(), from.bytes);
                                }};
        Outcome<void> made;
        auto wire = welcomed(stranger, options_.seal, [&]() -> std::unique_ptr<Wire> {
            auto plain = wire_to(from, {});
            if (plain) return std::move(plain).value();
            made = plain.fault();
            return nullptr;
        });
        if (!made) return made.fault();
        return wire;
    }

    WireOutcome wire_to(const InternetAddress& from, Bytes first) {
        auto socket = bound_socket(own_address(socket_.get()), SOCK_DGRAM, true);
        if (!socket) return socket.fault();
        if (::connect(socket.value().get(), from.get(), from.bytes) != 0)
            return last_fault("answering " + place_of(from));
        return socket_wire(std::move(socket).value(), udp_traits, {}, std::move(first));
    }

    Descriptor socket_;
    Options options_;
    // Whose hello came twice is not let in twice.
    std::array<std::uint64_t, 64> met_{};
    std::size_t next_ = 0;
};

DoorOutcome listen_udp(const std::string& place, const Options& options) {
    const auto address = internet_address(place, SOCK_DGRAM);
    if (!address) return address.fault();
    if (auto plain = may_be_plain(address.value(), options); !plain) return plain.fault();
    auto socket = bound_socket(address.value(), SOCK_DGRAM, false);
    if (!socket) return socket.fault();
    // From here on, so that a second listener finds the address in use, and the peers' sockets may share it.
    share_address(socket.value().get());
    return std::unique_ptr<Door>(std::make_unique<UdpDoor>(std::move(socket).value(), options));
}

WireOutcome connect_udp(const std::string& place, const Options& options, Deadline) {
    const auto address = internet_address(place, SOCK_DGRAM);
    if (!address) return address.fault();
    if (auto plain = may_be_plain(address.value(), options); !plain) return plain.fault();
    auto socket = internet_socket(address.value(), SOCK_DGRAM);
    if (!socket) return socket.fault();
    if (::connect(socket.value().get(), address.value().get(), address.value().bytes) != 0)
        return last_fault("connecting to udp:" + place);
    auto wire = socket_wire(std::move(socket).value(), udp_traits, {});
    if (options.seal == nullptr) return wire;
    return sealed_wire(std::move(wire), options.seal, SealSide::connects);
}

}  // namespace

const Mechanism udp_mechanism{"udp", listen_udp, connect_udp};

}  // namespace umach::transport
