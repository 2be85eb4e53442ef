// SPDX-License-Identifier: BSL-1.0
// NATS through a local nats-server: request/reply for RPC, plain publishing for streaming.
#include "harness/run.hpp"

#include <nats/nats.h>

namespace bench {
namespace {

constexpr std::int64_t patience_ms = 10'000;

void require(natsStatus status, const char* what) {
    if (status == NATS_OK) return;
    std::fprintf(stderr, "%s: %s\n", what, natsStatus_GetText(status));
    std::exit(1);
}

template <auto destroy>
struct Destroy {
    template <class T>
    void operator()(T* object) const {
        destroy(object);
    }
};
using Options = std::unique_ptr<natsOptions, Destroy<natsOptions_Destroy>>;
using Connection = std::unique_ptr<natsConnection, Destroy<natsConnection_Destroy>>;
using Subscription = std::unique_ptr<natsSubscription, Destroy<natsSubscription_Destroy>>;
using Message = std::unique_ptr<natsMsg, Destroy<natsMsg_Destroy>>;

Connection connect_to_server(bool send_at_once) {
    const char* url = std::getenv("BENCH_NATS_URL");
    if (!url) fail("BENCH_NATS_URL is not set");
    natsOptions* raw_options = nullptr;
    require(natsOptions_Create(&raw_options), "natsOptions_Create");
    const Options options(raw_options);
    require(natsOptions_SetURL(raw_options, url), "natsOptions_SetURL");
    require(natsOptions_SetSendAsap(raw_options, send_at_once), "natsOptions_SetSendAsap");
    natsConnection* connection = nullptr;
    require(natsConnection_Connect(&connection, raw_options), "natsConnection_Connect");
    return Connection(connection);
}

class NatsPeer {
public:
    static constexpr Traits traits{.name = "nats",
                                   .wait = Wait::blocking,
                                   .clients = 64,
                                   .lossy = true,
                                   .daemon = "nats-server",
                                   .note = "through a broker; its processor time counted"};

    explicit NatsPeer(const Config& config)
        : rpc_(config.mode == Mode::rpc), subject_("bench." + std::to_string(getpid())) {}

    class Server {
    public:
        explicit Server(NatsPeer& peer) : connection_(connect_to_server(peer.rpc_)) {
            natsSubscription* made = nullptr;
            require(natsConnection_SubscribeSync(&made, connection_.get(), peer.subject_.c_str()),
                    "subscribe");
            subscription_.reset(made);
            require(natsSubscription_SetPendingLimits(made, -1, -1), "pending limits");
            require(natsConnection_Flush(connection_.get()), "flush");
        }
        bool receive(MutableBytes message) {
            natsMsg* next = nullptr;
            require(natsSubscription_NextMsg(&next, subscription_.get(), patience_ms), "NextMsg");
            message_.reset(next);
            std::memcpy(message.data(), natsMsg_GetData(next), message.size());
            return true;
        }
        void reply(unsigned, Bytes message) {
            require(natsConnection_Publish(connection_.get(), natsMsg_GetReply(message_.get()),
                                           message.data(), static_cast<int>(message.size())),
                    "publish");
        }
        ~Server() { natsConnection_Flush(connection_.get()); }

    private:
        Connection connection_;
        Subscription subscription_;
        Message message_;
    };

    class Client {
    public:
        Client(NatsPeer& peer, unsigned) : peer_(peer), connection_(connect_to_server(peer.rpc_)) {}
        void send(Bytes message) {
            const int size = static_cast<int>(message.size());
            if (peer_.rpc_) {
                natsMsg* reply = nullptr;
                require(natsConnection_Request(&reply, connection_.get(), peer_.subject_.c_str(),
                                               message.data(), size, patience_ms),
                        "request");
                reply_.reset(reply);
            } else {
                require(
                    natsConnection_Publish(connection_.get(), peer_.subject_.c_str(), message.data(), size),
                    "publish");
            }
        }
        void receive(MutableBytes message) {
            std::memcpy(message.data(), natsMsg_GetData(reply_.get()), message.size());
        }

    private:
        NatsPeer& peer_;
        Connection connection_;
        Message reply_;
    };

private:
    bool rpc_;
    std::string subject_;
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    return bench::run_peers<bench::NatsPeer>(argc, argv);
}
