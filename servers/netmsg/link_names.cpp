// SPDX-License-Identifier: BSL-1.0
// Names across a link: what a name service here is asked for the other host is asked there.
#include <servers/netname.h>

#include "servers/name/wire.hpp"
#include "servers/netmsg/link.hpp"

#include <algorithm>
#include <cstring>

namespace umach::netmsg {
namespace {

constexpr std::size_t most_look_ups = 64;  // on their way to the other side

template <class Reply>
void answer(port_t to, Reply& reply) {
    reply.header.msg_simple = FALSE;
    reply.header.msg_size = sizeof reply;
    reply.header.msg_remote_port = to;
    reply.header.msg_id = names::look_up_id + names::reply_offset;
    if (msg_send(&reply.header, SEND_TIMEOUT, 0) != SEND_SUCCESS || type_of(to) != PORT_TYPE_NONE)
        give_up(to);
}

void refuse(port_t to, kern_return_t code) {
    names::Done reply;
    reply.result.code = code;
    answer(to, reply);
}

}  // namespace

void Link::check_in() {
    look_up_port_ = new_port();
    port_set_add(task_self(), set_, look_up_port_);
    const std::string name = names::link_prefix + peer_name_;
    netname_check_in(name_server_port, name.c_str(), look_up_port_, look_up_port_);
}

void Link::ask_peer(Buffer& message) {
    const port_t reply = message.header.msg_remote_port;
    names::LookUp request;
    const bool whole =
        message.header.msg_id == names::look_up_id && message.header.msg_size == sizeof request;
    if (!whole) return discard(message);
    std::memcpy(&request, message.bytes, sizeof request);
    const char* const end = std::find(request.name.text, request.name.text + most_port_name, '\0');
    const std::string name(static_cast<const char*>(request.name.text), end);
    if (look_ups_.size() >= most_look_ups) return refuse(reply, KERN_RESOURCE_SHORTAGE);
    Bytes packet;
    Writer writer(packet);
    writer.u8(static_cast<std::uint8_t>(Op::look_up));
    writer.u32(next_call_);
    writer.text(name);
    look_ups_[next_call_++] = reply;
    controls_.push_back(std::move(packet));
    flush();
}

bool Link::hear_look_up(Reader& reader) {
    const std::uint32_t call = reader.u32();
    const std::string name = reader.text(most_port_name);
    if (!reader.done()) return end("the peer asked for what is no name");
    port_t port = PORT_NULL;
    const kern_return_t code = netname_look_up(name_server_port, "", name.c_str(), &port);
    const WireRight right = code == NETNAME_SUCCESS ? rights_.leave(MSG_TYPE_PORT, port) : WireRight{};
    Bytes packet;
    Writer writer(packet);
    writer.u8(static_cast<std::uint8_t>(Op::found));
    writer.u32(call);
    writer.u32(static_cast<std::uint32_t>(code));
    writer.right(right);
    controls_.push_back(std::move(packet));
    rights_.left(right);
    return true;
}

bool Link::hear_found(Reader& reader) {
    const std::uint32_t call = reader.u32();
    const auto code = static_cast<kern_return_t>(reader.u32());
    const WireRight right = reader.right();
    const auto asked = look_ups_.find(call);
    if (!reader.done() || asked == look_ups_.end()) return end("the peer answered what was not asked");
    const port_t to = asked->second;
    look_ups_.erase(asked);
    const bool sends = right.kind == RightKind::mine || right.kind == RightKind::yours;
    if (code == NETNAME_SUCCESS && !sends) return refuse(to, NETNAME_NOT_CHECKED_IN), true;
    if (code != NETNAME_SUCCESS) return refuse(to, code), right.kind == RightKind::none;
    const auto arrival = rights_.arrive(right);
    if (!arrival) return end("the peer answered with a right that it cannot have");
    names::Found reply;
    reply.port.port = arrival->name;
    answer(to, reply);
    rights_.settle(*arrival, true);
    return true;
}

}  // namespace umach::netmsg
