// SPDX-License-Identifier: BSL-1.0
// boost::interprocess::message_queue of depth 8: one for requests and one per client for replies.
#include "harness/run.hpp"

#include <boost/interprocess/ipc/message_queue.hpp>

namespace bench {
namespace {

namespace ipc = boost::interprocess;

class Queue {
public:
    Queue(std::size_t payload, unsigned index)
        : name_("bench." + std::to_string(getpid()) + "." + std::to_string(index)),
          queue_(
              std::make_unique<ipc::message_queue>(ipc::create_only, name_.c_str(), queue_depth, payload)) {
        ipc::message_queue::remove(name_.c_str());  // the mapping lives on
    }
    void put(Bytes message) { queue_->send(message.data(), message.size(), 0); }
    void get(MutableBytes message) {
        ipc::message_queue::size_type size;
        unsigned priority;
        queue_->receive(message.data(), message.size(), size, priority);
    }

private:
    std::string name_;
    std::unique_ptr<ipc::message_queue> queue_;
};

class BoostMqPeer {
public:
    static constexpr Traits traits{
        .name = "boost_mq", .wait = Wait::blocking, .clients = 64, .note = "depth 8"};
    static constexpr unsigned idle_count = 200;
    struct Idle {
        Queue made;
        explicit Idle(unsigned i) : made(idle_message, i) {}
    };

    explicit BoostMqPeer(const Config& config) : requests_(config.payload, 0) {
        for (unsigned i = 0; i < config.clients; ++i) replies_.emplace_back(config.payload, i + 1);
    }

    struct Server {
        BoostMqPeer& peer;
        explicit Server(BoostMqPeer& p) : peer(p) {}
        bool receive(MutableBytes message) { return peer.requests_.get(message), true; }
        void reply(unsigned client, Bytes message) { peer.replies_[client].put(message); }
    };

    struct Client {
        BoostMqPeer& peer;
        Queue& replies;
        Client(BoostMqPeer& p, unsigned id) : peer(p), replies(p.replies_[id]) {}
        void send(Bytes message) { peer.requests_.put(message); }
        void receive(MutableBytes message) { replies.get(message); }
    };

private:
    Queue requests_;
    std::vector<Queue> replies_;
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    return bench::run_peers<bench::BoostMqPeer>(argc, argv);
}
