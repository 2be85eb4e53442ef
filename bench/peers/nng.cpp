// SPDX-License-Identifier: BSL-1.0
// nng over ipc://: REQ/REP for RPC, PUSH/PULL with buffers of 8 for streaming.
#include "harness/run.hpp"

#include <nng/nng.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>

namespace bench {
namespace {

void require(int error, const char* what) {
    if (error == 0) return;
    std::fprintf(stderr, "%s: %s\n", what, nng_strerror(error));
    std::exit(1);
}

class Socket {
public:
    explicit Socket(int (*open)(nng_socket*)) {
        require(open(&socket_), "nng_open");
        nng_socket_set_int(socket_, NNG_OPT_SENDBUF, queue_depth);  // not every protocol has
        nng_socket_set_int(socket_, NNG_OPT_RECVBUF, queue_depth);  // both buffers
        require(nng_socket_set_size(socket_, NNG_OPT_RECVMAXSZ, 2 * mib), "NNG_OPT_RECVMAXSZ");
    }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    ~Socket() { nng_close(socket_); }

    void listen(const std::string& address) {
        require(nng_listen(socket_, address.c_str(), nullptr, 0), "nng_listen");
    }
    void dial(const std::string& address) {
        require(nng_dial(socket_, address.c_str(), nullptr, 0), "nng_dial");
    }
    void put(Bytes message) {
        require(nng_send(socket_, const_cast<std::byte*>(message.data()), message.size(), 0), "nng_send");
    }
    void get(MutableBytes message) {
        std::size_t size = message.size();
        require(nng_recv(socket_, message.data(), &size, 0), "nng_recv");
    }

private:
    nng_socket socket_{};
};

class NngPeer {
public:
    static constexpr Traits traits{.name = "nng_ipc",
                                   .wait = Wait::blocking,
                                   .clients = 64,
                                   .note = "req0/rep0; push0/pull0 with buffers of 8"};
    static constexpr unsigned idle_count = 100;
    struct Idle {
        Socket socket{nng_rep0_open};
        explicit Idle(unsigned i) { socket.listen(address_for(i)); }
    };

    explicit NngPeer(const Config& config)
        : streaming_(config.mode == Mode::stream), address_(address_for(0)) {}

    struct Server {
        Socket socket;
        explicit Server(NngPeer& peer) : socket(peer.streaming_ ? nng_pull0_open : nng_rep0_open) {
            socket.listen(peer.address_);
        }
        bool receive(MutableBytes message) { return socket.get(message), true; }
        void reply(unsigned, Bytes message) { socket.put(message); }
        ~Server() { sleep_for(5e-3); }  // closing drops the last reply while it is on its way
    };

    struct Client {
        Socket socket;
        Client(NngPeer& peer, unsigned) : socket(peer.streaming_ ? nng_push0_open : nng_req0_open) {
            socket.dial(peer.address_);
        }
        void send(Bytes message) { socket.put(message); }
        void receive(MutableBytes message) { socket.get(message); }
    };

private:
    static std::string address_for(unsigned i) {
        return "ipc://" + bench_folder() + "/nng." + std::to_string(getpid()) + "." + std::to_string(i);
    }
    bool streaming_;
    std::string address_;
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    return bench::run_peers<bench::NngPeer>(argc, argv);
}
