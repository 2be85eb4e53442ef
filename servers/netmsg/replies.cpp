// SPDX-License-Identifier: BSL-1.0
#include "servers/netmsg/replies.hpp"

#include <algorithm>
#include <cstring>

#include "servers/netmsg/packet.hpp"

namespace umach::netmsg {

void answer(port_t to, msg_header_t& reply, msg_size_t size, msg_id_t request) {
    reply.msg_simple = FALSE;
    reply.msg_size = size;
    reply.msg_remote_port = to;
    reply.msg_id = request + names::reply_offset;
    if (msg_send(&reply, SEND_TIMEOUT, 0) != SEND_SUCCESS || type_of(to) != PORT_TYPE_NONE) give_up(to);
}

void answer_found(port_t to, port_t port) {
    names::Found reply;
    reply.port.port = port;
    answer(to, reply.header, sizeof reply, names::look_up_id);
}

void refuse(port_t to, msg_id_t request, kern_return_t code) {
    names::Done reply;
    reply.result.code = code;
    answer(to, reply.header, sizeof reply, request);
}

std::string name_in(const Buffer& message) {
    names::LookUp request;
    if (message.header.msg_id != names::look_up_id || message.header.msg_size != sizeof request) return "";
    std::memcpy(&request, message.bytes, sizeof request);
    const char* const begin = static_cast<const char*>(request.name.text);
    return {begin, std::find(begin, begin + most_port_name, '\0')};
}

}  // namespace umach::netmsg
