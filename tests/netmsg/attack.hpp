// SPDX-License-Identifier: BSL-1.0
// A server and a peer of it that says what it likes.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <optional>

#include "runtime/transport/loopback.hpp"
#include "runtime/transport/wire.hpp"
#include "servers/netmsg/server.hpp"
#include "tests/netmsg/hosts.hpp"

namespace umach::netmsg::test {

using runtime::Deadline;
using transport::Moved;
using transport::Transport;

inline Bytes packet(Op op, const std::function<void(Writer&)>& write) {
    Bytes bytes;
    Writer writer(bytes);
    writer.u8(static_cast<std::uint8_t>(op));
    write(writer);
    return bytes;
}

inline Bytes hello() {
    return packet(Op::hello, [](Writer& w) {
        w.u8(protocol_version);
        w.text("evil");
    });
}

inline Bytes part(std::uint32_t id, const Bytes& whole) {
    return packet(Op::part, [&](Writer& w) {
        w.u32(id);
        w.u32(static_cast<std::uint32_t>(whole.size()));
        w.u32(0);
        w.bytes(whole);
    });
}

inline Bytes memory(std::uint32_t id, std::uint32_t length, std::uint32_t offset, std::size_t bytes) {
    return packet(Op::memory, [&](Writer& w) {
        for (const std::uint32_t number : {id, length, offset}) w.u32(number);
        w.bytes(Bytes(bytes));
    });
}

inline Bytes look_up(std::uint32_t call, const std::string& name) {
    return packet(Op::look_up, [&](Writer& w) {
        w.u32(call);
        w.text(name);
    });
}

// The answer may stand in one frame with the hello.
// returns: the id of what the call has found, if the frame says so
inline std::optional<std::uint32_t> found_in(const Bytes& frame, std::uint32_t call) {
    Reader reader(frame);
    auto op = static_cast<Op>(reader.u8());
    if (op == Op::hello) {
        reader.u8();
        reader.text(most_host_name);
        op = static_cast<Op>(reader.u8());
    }
    if (op != Op::found || reader.u32() != call || reader.u32() != 0) return std::nullopt;
    return reader.right().id;
}

// A server, and a peer of it that is a bare transport; all in a child, which has a host of its own.
class Attack {
public:
    Attack() : Attack(Quota{}) {}
    explicit Attack(const Quota& quota)
        : server_("good", [this](const std::string& what) { log_ += what + "\n"; }) {
        server_.set_quota(quota);
        server_.set_patience(std::chrono::milliseconds(300));
        join();
    }

    void join() {
        auto made = transport::loopback_pair();
        auto& pair = made.value();
        peer_ = over(transport::loopback_wire(std::move(pair.first), {}), {});
        server_.add(over(transport::loopback_wire(std::move(pair.second), {}), {}));
    }

    void put(const Bytes& frame) {
        EXPECT_NE(peer_->send(frame, Deadline::in(std::chrono::seconds(0))), Moved::later);
        turn();
    }

    // Lets both sides do what there is to do.
    void turn() {
        for (int i = 0; i < 6; ++i) {
            server_.turn(1, -1);
            Bytes got;
            while (peer_->receive(got, Deadline::in(std::chrono::seconds(0))) == Moved::done) last_ = got;
        }
    }

    // A port of this host, checked in, that the peer has looked up. returns: its id
    std::uint32_t found(port_t* port, const std::string& name = "target") {
        EXPECT_EQ(port_allocate(task_self(), port), KERN_SUCCESS);
        EXPECT_EQ(netname_check_in(name_server_port, name.c_str(), PORT_NULL, *port), NETNAME_SUCCESS);
        put(look_up(1, name));
        const auto id = found_in(last_, 1);
        EXPECT_TRUE(id);
        return id.value_or(0);
    }

    bool cut_off() const { return server_.links() == 0; }
    const std::string& log() const { return log_; }

private:
    std::string log_;
    Server server_;
    std::unique_ptr<Transport> peer_;
    Bytes last_;
};

inline void in_a_host_of_its_own(const std::function<void()>& body) {
    const pid_t child = fork();
    if (child == 0) {
        body();
        _exit(testing::Test::HasFailure() ? 1 : 0);
    }
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

}  // namespace umach::netmsg::test
