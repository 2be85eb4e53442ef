// SPDX-License-Identifier: BSL-1.0
// A wire over one connected socket, of whatever type.
#include <algorithm>
#include <cerrno>

#include <sys/socket.h>

#include "runtime/transport/wire.hpp"

namespace umach::transport {
namespace {

class SocketWire final : public Wire {
public:
    SocketWire(runtime::Descriptor socket, WireTraits traits, Peer peer, Bytes first)
        : socket_(std::move(socket)), traits_(traits), peer_(peer), first_(std::move(first)) {}

    WireTraits traits() const noexcept override { return traits_; }
    int reads() const noexcept override { return socket_.get(); }
    int writes() const noexcept override { return socket_.get(); }
    Peer peer() const override { return peer_; }

    Moved write(View bytes, std::size_t& moved) noexcept override {
        const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        return sent < 0 ? moved_by(errno) : moved_so_far(sent, moved);
    }

    Moved gather(View first, Parts rest, std::size_t& moved) noexcept override {
        iovec pieces[1 + most_parts];
        msghdr message{};
        message.msg_iov = pieces;
        const auto add = [&](View part) {
            pieces[message.msg_iovlen++] = {const_cast<std::byte*>(part.data()), part.size()};
        };
        add(first);
        for (const View part : rest) add(part);
        const ssize_t sent = ::sendmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        return sent < 0 ? moved_by(errno) : moved_so_far(sent, moved);
    }

    Moved read(std::span<std::byte> into, std::size_t& moved) noexcept override {
        if (!first_.empty()) {
            moved = first_.size();
            std::copy(first_.begin(), first_.end(), into.begin());
            first_.clear();
            return Moved::done;
        }
        const ssize_t got = ::recv(socket_.get(), into.data(), into.size(), MSG_DONTWAIT);
        if (got < 0) return moved_by(errno);
        return got == 0 && !traits_.datagrams ? Moved::gone : moved_so_far(got, moved);
    }

private:
    static Moved moved_so_far(ssize_t bytes, std::size_t& moved) noexcept {
        moved = static_cast<std::size_t>(bytes);
        return Moved::done;
    }

    runtime::Descriptor socket_;
    WireTraits traits_;
    Peer peer_;
    Bytes first_;
};

}  // namespace

std::unique_ptr<Wire> socket_wire(runtime::Descriptor socket, WireTraits traits, Peer peer, Bytes first) {
    return std::make_unique<SocketWire>(std::move(socket), traits, peer, std::move(first));
}

}  // namespace umach::transport
