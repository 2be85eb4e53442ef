// SPDX-License-Identifier: BSL-1.0
// Our ports between processes: the server allocates one, and each client calls it with msg_rpc().
//
// The roles find each other through the parent's registered ports: the parent registers its own kernel port, by
// which the server, a forked child, registers its port with the parent, where the clients look for it.
#include <umach/umach.hpp>

#include "peers/umach_link.hpp"

namespace bench {
namespace {

enum : std::size_t { parent_slot, server_slot };

umach::Task parent_task() {
    return umach::Task(umach::registered_port(parent_slot).value().release());
}

class UmachPeer {
public:
    static constexpr Traits traits{.name = "umach",
                                   .wait = Wait::adaptive,
                                   .max_payload = 4 * kib,
                                   .clients = 64,
                                   .holds = true,
                                   .note = "msg_rpc between processes; spins a little, then sleeps"};

    explicit UmachPeer(const Config&) { umach::register_ports({umach::PortName(task_self())}).value(); }

    class Server {
    public:
        explicit Server(UmachPeer&) : port_(umach::ReceiveRight::allocate().value()), link_(port_.name()) {
            const umach::Task parent = parent_task();
            parent.register_ports({parent, port_}).value();
        }
        bool receive(MutableBytes message) { return link_.receive(message); }
        void reply(unsigned client, Bytes message) { link_.reply(client, message); }

    private:
        umach::ReceiveRight port_;
        PortServer<SimpleLetter> link_;
    };

    class Client {
    public:
        Client(UmachPeer&, unsigned)
            : server_(parent_task().registered_port(server_slot).value()),
              link_(server_.name(), thread_reply()) {}
        void send(Bytes message) { link_.send(message); }
        void call(MutableBytes message) { link_.call(message); }

    private:
        umach::SendRight server_;
        PortLink<SimpleLetter> link_;
    };
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    return bench::run_peers<bench::UmachPeer>(argc, argv);
}
