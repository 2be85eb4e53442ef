// SPDX-License-Identifier: BSL-1.0
// iceoryx 2: client/server for RPC, publisher/subscriber with queues of 8 for streaming. Needs iox-roudi.
//
//   iceoryx_poll      both sides poll; the payload is copied into and out of the loaned chunks
//   iceoryx_waitset   both sides sleep in a WaitSet; copied in and out
//   iceoryx_loan      both sides poll; only the message's ends are written and read, as by a
//                     user who works in the loaned chunks: the best case of zero copy
#include "harness/run.hpp"

#include <iceoryx_hoofs/log/logmanager.hpp>
#include <iceoryx_posh/popo/untyped_client.hpp>
#include <iceoryx_posh/popo/untyped_publisher.hpp>
#include <iceoryx_posh/popo/untyped_server.hpp>
#include <iceoryx_posh/popo/untyped_subscriber.hpp>
#include <iceoryx_posh/popo/wait_set.hpp>
#include <iceoryx_posh/runtime/posh_runtime.hpp>

#include <optional>

namespace bench {
namespace {

namespace popo = iox::popo;
using iox::capro::IdString_t;
using iox::capro::ServiceDescription;

enum class Copying { whole, ends };

void start_runtime() {
    iox::log::LogManager::GetLogManager().SetDefaultLogLevel(iox::log::LogLevel::kError,
                                                             iox::log::LogLevelOutput::kHideLogLevel);
    // It makes files of this name in /tmp, and leaves them when it is killed.
    const std::string folder = bench_folder();
    const std::string name = folder.substr(folder.rfind('/') + 1) + "-" + std::to_string(getpid());
    iox::runtime::PoshRuntime::initRuntime(iox::RuntimeName_t(iox::cxx::TruncateToCapacity, name));
}

ServiceDescription service(const std::string& instance) {
    return {"bench", IdString_t(iox::cxx::TruncateToCapacity, instance), "message"};
}

popo::ServerOptions server_options() {
    popo::ServerOptions options;
    options.requestQueueCapacity = queue_depth;
    options.requestQueueFullPolicy = popo::QueueFullPolicy::BLOCK_PRODUCER;
    options.clientTooSlowPolicy = popo::ConsumerTooSlowPolicy::WAIT_FOR_CONSUMER;
    return options;
}

popo::ClientOptions client_options() {
    popo::ClientOptions options;
    options.responseQueueCapacity = queue_depth;
    options.responseQueueFullPolicy = popo::QueueFullPolicy::BLOCK_PRODUCER;
    options.serverTooSlowPolicy = popo::ConsumerTooSlowPolicy::WAIT_FOR_CONSUMER;
    return options;
}

popo::PublisherOptions publisher_options() {
    popo::PublisherOptions options;
    options.subscriberTooSlowPolicy = popo::ConsumerTooSlowPolicy::WAIT_FOR_CONSUMER;
    return options;
}

popo::SubscriberOptions subscriber_options() {
    popo::SubscriberOptions options;
    options.queueCapacity = queue_depth;
    options.queueFullPolicy = popo::QueueFullPolicy::BLOCK_PRODUCER;
    return options;
}

template <Copying copying>
void copy(std::byte* to, const std::byte* from, std::size_t size) {
    if (copying == Copying::whole || size <= cache_line) {
        std::memcpy(to, from, size);
    } else {
        std::memcpy(to, from, sizeof(Header));
        std::memcpy(to + size - 8, from + size - 8, 8);
    }
}

// Takes from a port, polling it or sleeping until it has something.
template <Wait wait, class Port>
class Taker {
public:
    template <class State>
    Taker(Port& port, State state) : port_(port) {
        if constexpr (wait == Wait::blocking) {
            set_.emplace();
            set_->attachState(port, state).or_else([](auto) { fail("attachState"); });
        }
    }
    const void* take() {
        for (;;) {
            auto taken = port_.take();
            if (!taken.has_error()) return taken.value();
            if constexpr (wait == Wait::blocking)
                set_->wait();
            else
                cpu_relax();
        }
    }

private:
    Port& port_;
    std::optional<popo::WaitSet<1>> set_;
};

template <Wait wait, Copying copying>
class IceoryxPeer {
public:
    static constexpr Traits traits{.name = wait == Wait::blocking     ? "iceoryx_waitset"
                                           : copying == Copying::ends ? "iceoryx_loan"
                                                                      : "iceoryx_poll",
                                   .wait = wait,
                                   .clients = 64,
                                   .daemon = "iox-roudi",
                                   .note = copying == Copying::ends ? "zero copy: only the ends are touched"
                                                                    : "copied into and out of chunks"};
    static constexpr unsigned idle_count = 50;
    struct Idle {
        std::unique_ptr<popo::UntypedServer> server;
        explicit Idle(unsigned i) {
            if (i == 0) start_runtime();
            const std::string unique = "idle." + std::to_string(getpid()) + "." + std::to_string(i);
            server = std::make_unique<popo::UntypedServer>(service(unique), server_options());
        }
    };

