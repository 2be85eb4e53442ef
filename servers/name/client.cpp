// SPDX-License-Identifier: BSL-1.0
// The calls that reach the name service: each a message and its reply.
#include "servers/name/wire.hpp"

#include <mach.h>
#include <servers/netname.h>
#include <cstring>

namespace umach::names {
namespace {

// returns: false when the name is longer than a name can be
bool put(NameItem& item, const char* text) {
    const std::size_t length = text != nullptr ? strnlen(text, sizeof item.text + 1) : 0;
    if (length > sizeof item.text) return false;
    std::memcpy(item.text, text, length);
    return true;
}

// A port of this call alone, so that no late answer to an earlier one can come to it.
class ReplyPort {
public:
    ReplyPort() { code_ = port_allocate(task_self(), &name_); }
    ~ReplyPort() {
        if (code_ == KERN_SUCCESS) port_deallocate(task_self(), name_);
    }
    ReplyPort(const ReplyPort&) = delete;
    ReplyPort& operator=(const ReplyPort&) = delete;
    port_name_t name() const { return name_; }
    kern_return_t code() const { return code_; }

private:
    port_name_t name_ = PORT_NULL;
    kern_return_t code_;
};

// Calls the server.
// returns: a code of msg_rpc(), MIG_REPLY_MISMATCH, or the server's
template <class Request, class Reply>
kern_return_t call(port_t server, msg_id_t id, Request& request, Reply& reply) {
    union Exchange {
        Request request;
        Reply reply;
        Done done;
        explicit Exchange(const Request& r) : request(r) {}
    } exchange(request);
    const ReplyPort answer_to;
    if (answer_to.code() != KERN_SUCCESS) return answer_to.code();
    msg_header_t& header = exchange.request.header;
    header.msg_simple = sizeof(Request) == sizeof(msg_header_t);
    header.msg_size = sizeof(Request);
    header.msg_local_port = answer_to.name();
    header.msg_remote_port = server;
    header.msg_id = id;
    const msg_return_t code = msg_rpc(&header, MSG_OPTION_NONE, sizeof exchange, 0, 0);
    if (code != RPC_SUCCESS) return code;
    const bool whole = exchange.reply.header.msg_size == sizeof(Reply);
    const bool refused =
        exchange.done.header.msg_size == sizeof(Done) && exchange.done.result.code != NETNAME_SUCCESS;
    if (exchange.reply.header.msg_id != id + reply_offset || (!whole && !refused)) return MIG_REPLY_MISMATCH;
    if (whole) reply = exchange.reply;
    return exchange.done.result.code;
}

}  // namespace
}  // namespace umach::names

using namespace umach::names;

extern "C" {

kern_return_t netname_check_in(port_t server_port, const char* port_name, port_t signature, port_t port_id) {
    CheckIn request;
    Done reply;
    if (!put(request.name, port_name)) return KERN_INVALID_ARGUMENT;
    port_type_t held = PORT_TYPE_NONE;
    if (port_type(task_self(), port_id, &held) == KERN_SUCCESS && held == PORT_TYPE_DEAD_NAME)
        return NETNAME_INVALID_PORT;
    request.signature.port = signature;
    request.port.port = port_id;
    return call(server_port, check_in_id, request, reply);
}

kern_return_t netname_look_up(port_t server_port, const char* host_name, const char* port_name,
                              port_t* port_id) {
    LookUp request;
    Found reply;
    if (!put(request.host, host_name) || !put(request.name, port_name)) return KERN_INVALID_ARGUMENT;
    const kern_return_t code = call(server_port, look_up_id, request, reply);
    if (code == NETNAME_SUCCESS) *port_id = reply.port.port;
    return code;
}

kern_return_t netname_check_out(port_t server_port, const char* port_name, port_t signature) {
    CheckOut request;
    Done reply;
    if (!put(request.name, port_name)) return KERN_INVALID_ARGUMENT;
    request.signature.port = signature;
    return call(server_port, check_out_id, request, reply);
}

kern_return_t netname_version(port_t server_port, netname_name_t version) {
    Version request;
    VersionTold reply;
    const kern_return_t code = call(server_port, version_id, request, reply);
    if (code == NETNAME_SUCCESS) std::memcpy(version, reply.text.text, sizeof(netname_name_t));
    return code;
}

}  // extern "C"
