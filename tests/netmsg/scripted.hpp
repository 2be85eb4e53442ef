// SPDX-License-Identifier: BSL-1.0
// A host whose server is a process of its own, and a peer of it that says, packet by packet, what the test tells it.
#pragma once

#include <sys/prctl.h>
#include <sys/signalfd.h>

#include <csignal>
#include <deque>

#include "servers/netmsg/parcel.hpp"
#include "tests/netmsg/attack.hpp"

namespace umach::netmsg::test {

inline Bytes of_two(Op op, std::uint32_t id, std::optional<std::uint32_t> count = std::nullopt) {
    return packet(op, [&](Writer& w) {
        w.u32(id);
        if (count) w.u32(*count);
    });
}

// A message to that id, whose items are these: a right each, as the code says.
inline Bytes message_to(std::uint32_t id, msg_id_t number, const std::vector<std::pair<unsigned, WireRight>>& items = {}) {
    Parcel parcel;
    parcel.id = number;
    parcel.simple = items.empty();
    Letter body;
    for (const auto& [code, right] : items) {
        body.item(code, {PORT_NULL});
        parcel.rights.push_back(right);
    }
    const std::string text = body.body();
    for (const char c : text) parcel.body.push_back(static_cast<std::byte>(c));
    Bytes whole;
    encode_parcel(parcel, whole);
    return part(id, whole);
}

class ScriptedPeer {
public:
    // What the server said, as far as a test asks: of a part the message, of an answer the right.
    struct Said {
        Op op;
        std::uint64_t frame = 0;   // in which it came
        std::uint32_t id = 0, count = 0;
        Parcel parcel;
        WireRight right;

        WireRight first_right() const { return parcel.rights.empty() ? WireRight{} : parcel.rights.front(); }
    };

    ScriptedPeer() {
        EXPECT_NE(task_self(), PORT_NULL);
        auto made = transport::loopback_pair();
        auto& pair = made.value();
        server_ = fork();
        if (server_ == 0) serve(std::move(pair));
        pair.second.reset();
        peer_ = over(transport::loopback_wire(std::move(pair.first), {}), {});
        say({hello()});
        hear(Op::hello);
    }
    ScriptedPeer(const ScriptedPeer&) = delete;
    ScriptedPeer& operator=(const ScriptedPeer&) = delete;
    ~ScriptedPeer() {
        kill(server_, SIGTERM);
        waitpid(server_, nullptr, 0);
    }

    // In one frame, so that the server does nothing else in between.
    void say(const std::vector<Bytes>& packets) {
        Bytes frame;
        for (const Bytes& one : packets) frame.insert(frame.end(), one.begin(), one.end());
        EXPECT_EQ(peer_->send(frame, Deadline::in(std::chrono::seconds(10))), Moved::done);
    }

    // The next packet of that kind, about that id if one is given; all others before it are let go.
    Said hear(Op op, std::uint32_t id = 0) {
        return hear_one([=](const Said& one) { return one.op == op && (id == 0 || one.id == id); });
    }
    Said hear_one(const std::function<bool(const Said&)>& wanted) {
        for (;;) {
            while (!said_.empty()) {
                const Said one = said_.front();
                said_.pop_front();
                if (wanted(one)) return one;
            }
            Bytes frame;
            if (peer_->receive(frame, Deadline::in(std::chrono::seconds(10))) != Moved::done) break;
            ++frames_;
            Reader reader(frame);
            while (!reader.done()) said_.push_back(next(reader));
        }
        ADD_FAILURE() << "the server did not say what was waited for " << peer_->reason();
        return {Op::hello, frames_, 0, 0, {}, {}};
    }

    // So that the server finds several things to do at once.
    void stop_server() {
        kill(server_, SIGSTOP);
        waitpid(server_, nullptr, WUNTRACED);
    }
    void go_on() { kill(server_, SIGCONT); }
    void hang_up() { peer_.reset(); }

