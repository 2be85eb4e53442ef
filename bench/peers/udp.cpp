// SPDX-License-Identifier: BSL-1.0
// UDP over the loopback address. It has no flow control: when streaming, the report counts losses.
#include "harness/run.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

namespace bench {
namespace {

class UdpPeer {
public:
    static constexpr Traits traits{.name = "udp_loopback",
                                   .wait = Wait::blocking,
                                   .max_payload = 4 * kib,
                                   .clients = 64,
                                   .lossy = true,
                                   .note = "at most 65,507 bytes; may drop"};
    static constexpr unsigned idle_count = 500;
    struct Idle {
        Fd made = bound_socket();
        explicit Idle(unsigned) {}
    };

    explicit UdpPeer(const Config& config) : server_(bound_socket()) {
        sockaddr_in address{};
        socklen_t length = sizeof address;
        check(getsockname(server_.get(), reinterpret_cast<sockaddr*>(&address), &length), "getsockname");
        for (unsigned i = 0; i < config.clients; ++i) {
            clients_.push_back(bound_socket());
            check(connect(clients_.back().get(), reinterpret_cast<sockaddr*>(&address), length), "connect");
        }
    }

    struct Server {
        int fd;
        sockaddr_in from{};
        socklen_t from_length = 0;
        explicit Server(UdpPeer& peer) : fd(peer.server_.get()) {}
        bool receive(MutableBytes message) {
            from_length = sizeof from;
            check(recvfrom(fd, message.data(), message.size(), 0, reinterpret_cast<sockaddr*>(&from),
                           &from_length),
                  "recvfrom");
            return true;
        }
        void reply(unsigned, Bytes message) {
            check(sendto(fd, message.data(), message.size(), 0, reinterpret_cast<sockaddr*>(&from),
                         from_length),
                  "sendto");
        }
    };

    struct Client {
        int fd;
        Client(UdpPeer& peer, unsigned id) : fd(peer.clients_[id].get()) {}
        void send(Bytes message) {
            // The server leaves after the last stop; a refused datagram then is no error.
            (void)!::send(fd, message.data(), message.size(), 0);
        }
        void receive(MutableBytes message) { check(recv(fd, message.data(), message.size(), 0), "recv"); }
    };

private:
    static Fd bound_socket() {
        Fd made(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        check(bind(made.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
        return made;
    }

    Fd server_;
    std::vector<Fd> clients_;
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    return bench::run_peers<bench::UdpPeer>(argc, argv);
}
