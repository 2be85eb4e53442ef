// SPDX-License-Identifier: BSL-1.0
// The name service: one thread that receives requests, and the news of dead ports, from one port set.
#include "servers/name/table.hpp"
#include "servers/name/wire.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace umach::names {
namespace {

constexpr const char* version_text = "umach name service 1";

std::string text_of(const netname_name_t& text) {
    return std::string(text, static_cast<std::size_t>(std::find(text, text + sizeof text, '\0') - text));
}

bool fits(const NameItem& item) {
    const NameItem right;
    return item.type.msg_type_header.msg_type_longform == 1 &&
           item.type.msg_type_header.msg_type_inline == 1 &&
           item.type.msg_type_long_name == right.type.msg_type_long_name &&
           item.type.msg_type_long_size == right.type.msg_type_long_size &&
           item.type.msg_type_long_number == 1;
}

bool fits(const PortItem& item) {
    return item.type.msg_type_name == MSG_TYPE_PORT && item.type.msg_type_number == 1 &&
           item.type.msg_type_inline == 1 && item.type.msg_type_longform == 0;
}

union Buffer {
    msg_header_t header;
    notification_t notification;
    CheckIn check_in;
    LookUp look_up;
    CheckOut check_out;
    char bytes[MSG_SIZE_MAX];
    Buffer() : bytes{} {}
};

// The right that came to a name is one reference; a right of another kind goes whole.
void release_received(port_t name) {
    if (name == PORT_NULL || name == PORT_DEAD) return;
    if (port_release(task_self(), name, PORT_TYPE_SEND) != KERN_SUCCESS) port_deallocate(task_self(), name);
}

// Gives up every right in the body of a message that is not a request of ours.
void refuse_rights(const Buffer& buffer) {
    if (buffer.header.msg_simple != 0) return;
    std::size_t at = sizeof(msg_header_t);
    while (at + sizeof(msg_type_t) <= buffer.header.msg_size) {
        msg_type_long_t type{};
        std::memcpy(&type, buffer.bytes + at, std::min(sizeof type, buffer.header.msg_size - at));
        const msg_type_t& brief = type.msg_type_header;
        const bool lengthy = brief.msg_type_longform != 0;
        const unsigned kind = lengthy ? type.msg_type_long_name : brief.msg_type_name;
        const std::size_t bits = lengthy ? type.msg_type_long_size : brief.msg_type_size;
        const std::size_t number = lengthy ? type.msg_type_long_number : brief.msg_type_number;
        at += lengthy ? sizeof type : sizeof brief;
        const bool rights = MSG_TYPE_PORT_ANY(kind);
        for (std::size_t i = 0;
             rights && i < number && at + (i + 1) * sizeof(port_t) <= buffer.header.msg_size; ++i) {
            port_t name = PORT_NULL;
            std::memcpy(&name, buffer.bytes + at + i * sizeof name, sizeof name);
            release_received(name);
        }
        at += ((bits * number + 7) / 8 + 3) & ~std::size_t{3};
    }
}

class Server {
public:
    explicit Server(port_t port) : port_(port) {}

    void run() {
        const task_t self = task_self();
        port_set_name_t set = PORT_NULL;
        if (port_set_allocate(self, &set) != KERN_SUCCESS) return;
        port_set_add(self, set, task_notify());
        if (port_set_add(self, set, port_) == KERN_SUCCESS) receive_from(set);
        port_set_deallocate(self, set);
    }

private:
    void receive_from(port_set_name_t set) {
        for (;;) {
            Buffer buffer;
            buffer.header.msg_size = sizeof buffer;
            buffer.header.msg_local_port = set;
            const msg_return_t got = msg_receive(&buffer.header, MSG_OPTION_NONE, 0);
            if (got == RCV_SUCCESS)
                serve(buffer);
            else if (got != RCV_INTERRUPTED && got != RCV_TOO_LARGE)
                return;
        }
    }

    void serve(const Buffer& buffer) {
        if ((buffer.header.msg_unused & MSG_UNUSED_KERNEL) != 0) {
            if (buffer.header.msg_id == NOTIFY_PORT_DELETED) table_.forget(buffer.notification.notify_port);
            return;
        }
        switch (buffer.header.msg_id) {
            case check_in_id: return check_in(buffer);
            case look_up_id: return look_up(buffer);
            case check_out_id: return check_out(buffer);
            case version_id: return tell_version(buffer);
            default: refuse(buffer, MIG_BAD_ID);
        }
    }

