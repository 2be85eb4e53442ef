// SPDX-License-Identifier: BSL-1.0
// POSIX message queues of depth 8: one for requests and one per client for replies.
#include "harness/run.hpp"

#include <mqueue.h>
#include <sys/resource.h>

namespace bench {
namespace {

class Queue {
public:
    Queue(std::size_t payload, unsigned index) {
        const std::string name = "/bench." + std::to_string(getpid()) + "." + std::to_string(index);
        mq_attr attributes{};
        attributes.mq_maxmsg = queue_depth;
        attributes.mq_msgsize = static_cast<long>(payload);
        const mqd_t made = mq_open(name.c_str(), O_CREAT | O_EXCL | O_RDWR, 0600, &attributes);
        if (made < 0) unsupported("mq_open");
        queue_ = Fd(made, "mq_open");
        mq_unlink(name.c_str());
    }
    void put(Bytes message) {
        check(mq_send(queue_.get(), reinterpret_cast<const char*>(message.data()), message.size(), 0),
              "mq_send");
    }
    void get(MutableBytes message) {
        check(mq_receive(queue_.get(), reinterpret_cast<char*>(message.data()), message.size(), nullptr),
              "mq_receive");
    }

private:
    Fd queue_;
};

class PosixMqPeer {
public:
    static constexpr Traits traits{.name = "posix_mq",
                                   .wait = Wait::blocking,
                                   .clients = 64,
                                   .note = "depth 8; above 8 KiB only with CAP_SYS_RESOURCE"};
    static constexpr unsigned idle_count = 200;
    struct Idle {
        Queue made;
        explicit Idle(unsigned i) : made(idle_message, (raise_limit(), i)) {}
    };

    explicit PosixMqPeer(const Config& config) : requests_(config.payload, (raise_limit(), 0)) {
        for (unsigned i = 0; i < config.clients; ++i) replies_.emplace_back(config.payload, i + 1);
    }

    struct Server {
        PosixMqPeer& peer;
        explicit Server(PosixMqPeer& p) : peer(p) {}
        bool receive(MutableBytes message) { return peer.requests_.get(message), true; }
        void reply(unsigned client, Bytes message) { peer.replies_[client].put(message); }
    };

    struct Client {
        PosixMqPeer& peer;
        Queue& replies;
        Client(PosixMqPeer& p, unsigned id) : peer(p), replies(p.replies_[id]) {}
        void send(Bytes message) { peer.requests_.put(message); }
        void receive(MutableBytes message) { replies.get(message); }
    };

private:
    static void raise_limit() {
        const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
        setrlimit(RLIMIT_MSGQUEUE, &unlimited);  // where it is refused, mq_open tells
    }

    Queue requests_;
    std::vector<Queue> replies_;
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    return bench::run_peers<bench::PosixMqPeer>(argc, argv);
}
