// SPDX-License-Identifier: BSL-1.0
#include "runtime/transport/tcp.hpp"

#include <algorithm>
#include <cerrno>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>

#include "runtime/transport/internet.hpp"
#include "runtime/transport/sealed.hpp"

namespace umach::transport {

using runtime::Deadline;
using runtime::Descriptor;
using runtime::last_fault;
using runtime::make_fault;
using runtime::Outcome;

namespace {

// With its heads, also those of IPv6, a frame fills one segment of the loopback interface and begins no other.
constexpr std::size_t most = 65'448;

// A frame is a message of its own: it does not wait for company.
std::unique_ptr<Wire> tcp_wire(Descriptor socket, const Options& options, SealSide side) {
    const int on = 1;
    setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    auto wire = socket_wire(std::move(socket), {false, false, true, most}, {});
    if (options.seal == nullptr) return wire;
    return sealed_wire(std::move(wire), options.seal, side);
}

class TcpDoor final : public Door {
public:
    TcpDoor(Descriptor socket, const Options& options) : socket_(std::move(socket)), options_(options) {}

    int descriptor() const noexcept override { return socket_.get(); }
    std::string place() const override { return place_of(own_address(socket_.get())); }

    WireOutcome accept() override {
        Descriptor socket(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (socket) return tcp_wire(std::move(socket), options_, SealSide::listens);
        // Linux passes on here what has become of a connection meanwhile.
        const bool of_the_process = errno == EMFILE || errno == ENFILE;
        if (!of_the_process) return std::unique_ptr<Wire>();
        return last_fault("accepting at tcp:" + place());
    }

private:
    Descriptor socket_;
    Options options_;
};

DoorOutcome listen_tcp(const std::string& place, const Options& options) {
    const auto address = internet_address(place, SOCK_STREAM);
    if (!address) return address.fault();
    if (auto plain = may_be_plain(address.value(), options); !plain) return plain.fault();
    auto socket = bound_socket(address.value(), SOCK_STREAM, true);
    if (!socket) return socket.fault();
    if (::listen(socket.value().get(), 16) != 0) return last_fault("listening at tcp:" + place);
    return std::unique_ptr<Door>(std::make_unique<TcpDoor>(std::move(socket).value(), options));
}

Outcome<void> until_connected(int socket, Deadline deadline, const std::string& place) {
    pollfd look{socket, POLLOUT, 0};
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(
            std::min<std::chrono::nanoseconds>(deadline.remaining(), std::chrono::hours(1)));
        if (poll(&look, 1, static_cast<int>(left.count())) > 0) break;
        if (deadline.passed()) return make_fault(ETIMEDOUT, "connecting to tcp:" + place);
    }
    int error = 0;
    socklen_t bytes = sizeof error;
    getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &bytes);
    if (error != 0) return make_fault(error, "connecting to tcp:" + place);
    return {};
}

WireOutcome connect_tcp(const std::string& place, const Options& options, Deadline deadline) {
    const auto address = internet_address(place, SOCK_STREAM);
    if (!address) return address.fault();
    if (auto plain = may_be_plain(address.value(), options); !plain) return plain.fault();
    auto socket = internet_socket(address.value(), SOCK_STREAM);
    if (!socket) return socket.fault();
    const int number = socket.value().get();
    if (::connect(number, address.value().get(), address.value().bytes) != 0) {
        if (errno != EINPROGRESS) return last_fault("connecting to tcp:" + place);
        if (auto connected = until_connected(number, deadline, place); !connected) return connected.fault();
    }
    return tcp_wire(std::move(socket).value(), options, SealSide::connects);
}

}  // namespace

const Mechanism tcp_mechanism{"tcp", listen_tcp, connect_tcp};

}  // namespace umach::transport
