// SPDX-License-Identifier: BSL-1.0
// Unix-domain sockets that keep message bounds (SOCK_SEQPACKET).
#include "peers/socket_peer.hpp"

#include <sys/socket.h>
#include <algorithm>

namespace bench {
namespace {

struct UnixSeqpacket {
    static constexpr Traits traits{.name = "unix_seqpacket",
                                   .wait = Wait::blocking,
                                   .clients = 64,
                                   .note = "socketpair; buffer default or 8 messages"};

    static SocketPair connect(std::size_t payload) {
        int ends[2];
        check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), "socketpair");
        if (payload > 16 * kib) {
            const int wanted = static_cast<int>(queue_depth * payload);
            for (const int end : ends)
                if (setsockopt(end, SOL_SOCKET, SO_SNDBUFFORCE, &wanted, sizeof wanted) != 0)
                    unsupported("SO_SNDBUFFORCE");
        }
        return {Fd(ends[0], "socketpair"), Fd(ends[1], "socketpair")};
    }
    static void put(int fd, Bytes message) {
        check(::send(fd, message.data(), message.size(), MSG_NOSIGNAL), "send");
    }
    static void get(int fd, MutableBytes message) {
        check(recv(fd, message.data(), message.size(), 0), "recv");
    }
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    return bench::run_peers<bench::SocketPeer<bench::UnixSeqpacket>>(argc, argv);
}
