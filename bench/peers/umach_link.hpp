// SPDX-License-Identifier: BSL-1.0
// Our own ports, as the peers see them. The message's header stands in the room before the buffer, so that
// nobody copies the payload but the kernel.
//
// Roles in processes find each other through what the parent has registered: the parent registers its own
// kernel port and one other; by the former the server, a forked child, registers its port with the parent,
// where the clients look for it.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <umach/umach.hpp>

#include "harness/run.hpp"

namespace bench {

inline void check_code(int code, const char* what) {
    if (code == KERN_SUCCESS) return;
    std::fprintf(stderr, "%s: %s\n", what, mach_error_string(code));
    std::exit(1);
}

// A message without items: the kernel does not look at the payload.
struct SimpleLetter {
    static constexpr std::size_t before = sizeof(msg_header_t);
    static_assert(before <= Buffer::headroom);

    static msg_header_t& head(Bytes payload) {
        return *reinterpret_cast<msg_header_t*>(const_cast<std::byte*>(payload.data()) - before);
    }
    static void address(Bytes payload, port_t to, port_t reply_to) {
        head(payload) = {.msg_unused = 0,
                         .msg_simple = TRUE,
                         .msg_size = static_cast<msg_size_t>(before + payload.size()),
                         .msg_type = MSG_TYPE_NORMAL,
                         .msg_local_port = reply_to,
                         .msg_remote_port = to,
                         .msg_id = 0};
    }
};

template <class Letter>
class PortClient {
public:
    explicit PortClient(port_t server) : server_(server), reply_port_(thread_reply()) {}

    void send(Bytes message) {
        Letter::address(message, server_, PORT_NULL);
        check_code(msg_send(&Letter::head(message), MSG_OPTION_NONE, 0), "msg_send");
    }
    void call(MutableBytes message) {
        Letter::address(message, server_, reply_port_);
        const auto size = static_cast<msg_size_t>(Letter::before + message.size());
        check_code(msg_rpc(&Letter::head(message), MSG_OPTION_NONE, size, 0, 0), "msg_rpc");
    }

private:
    port_t server_;
    port_t reply_port_;
};

// Remembers where each client wants its answer, so that it may come later.
template <class Letter>
class PortServer {
public:
    explicit PortServer(port_t port) : port_(port) {}

    bool receive(MutableBytes message) {
        msg_header_t& head = Letter::head(message);
        head.msg_size = static_cast<msg_size_t>(Letter::before + message.size());
        head.msg_local_port = port_;
        check_code(msg_receive(&head, MSG_OPTION_NONE, 0), "msg_receive");
        reply_to_[read_header(message).client] = head.msg_remote_port;
        return true;
    }
    void reply(unsigned client, Bytes message) {
        Letter::address(message, reply_to_[client], PORT_NULL);
        check_code(msg_send(&Letter::head(message), MSG_OPTION_NONE, 0), "msg_send");
    }

private:
    port_t port_;
    std::array<port_t, max_clients> reply_to_{};
};

// What the parent registers, and where.
enum Slot : std::size_t { parent_slot, token_slot, server_slot };

inline umach::Task parent_task() {
    return umach::Task(umach::registered_port(parent_slot).value().release());
}

// What peers in processes do before the roles start.
class PortParent {
public:
    explicit PortParent(const Config& config);
    PortParent(const PortParent&) = delete;

private:
    umach::ReceiveRight token_;  // a port that nobody sends to: rights to it travel
};

// The server's port, found by its clients; and with it as many ports as the measurement asks for.
class FoundPort {
public:
    explicit FoundPort(const Config& config);
    port_t name() const { return port_.name(); }

private:
    umach::ReceiveRight port_;
};

umach::SendRight find_server();

}  // namespace bench
