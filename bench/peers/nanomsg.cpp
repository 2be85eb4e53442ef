// SPDX-License-Identifier: BSL-1.0
// nanomsg over ipc://: REQ/REP for RPC, PUSH/PULL for streaming. Its buffers are set in bytes.
#include "harness/run.hpp"

#include <nanomsg/nn.h>
#include <nanomsg/pipeline.h>
#include <nanomsg/reqrep.h>

namespace bench {
namespace {

class Socket {
public:
    Socket(int protocol, std::size_t payload)
        : socket_(static_cast<int>(check(nn_socket(AF_SP, protocol), "nn_socket"))) {
        const int unlimited = -1;
        check(nn_setsockopt(socket_, NN_SOL_SOCKET, NN_RCVMAXSIZE, &unlimited, sizeof unlimited),
              "NN_RCVMAXSIZE");
        const int buffer = static_cast<int>(queue_depth * payload);
        check(nn_setsockopt(socket_, NN_SOL_SOCKET, NN_SNDBUF, &buffer, sizeof buffer), "NN_SNDBUF");
        check(nn_setsockopt(socket_, NN_SOL_SOCKET, NN_RCVBUF, &buffer, sizeof buffer), "NN_RCVBUF");
    }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    ~Socket() { nn_close(socket_); }

    void bind(const std::string& address) { check(nn_bind(socket_, address.c_str()), "nn_bind"); }
    void connect(const std::string& address) { check(nn_connect(socket_, address.c_str()), "nn_connect"); }
    void put(Bytes message) { check(nn_send(socket_, message.data(), message.size(), 0), "nn_send"); }
    void get(MutableBytes message) { check(nn_recv(socket_, message.data(), message.size(), 0), "nn_recv"); }

private:
    int socket_;
};

class NanomsgPeer {
public:
    static constexpr Traits traits{.name = "nanomsg_ipc",
                                   .wait = Wait::blocking,
                                   .clients = 64,
                                   .note = "REQ/REP; PUSH/PULL with buffers of 8 messages"};
    static constexpr unsigned idle_count = 100;
    struct Idle {
        Socket socket{NN_REP, idle_message};
        explicit Idle(unsigned i) { socket.bind(address_for(i)); }
    };

    explicit NanomsgPeer(const Config& config)
        : streaming_(config.mode == Mode::stream), payload_(config.payload), address_(address_for(0)) {}

    struct Server {
        Socket socket;
        explicit Server(NanomsgPeer& peer) : socket(peer.streaming_ ? NN_PULL : NN_REP, peer.payload_) {
            socket.bind(peer.address_);
        }
        bool receive(MutableBytes message) { return socket.get(message), true; }
        void reply(unsigned, Bytes message) { socket.put(message); }
        ~Server() { sleep_for(5e-3); }  // closing drops the last reply while it is on its way
    };

    struct Client {
        Socket socket;
        Client(NanomsgPeer& peer, unsigned) : socket(peer.streaming_ ? NN_PUSH : NN_REQ, peer.payload_) {
            socket.connect(peer.address_);
        }
        void send(Bytes message) { socket.put(message); }
        void receive(MutableBytes message) { socket.get(message); }
    };

private:
    static std::string address_for(unsigned i) {
        return "ipc://" + bench_folder() + "/nn." + std::to_string(getpid()) + "." + std::to_string(i);
    }
    bool streaming_;
    std::size_t payload_;
    std::string address_;
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    return bench::run_peers<bench::NanomsgPeer>(argc, argv);
}
