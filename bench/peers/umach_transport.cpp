// SPDX-License-Identifier: BSL-1.0
// What a link between hosts stands on, alone: our transports, which move a message in frames of their largest
// size, each with a checksum, from one process to another.
#include <poll.h>

#include <algorithm>

#include "harness/run.hpp"
#include "peers/way.hpp"

namespace bench {
namespace {

using transport::Deadline;
using transport::Moved;
using transport::Transport;

constexpr const char* names[] = {"transport_unix", "transport_tcp", "transport_tls"};

void put(Transport& link, Bytes message) {
    while (!message.empty()) {
        const Bytes frame = message.first(std::min(message.size(), link.largest()));
        if (link.send(frame, Deadline::never()) != Moved::done) fail("sending: " + link.reason());
        message = message.subspan(frame.size());
    }
}

void get(Transport& link, MutableBytes message) {
    transport::View frame;
    while (!message.empty()) {
        if (link.receive(frame, Deadline::never()) != Moved::done) fail("receiving: " + link.reason());
        if (frame.size() > message.size()) fail("a frame that is too long");
        std::copy(frame.begin(), frame.end(), message.begin());
        message = message.subspan(frame.size());
    }
}

template <Over over>
class TransportPeer {
public:
    static constexpr Traits traits{.name = names[static_cast<int>(over)],
                                   .wait = Wait::blocking,
                                   .note = "frames of the largest size, with checksums"};

    explicit TransportPeer(const Config&)
        : way_(over), listener_(transport::listen(way_.place(), way_.listening()).value()) {}

    class Server {
    public:
        explicit Server(TransportPeer& peer) : listener_(peer.listener_) {}
        bool receive(MutableBytes message) {
            while (link_ == nullptr) accept();
            get(*link_, message);
            return true;
        }
        void reply(unsigned, Bytes message) { put(*link_, message); }

    private:
        void accept() {
            pollfd look{listener_.descriptor(), POLLIN, 0};
            poll(&look, 1, -1);
            link_ = listener_.accept().value();
        }

        transport::Listener& listener_;
        std::unique_ptr<Transport> link_;
    };

    class Client {
    public:
        Client(TransportPeer& peer, unsigned)
            : link_(transport::connect(peer.listener_.address(), peer.way_.connecting(), Deadline::never()).value()) {}
        void send(Bytes message) {
            put(*link_, message);
            // What the system did not take at once would wait for another call.
            if (read_header(message).op == Op::stop) link_->close(Deadline::never());
        }
        void call(MutableBytes message) {
            put(*link_, message);
            get(*link_, message);
        }

    private:
        std::unique_ptr<Transport> link_;
    };

private:
    Way way_;
    transport::Listener listener_;
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    using namespace bench;
    return run_peers<TransportPeer<Over::unix_socket>, TransportPeer<Over::tcp>, TransportPeer<Over::tls>>(argc, argv);
}
