// SPDX-License-Identifier: BSL-1.0
// Our ports over a link: client and server are on two hosts, each with a netmsg server, which are joined over a
// Unix socket, TCP, or TCP with TLS 1.3. The messages and the calls are those of umach_process and umach_memory.
#include <servers/netname.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <umach_inspect.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "harness/control.hpp"
#include "harness/system.hpp"
#include "peers/moved_letter.hpp"
#include "peers/way.hpp"
#include "servers/netmsg/server.hpp"

namespace bench {
namespace {

// A host and its server, in a process that ends with the measurement.
class LinkedHost {
public:
    // way: over which it connects, or listens if there is nothing to connect to; `address` is where that is
    LinkedHost(std::string name, Place place, const Way& way, const std::string& connect, std::string* address)
        : name_(std::move(name)) {
        int told[2];
        check(pipe(told), "pipe");
        process_ = static_cast<pid_t>(check(fork(), "fork"));
        if (process_ == 0) {
            pin(place, connect.empty());
            serve(way, connect, told[1]);
        }
        close(told[1]);
        for (char c = 0; read(told[0], &c, 1) == 1 && c != '\n';) address->push_back(c);
        close(told[0]);
        if (address->empty()) unsupported("a link");
    }
    LinkedHost(const LinkedHost&) = delete;
    // Its processor time counts as the measurement's own once it is waited for.
    ~LinkedHost() {
        kill(process_, SIGKILL);
        waitpid(process_, nullptr, 0);
    }

    const std::string& name() const { return name_; }

private:
    [[noreturn]] void serve(const Way& way, const std::string& connect, int told) const {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        check_code(umach_host_create(name_.c_str(), nullptr), "umach_host_create");
        umach::netmsg::Server server(name_, [](const std::string&) {});
        std::string address = connect;
        if (connect.empty()) {
            auto listener = transport::listen(way.place(), way.listening());
            address = listener.value().address();
            server.add(std::move(listener).value());
        } else {
            const auto late = transport::Deadline::in(std::chrono::seconds(5));
            server.add(transport::connect(connect, way.connecting(), late).value());
        }
        check(write(told, (address + "\n").data(), address.size() + 1), "write");
        close(told);
        server.run(-1);
        _exit(0);
    }

    std::string name_;
    pid_t process_ = -1;
};

// Two hosts that are linked: the server's role is there, the client's here. Each host works where its role does.
class LinkedHosts {
public:
    LinkedHosts(Over over, Place place)
        : way_(over),
          there_(own("there"), place, way_, "", &address_),
          here_(own("here"), place, way_, address_, &joined_) {}

    // Makes the caller's process one of the host there, with a port that is found from here.
    port_t checked_in() const {
        port_t port = PORT_NULL;
        check_code(umach_host_attach(there_.name().c_str()), "umach_host_attach");
        check_code(port_allocate(task_self(), &port), "port_allocate");
        check_code(netname_check_in(name_server_port, "bench", PORT_NULL, port), "netname_check_in");
        return port;
    }
    port_t found() const {
        port_t port = PORT_NULL;
        check_code(umach_host_attach(here_.name().c_str()), "umach_host_attach");
        const auto late = transport::Deadline::in(std::chrono::seconds(5));
        while (netname_look_up(name_server_port, there_.name().c_str(), "bench", &port) != NETNAME_SUCCESS) {
            if (late.passed()) unsupported("a look-up over the link");
            sleep_for(1e-3);
        }
        return port;
    }

private:
    static std::string own(const char* which) { return "bench-" + std::to_string(getpid()) + "-" + which; }

    std::string address_, joined_;
    Way way_;
    LinkedHost there_, here_;
};

constexpr const char* names[] = {"umach_over_unix", "umach_over_tcp", "umach_over_tls"};
constexpr const char* moved_names[] = {"umach_moved_over_unix", "umach_moved_over_tcp", "umach_moved_over_tls"};

template <Over over>
class LinkedPeer {
public:
    static constexpr Traits traits{.name = names[static_cast<int>(over)],
                                   .wait = Wait::adaptive,
                                   .max_payload = 4 * kib,
                                   .note = "msg_rpc between two hosts that are linked"};

