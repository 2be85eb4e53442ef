// SPDX-License-Identifier: BSL-1.0
// Our ports between processes: each client calls the server's port with msg_rpc().
//
//   umach            waits as programs do by default: spins while that pays, then sleeps
//   umach_blocking   spinning forbidden, for the comparison with what always sleeps
#include "peers/umach_link.hpp"

namespace bench {
namespace {

template <Wait wait>
class UmachPeer {
public:
    static constexpr Traits traits{.name = wait == Wait::blocking ? "umach_blocking" : "umach",
                                   .wait = wait,
                                   .max_payload = 4 * kib,
                                   .clients = 64,
                                   .holds = true,
                                   .environment = wait == Wait::blocking ? "UMACH_SPIN=0" : "",
                                   .note = "msg_rpc between processes"};
    static constexpr unsigned idle_count = 10000;
    struct Idle {
        port_name_t name = PORT_NULL;
        explicit Idle(unsigned) { check_code(port_allocate(task_self(), &name), "port_allocate"); }
        Idle(const Idle&) = delete;
        ~Idle() { port_deallocate(task_self(), name); }
    };

    explicit UmachPeer(const Config& config) : config_(config), parent_(config) {}

    class Server {
    public:
        explicit Server(UmachPeer& peer) : port_(peer.config_), link_(port_.name()) {}
        bool receive(MutableBytes message) { return link_.receive(message); }
        void reply(unsigned client, Bytes message) { link_.reply(client, message); }

    private:
        FoundPort port_;
        PortServer<SimpleLetter> link_;
    };

    class Client {
    public:
        Client(UmachPeer&, unsigned) : server_(find_server()), link_(server_.name()) {}
        void send(Bytes message) { link_.send(message); }
        void call(MutableBytes message) { link_.call(message); }

    private:
        umach::SendRight server_;
        PortClient<SimpleLetter> link_;
    };

private:
    Config config_;
    PortParent parent_;
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    using namespace bench;
    return run_peers<UmachPeer<Wait::adaptive>, UmachPeer<Wait::blocking>>(argc, argv);
}
