// SPDX-License-Identifier: BSL-1.0
// Our ports between threads of control of one task: fibers of one OS thread, or OS threads.
#include <functional>

#include "peers/umach_link.hpp"

namespace bench {
namespace {

template <Space space>
class UmachInTaskPeer {
public:
    static constexpr bool on_fibers = space == Space::fibers;
    static constexpr Traits traits{.name = on_fibers ? "umach_fiber" : "umach_thread",
                                   .wait = on_fibers ? Wait::blocking : Wait::adaptive,
                                   .space = space,
                                   .max_payload = 4 * kib,
                                   .batch = on_fibers ? 32 : 1,
                                   .note = "msg_rpc between threads of control of one task"};

    explicit UmachInTaskPeer(const Config&) : port_(umach::ReceiveRight::allocate().value()) {}

    void run(const std::function<void()>& server, const std::function<void()>& client) {
        const umach::Thread serving = umach::Thread::spawn(umach::Carrier::fiber, server).value();
        const umach::Thread calling = umach::Thread::spawn(umach::Carrier::fiber, client).value();
    }

    struct Server : PortServer<SimpleLetter> {
        explicit Server(UmachInTaskPeer& peer) : PortServer(peer.port_.name()) {}
    };
    struct Client : PortClient<SimpleLetter> {
        Client(UmachInTaskPeer& peer, unsigned) : PortClient(peer.port_.name()) {}
    };

private:
    umach::ReceiveRight port_;
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    using namespace bench;
    return run_peers<UmachInTaskPeer<Space::fibers>, UmachInTaskPeer<Space::threads>>(argc, argv);
}
