// SPDX-License-Identifier: BSL-1.0
// TCP over the loopback address, with TCP_NODELAY.
#include "peers/socket_peer.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace bench {
namespace {

struct Tcp {
    static constexpr Traits traits{.name = "tcp_loopback",
                                   .wait = Wait::blocking,
                                   .clients = 64,
                                   .note = "TCP_NODELAY, default buffers"};

    static SocketPair connect(std::size_t) {
        const Fd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        check(bind(listener.get(), generic, length), "bind");
        check(listen(listener.get(), 1), "listen");
        check(getsockname(listener.get(), generic, &length), "getsockname");

        SocketPair pair{Fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"), {}};
        check(::connect(pair.client.get(), generic, length), "connect");
        pair.server = Fd(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept4");
        const int on = 1;
        for (const int end : {pair.client.get(), pair.server.get()})
            check(setsockopt(end, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "TCP_NODELAY");
        return pair;
    }
    static void put(int fd, Bytes message) { write_all(fd, message.data(), message.size()); }
    static void get(int fd, MutableBytes message) { read_all(fd, message.data(), message.size()); }
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    return bench::run_peers<bench::SocketPeer<bench::Tcp>>(argc, argv);
}
