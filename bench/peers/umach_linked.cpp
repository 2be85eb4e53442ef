// SPDX-License-Identifier: BSL-1.0
// Our ports over a link: client and server are on two hosts, each with a netmsg server, which are joined over a
// Unix socket or TCP. The messages and the calls are those of umach_process.
#include <servers/netname.h>
#include <sys/prctl.h>
#include <umach_inspect.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "harness/system.hpp"
#include "peers/umach_link.hpp"
#include "servers/netmsg/server.hpp"

namespace bench {
namespace {

enum class Over { unix_socket, tcp };

// A host and its server, in a process that ends with the measurement.
class LinkedHost {
public:
    LinkedHost(std::string name, const std::string& listen, const std::string& connect, std::string* address)
        : name_(std::move(name)) {
        int told[2];
        check(pipe(told), "pipe");
        process_ = static_cast<pid_t>(check(fork(), "fork"));
        if (process_ == 0) serve(listen, connect, told[1]);
        close(told[1]);
        for (char c = 0; read(told[0], &c, 1) == 1 && c != '\n';) address->push_back(c);
        close(told[0]);
        if (address->empty()) unsupported("a link");
    }
    LinkedHost(const LinkedHost&) = delete;
    ~LinkedHost() { kill(process_, SIGKILL); }

    const std::string& name() const { return name_; }

private:
    [[noreturn]] void serve(const std::string& listen, const std::string& connect, int told) const {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        check_code(umach_host_create(name_.c_str(), nullptr), "umach_host_create");
        umach::netmsg::Server server(name_, [](const std::string&) {});
        umach::transport::Options options;
        options.insecure = true;
        std::string address = connect;
        if (!listen.empty()) {
            auto listener = umach::transport::listen(listen, options);
            address = listener.value().address();
            server.add(std::move(listener).value());
        } else {
            const auto late = umach::transport::Deadline::in(std::chrono::seconds(5));
            server.add(umach::transport::connect(connect, options, late).value());
        }
        check(write(told, (address + "\n").data(), address.size() + 1), "write");
        close(told);
        server.run(-1);
        _exit(0);
    }

    std::string name_;
    pid_t process_ = -1;
};

template <Over over>
class LinkedPeer {
public:
    static constexpr Traits traits{.name = over == Over::tcp ? "umach_over_tcp" : "umach_over_unix",
                                   .wait = Wait::adaptive,
                                   .max_payload = 4 * kib,
                                   .note = "msg_rpc between two hosts that are linked"};

    explicit LinkedPeer(const Config&)
        : there_(own("there"), over == Over::tcp ? "tcp:127.0.0.1:0" : "unix:@" + own("socket"), "", &address_),
          here_(own("here"), "", address_, &joined_) {}

    class Server {
    public:
        explicit Server(LinkedPeer& peer) : port_(checked_in(peer.there_.name())), link_(port_) {}
        bool receive(MutableBytes message) { return link_.receive(message); }
        void reply(unsigned client, Bytes message) { link_.reply(client, message); }

    private:
        port_t port_;
        PortServer<SimpleLetter> link_;
    };

    class Client {
    public:
        Client(LinkedPeer& peer, unsigned) : link_(found(peer.here_.name(), peer.there_.name())) {}
        void send(Bytes message) { link_.send(message); }
        void call(MutableBytes message) { link_.call(message); }

    private:
        PortClient<SimpleLetter> link_;
    };

private:
    static std::string own(const char* which) { return "bench-" + std::to_string(getpid()) + "-" + which; }
    static port_t checked_in(const std::string& host) {
        port_t port = PORT_NULL;
        check_code(umach_host_attach(host.c_str()), "umach_host_attach");
        check_code(port_allocate(task_self(), &port), "port_allocate");
        check_code(netname_check_in(name_server_port, "bench", PORT_NULL, port), "netname_check_in");
        return port;
    }
    static port_t found(const std::string& host, const std::string& other) {
        port_t port = PORT_NULL;
        check_code(umach_host_attach(host.c_str()), "umach_host_attach");
        const auto late = umach::transport::Deadline::in(std::chrono::seconds(5));
        while (netname_look_up(name_server_port, other.c_str(), "bench", &port) != NETNAME_SUCCESS) {
            if (late.passed()) unsupported("a look-up over the link");
            sleep_for(1e-3);
        }
        return port;
    }

    std::string address_, joined_;
    LinkedHost there_, here_;
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    using namespace bench;
    return run_peers<LinkedPeer<Over::unix_socket>, LinkedPeer<Over::tcp>>(argc, argv);
}