    // A port of this task's that the peer has looked up. returns: its id
    std::uint32_t found(const char* name, port_t port) {
        EXPECT_EQ(netname_check_in(name_server_port, name, PORT_NULL, port), NETNAME_SUCCESS);
        say({look_up(1, name)});
        return hear(Op::found).right.id;
    }

private:
    [[noreturn]] static void serve(transport::LoopbackPair&& pair) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        pair.first.reset();
        sigset_t ends;
        sigemptyset(&ends);
        sigaddset(&ends, SIGTERM);
        sigprocmask(SIG_BLOCK, &ends, nullptr);
        const int stop = signalfd(-1, &ends, SFD_CLOEXEC);
        {
            Server server("good", [](const std::string& what) {
                if (getenv("UMACH_TEST_LOG") != nullptr) std::fprintf(stderr, "%s\n", what.c_str());
            });
            server.add(over(transport::loopback_wire(std::move(pair.second), {}), {}));
            server.run(stop);
        }
        _exit(0);
    }

    Said next(Reader& reader) const {
        Said said{static_cast<Op>(reader.u8()), frames_, 0, 0, {}, {}};
        if (said.op == Op::hello) return reader.u8(), reader.text(most_host_name), said;
        said.id = reader.u32();
        if (has_count(said.op) || said.op == Op::found) said.count = reader.u32();
        if (said.op == Op::found) said.right = reader.right();
        if (said.op != Op::part && said.op != Op::memory) return said;
        const std::uint32_t length = reader.u32();
        reader.u32();
        const View bytes = reader.rest();
        if (said.op == Op::part && bytes.size() == length) said.parcel = decode_parcel(bytes).value_or(Parcel{});
        return said;
    }

    pid_t server_ = -1;
    std::unique_ptr<Transport> peer_;
    std::deque<Said> said_;
    std::uint64_t frames_ = 0;
};

inline constexpr std::uint32_t their_service = 7, moved_home = chosen_by_other + 1;

inline void in_a_host(const std::function<void(ScriptedPeer&)>& body) {
    in_a_host_of_its_own([&] {
        ScriptedPeer peer;
        body(peer);
    });
}

// A send right to a port behind the peer, under that id, which came to this port of ours.
inline port_t given_by(ScriptedPeer& peer, std::uint32_t to, port_t at, std::uint32_t id = their_service) {
    peer.say({message_to(to, 0, {{MSG_TYPE_PORT, {RightKind::mine, id, 0}}})});
    peer.hear(Op::credit, to);
    return next(at).name();
}

// Eight messages, all that our port has room for.
inline void fill(ScriptedPeer& peer, std::uint32_t ours) {
    for (int i = 0; i < 8; ++i) {
        peer.say({message_to(ours, i)});
        peer.hear(Op::credit, ours);
    }
}

inline void send(port_t to, unsigned code, port_t right) {
    EXPECT_EQ(Letter(to).item(code, {right}).send(SEND_TIMEOUT, patience), SEND_SUCCESS);
}

// A new port, to which a send right stays when its other rights have gone.
inline port_t made_with_send_right() {
    const port_t port = made(), way = made();
    send(way, MSG_TYPE_PORT, port);
    EXPECT_EQ(next(way).name(), port);
    return port;
}

// With ownership of a port, or PORT_NULL, and so much out of line.
struct Heavy {
    msg_header_t header{};
    msg_type_t right_type{MSG_TYPE_PORT_OWNERSHIP, 32, 1, 1, 0, 0, 0};
    port_t right = PORT_NULL;
    msg_type_long_t type{{0, 0, 0, 0, 1, 1, 0}, MSG_TYPE_BYTE, 8, 0};
    vm_address_t data = 0;
};

inline void send_heavy(port_t to, unsigned bytes, port_t owned = PORT_NULL) {
    Heavy heavy;
    heavy.right = owned;
    heavy.type.msg_type_long_number = bytes;
    EXPECT_EQ(vm_allocate(task_self(), &heavy.data, bytes, TRUE), KERN_SUCCESS);
    heavy.header.msg_size = sizeof heavy;
    heavy.header.msg_remote_port = to;
    EXPECT_EQ(msg_send(&heavy.header, SEND_TIMEOUT, patience), SEND_SUCCESS);
}

}  // namespace umach::netmsg::test