    void check_in(const Buffer& buffer) {
        const CheckIn& request = buffer.check_in;
        if (request.header.msg_size != sizeof request || !fits(request.name) || !fits(request.signature) ||
            !fits(request.port))
            return refuse(buffer, MIG_BAD_ARGUMENTS);
        Done reply;
        reply.result.code =
            table_.check_in(text_of(request.name.text), request.signature.port, request.port.port);
        answer(buffer.header, reply);
    }

    void look_up(const Buffer& buffer) {
        const LookUp& request = buffer.look_up;
        if (request.header.msg_size != sizeof request || !fits(request.host) || !fits(request.name))
            return refuse(buffer, MIG_BAD_ARGUMENTS);
        const std::string host = text_of(request.host.text);
        Found reply;
        reply.port.port = table_.look_up(text_of(request.name.text));
        const bool there = reply.port.port != PORT_NULL;
        // A netmsg server asks all hosts for what is not here; without one this is all there is.
        const bool everywhere = host == "*" && !there && table_.look_up(std::string(link_prefix) + "*") != PORT_NULL;
        if (everywhere || (!host.empty() && host != "*")) return pass_on(buffer, host);
        // A port that died, and whose notification is still to come, cannot be sent.
        if (!there || send_reply(buffer.header, reply) == SEND_INVALID_PORT)
            refuse(buffer, NETNAME_NOT_CHECKED_IN);
        else
            give_up_reply_right(buffer.header);
    }

    // The server of a link is checked in like any other, and answers for its host what is answered here for this.
    void pass_on(const Buffer& buffer, const std::string& host) {
        LookUp request = buffer.look_up;
        request.header.msg_remote_port = table_.look_up(link_prefix + host);
        request.header.msg_local_port = buffer.header.msg_remote_port;
        if (request.header.msg_remote_port == PORT_NULL) return refuse(buffer, NETNAME_NO_SUCH_HOST);
        const msg_return_t sent = msg_send(&request.header, SEND_TIMEOUT, 0);
        if (sent == SEND_SUCCESS) return give_up_reply_right(buffer.header);
        refuse(buffer, sent == SEND_TIMED_OUT ? KERN_RESOURCE_SHORTAGE : NETNAME_NO_SUCH_HOST);
    }

    void check_out(const Buffer& buffer) {
        const CheckOut& request = buffer.check_out;
        if (request.header.msg_size != sizeof request || !fits(request.name) || !fits(request.signature))
            return refuse(buffer, MIG_BAD_ARGUMENTS);
        Done reply;
        reply.result.code = table_.check_out(text_of(request.name.text), request.signature.port);
        answer(buffer.header, reply);
    }

    void tell_version(const Buffer& buffer) {
        VersionTold reply;
        std::string_view(version_text).copy(reply.text.text, sizeof(netname_name_t) - 1);
        answer(buffer.header, reply);
    }

    void refuse(const Buffer& buffer, kern_return_t code) {
        refuse_rights(buffer);
        Done reply;
        reply.result.code = code;
        answer(buffer.header, reply);
    }

    // A client that does not take its answer must not hold up the others.
    template <class Reply>
    msg_return_t send_reply(const msg_header_t& request, Reply& reply) {
        reply.header.msg_simple = FALSE;
        reply.header.msg_size = sizeof reply;
        reply.header.msg_remote_port = request.msg_remote_port;
        reply.header.msg_id = request.msg_id + reply_offset;
        return msg_send(&reply.header, SEND_TIMEOUT, 0);
    }

    template <class Reply>
    void answer(const msg_header_t& request, Reply& reply) {
        send_reply(request, reply);
        give_up_reply_right(request);
    }

    // A send-once right went with the reply, and its name is free; anything else is still here.
    void give_up_reply_right(const msg_header_t& request) { release_received(request.msg_remote_port); }

    port_t port_;
    Table table_;
};

}  // namespace
}  // namespace umach::names

extern "C" void umach_serve_names(port_t port);
extern "C" void umach_serve_names(port_t port) {
    umach::names::Server(port).run();
}
