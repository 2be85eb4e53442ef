// SPDX-License-Identifier: BSL-1.0
// ZeroMQ: REQ/REP for RPC, PUSH/PULL with high-water marks of 8 for streaming; over ipc:// and inproc://.
#include "harness/run.hpp"

#include <zmq.h>

namespace bench {
namespace {

struct CloseSocket {
    void operator()(void* socket) const { zmq_close(socket); }
};
struct EndContext {
    void operator()(void* context) const { zmq_ctx_term(context); }
};
using Socket = std::unique_ptr<void, CloseSocket>;
using Context = std::unique_ptr<void, EndContext>;

Socket open_socket(void* context, int type) {
    Socket socket(zmq_socket(context, type));
    if (!socket) fail("zmq_socket");
    // REP drops replies at its high-water mark, so only streams get a small one.
    if (type == ZMQ_REQ || type == ZMQ_REP) return socket;
    const int depth = queue_depth;
    check(zmq_setsockopt(socket.get(), ZMQ_SNDHWM, &depth, sizeof depth), "ZMQ_SNDHWM");
    check(zmq_setsockopt(socket.get(), ZMQ_RCVHWM, &depth, sizeof depth), "ZMQ_RCVHWM");
    return socket;
}

void put(const Socket& socket, Bytes message) {
    check(zmq_send(socket.get(), message.data(), message.size(), 0), "zmq_send");
}

void get(const Socket& socket, MutableBytes message) {
    check(zmq_recv(socket.get(), message.data(), message.size(), 0), "zmq_recv");
}

template <bool in_process>
class ZeroMqPeer {
public:
    static constexpr Traits traits{.name = in_process ? "zeromq_inproc" : "zeromq_ipc",
                                   .wait = Wait::blocking,
                                   .space = in_process ? Space::threads : Space::processes,
                                   .clients = in_process ? 1 : 64,
                                   .note = "REQ/REP; PUSH/PULL with HWM 8"};
    static constexpr unsigned idle_count = 100;
    struct Idle {
        std::string endpoint;
        Socket socket;
        explicit Idle(unsigned i) : endpoint(endpoint_for(i)) {
            static const Context shared(zmq_ctx_new());
            socket = open_socket(shared.get(), ZMQ_REP);
            check(zmq_bind(socket.get(), endpoint.c_str()), "zmq_bind");
        }
    };

    explicit ZeroMqPeer(const Config& config)
        : streaming_(config.mode == Mode::stream), endpoint_(endpoint_for(0)) {
        if (in_process) shared_.reset(zmq_ctx_new());
    }

    struct Server {
        Context own{in_process ? nullptr : zmq_ctx_new()};
        Socket socket;
        explicit Server(ZeroMqPeer& peer)
            : socket(open_socket(peer.context(own), peer.streaming_ ? ZMQ_PULL : ZMQ_REP)) {
            check(zmq_bind(socket.get(), peer.endpoint_.c_str()), "zmq_bind");
        }
        bool receive(MutableBytes message) { return get(socket, message), true; }
        void reply(unsigned, Bytes message) { put(socket, message); }
    };

    struct Client {
        Context own{in_process ? nullptr : zmq_ctx_new()};
        Socket socket;
        Client(ZeroMqPeer& peer, unsigned)
            : socket(open_socket(peer.context(own), peer.streaming_ ? ZMQ_PUSH : ZMQ_REQ)) {
            check(zmq_connect(socket.get(), peer.endpoint_.c_str()), "zmq_connect");
        }
        void send(Bytes message) { put(socket, message); }
        void receive(MutableBytes message) { get(socket, message); }
    };

private:
    static std::string endpoint_for(unsigned i) {
        const std::string unique = std::to_string(getpid()) + "." + std::to_string(i);
        return in_process ? "inproc://bench." + unique : "ipc://@bench.zmq." + unique;
    }
    void* context(const Context& own) const { return own ? own.get() : shared_.get(); }

    bool streaming_;
    std::string endpoint_;
    Context shared_;
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    return bench::run_peers<bench::ZeroMqPeer<false>, bench::ZeroMqPeer<true>>(argc, argv);
}
