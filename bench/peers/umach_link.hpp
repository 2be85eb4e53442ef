// SPDX-License-Identifier: BSL-1.0
// Our own ports, as the peers see them: the message's header stands in the room before the buffer, so that the
// payload is copied by nobody but the kernel.
#pragma once

#include <mach.h>

#include "harness/run.hpp"

namespace bench {

static_assert(sizeof(msg_header_t) <= Buffer::headroom);

inline void check_code(int code, const char* what) {
    if (code == KERN_SUCCESS) return;
    std::fprintf(stderr, "%s: %s\n", what, mach_error_string(code));
    std::exit(1);
}

// A message without items: the kernel does not look at the payload.
struct SimpleLetter {
    static constexpr std::size_t before = sizeof(msg_header_t);

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

// One side of a port, of a client or a server.
template <class Letter>
class PortLink {
public:
    explicit PortLink(port_t port, port_t reply_port = PORT_NULL) : port_(port), reply_port_(reply_port) {}

    void send(Bytes message) {
        Letter::address(message, port_, PORT_NULL);
        check_code(msg_send(&Letter::head(message), MSG_OPTION_NONE, 0), "msg_send");
    }
    void call(MutableBytes message) {
        Letter::address(message, port_, reply_port_);
        check_code(msg_rpc(&Letter::head(message), MSG_OPTION_NONE, size_of(message), 0, 0), "msg_rpc");
    }
    void receive(MutableBytes message) {
        msg_header_t& head = Letter::head(message);
        head.msg_size = size_of(message);
        head.msg_local_port = port_;
        check_code(msg_receive(&head, MSG_OPTION_NONE, 0), "msg_receive");
    }

private:
    static msg_size_t size_of(Bytes message) { return static_cast<msg_size_t>(Letter::before + message.size()); }

    port_t port_;
    port_t reply_port_;
};

// A server: remembers where each client wants its answer, so that it may come later.
template <class Letter>
class PortServer {
public:
    explicit PortServer(port_t port) : link_(port) {}

    bool receive(MutableBytes message) {
        link_.receive(message);
        reply_to_[read_header(message).client] = Letter::head(message).msg_remote_port;
        return true;
    }
    void reply(unsigned client, Bytes message) { PortLink<Letter>(reply_to_[client]).send(message); }

private:
    PortLink<Letter> link_;
    std::array<port_t, max_clients> reply_to_{};
};

}  // namespace bench