    explicit IceoryxPeer(const Config& config)
        : streaming_(config.mode == Mode::stream), instance_(std::to_string(getpid())) {}

    class Server {
    public:
        explicit Server(IceoryxPeer& peer) {
            start_runtime();
            if (peer.streaming_) {
                subscriber_.emplace(service(peer.instance_), subscriber_options());
                samples_.emplace(*subscriber_, popo::SubscriberState::HAS_DATA);
            } else {
                server_.emplace(service(peer.instance_), server_options());
                requests_.emplace(*server_, popo::ServerState::HAS_REQUEST);
            }
        }
        bool receive(MutableBytes message) {
            const void* chunk = subscriber_ ? samples_->take() : requests_->take();
            copy<copying>(message.data(), static_cast<const std::byte*>(chunk), message.size());
            if (subscriber_)
                subscriber_->release(chunk);
            else
                request_ = chunk;  // the reply needs its header
            return true;
        }
        void reply(unsigned, Bytes message) {
            const auto* header = popo::RequestHeader::fromPayload(request_);
            server_->loan(header, static_cast<std::uint32_t>(message.size()), cache_line)
                .and_then([&](void* chunk) {
                    copy<copying>(static_cast<std::byte*>(chunk), message.data(), message.size());
                    server_->send(chunk).or_else([](auto&) { fail("server send"); });
                })
                .or_else([](auto&) { fail("server loan"); });
            server_->releaseRequest(request_);
        }

    private:
        std::optional<popo::UntypedServer> server_;
        std::optional<popo::UntypedSubscriber> subscriber_;
        std::optional<Taker<wait, popo::UntypedServer>> requests_;
        std::optional<Taker<wait, popo::UntypedSubscriber>> samples_;
        const void* request_ = nullptr;
    };

    class Client {
    public:
        Client(IceoryxPeer& peer, unsigned) {
            start_runtime();
            if (peer.streaming_) {
                publisher_.emplace(service(peer.instance_), publisher_options());
                while (!publisher_->hasSubscribers()) sleep_for(1e-3);
            } else {
                client_.emplace(service(peer.instance_), client_options());
                responses_.emplace(*client_, popo::ClientState::HAS_RESPONSE);
                while (client_->getConnectionState() != iox::ConnectionState::CONNECTED) sleep_for(1e-3);
            }
        }
        void send(Bytes message) {
            const auto size = static_cast<std::uint32_t>(message.size());
            const auto fill = [&](void* chunk) {
                copy<copying>(static_cast<std::byte*>(chunk), message.data(), message.size());
            };
            if (publisher_) {
                publisher_->loan(size, cache_line)
                    .and_then([&](void* chunk) {
                        fill(chunk);
                        publisher_->publish(chunk);
                    })
                    .or_else([](auto&) { fail("publisher loan"); });
            } else {
                client_->loan(size, cache_line)
                    .and_then([&](void* chunk) {
                        fill(chunk);
                        client_->send(chunk).or_else([](auto&) { fail("client send"); });
                    })
                    .or_else([](auto&) { fail("client loan"); });
            }
        }
        void receive(MutableBytes message) {
            const void* chunk = responses_->take();
            copy<copying>(message.data(), static_cast<const std::byte*>(chunk), message.size());
            client_->releaseResponse(chunk);
        }

    private:
        std::optional<popo::UntypedClient> client_;
        std::optional<popo::UntypedPublisher> publisher_;
        std::optional<Taker<wait, popo::UntypedClient>> responses_;
    };

private:
    bool streaming_;
    std::string instance_;
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    using namespace bench;
    return run_peers<IceoryxPeer<Wait::polling, Copying::whole>, IceoryxPeer<Wait::blocking, Copying::whole>,
                     IceoryxPeer<Wait::polling, Copying::ends>>(argc, argv);
}