    // Who calls waits, and its host works meanwhile: the system knows best on which core.
    explicit LinkedPeer(const Config&) : hosts_(over, Place::free) {}

    class Server {
    public:
        explicit Server(LinkedPeer& peer) : link_(peer.hosts_.checked_in()) {}
        bool receive(MutableBytes message) { return link_.receive(message); }
        void reply(unsigned client, Bytes message) { link_.reply(client, message); }

    private:
        PortServer<SimpleLetter> link_;
    };

    class Client {
    public:
        Client(LinkedPeer& peer, unsigned) : link_(peer.hosts_.found()) {}
        void send(Bytes message) { link_.send(message); }
        void call(MutableBytes message) { link_.call(message); }

    private:
        PortClient<SimpleLetter> link_;
    };

private:
    LinkedHosts hosts_;
};

// The same with the payload out of line, in memory that moves.
template <Over over>
class MovedPeer {
public:
    static constexpr Traits traits{.name = moved_names[static_cast<int>(over)],
                                   .wait = Wait::adaptive,
                                   .max_payload = 64 * mib,
                                   .note = "between two hosts that are linked; memory moves, its ends touched"};

    explicit MovedPeer(const Config& config) : hosts_(over, config.place) {}

    class Server {
    public:
        explicit Server(MovedPeer& peer) : port_(peer.hosts_.checked_in()) {}
        bool receive(MutableBytes message) {
            MovedLetter letter;
            letter.head.msg_size = sizeof letter;
            letter.head.msg_local_port = port_;
            check_code(msg_receive(&letter.head, MSG_OPTION_NONE, 0), "msg_receive");
            reply_to_ = letter.head.msg_remote_port;
            memory_ = umach::Region({letter.memory, message.size()});
            touch_ends(message.data(), memory_.data(), message.size());
            return true;
        }
        void reply(unsigned, Bytes message) {
            touch_ends(memory_.data(), message.data(), message.size());
            MovedLetter letter = letter_with(memory_.release(), true, reply_to_, PORT_NULL);
            check_code(msg_send(&letter.head, MSG_OPTION_NONE, 0), "msg_send");
        }

    private:
        port_t port_;
        port_t reply_to_ = PORT_NULL;
        umach::Region memory_;
    };

    class Client {
    public:
        Client(MovedPeer& peer, unsigned) : server_(peer.hosts_.found()) {}
        void send(Bytes message) {
            MovedLetter letter = letter_for(message, PORT_NULL);
            check_code(msg_send(&letter.head, MSG_OPTION_NONE, 0), "msg_send");
        }
        void call(MutableBytes message) {
            MovedLetter letter = letter_for(message, thread_reply());
            check_code(msg_rpc(&letter.head, MSG_OPTION_NONE, sizeof letter, 0, 0), "msg_rpc");
            const umach::Region memory({letter.memory, message.size()});
            touch_ends(message.data(), memory.data(), message.size());
        }

    private:
        MovedLetter letter_for(Bytes message, port_t reply_to) const {
            umach::Region memory = umach::Region::for_overwrite(message.size()).value();
            touch_ends(memory.data(), message.data(), message.size());
            return letter_with(memory.release(), true, server_, reply_to);
        }

        port_t server_;
    };

private:
    LinkedHosts hosts_;
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    using namespace bench;
    return run_peers<LinkedPeer<Over::unix_socket>, LinkedPeer<Over::tcp>, LinkedPeer<Over::tls>,
                     MovedPeer<Over::unix_socket>, MovedPeer<Over::tcp>, MovedPeer<Over::tls>>(argc, argv);
}
