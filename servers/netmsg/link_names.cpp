// SPDX-License-Identifier: BSL-1.0
// Names across a link: the other host's own, and what a name service here is asked for that host, which is asked there.
#include <servers/netname.h>

#include "servers/netmsg/link.hpp"
#include "servers/netmsg/replies.hpp"

#include <algorithm>
#include <string_view>

namespace umach::netmsg {
namespace {

constexpr std::size_t most_look_ups = 64;  // on their way to the other side

// A question and its answer begin alike.
Bytes question_head(Op op, std::uint32_t call) {
    Bytes packet;
    Writer writer(packet);
    writer.u8(static_cast<std::uint8_t>(op));
    writer.u32(call);
    return packet;
}

}  // namespace

bool Link::hear_hello(Reader& reader) {
    const std::uint8_t version = reader.u8();
    const std::string name = reader.text(most_host_name);
    if (version != protocol_version) return end("the peer speaks another version");
    if (!reader.ok() || name.empty() || name == "*") return end("the peer says no name");
    peer_name_ = name;
    if (!walled_) check_in();
    return true;
}

void Link::check_in() {
    look_up_port_ = new_port();
    port_set_add(task_self(), set_, look_up_port_);
    const std::string name = names::link_prefix + peer_name_;
    netname_check_in(name_server_port, name.c_str(), look_up_port_, look_up_port_);
}

void Link::ask_peer(Buffer& message) {
    const port_t reply = message.header.msg_remote_port;
    const std::string name = name_in(message);
    const bool version = message.header.msg_id == names::version_id;
    if (name.empty() && !version) return discard(message);
    if (look_ups_.size() >= most_look_ups) return refuse(reply, message.header.msg_id, KERN_RESOURCE_SHORTAGE);
    put_question(name, {version ? Op::version : Op::look_up, reply, 0});
}

bool Link::ask(const std::string& name, std::uint64_t search) {
    if (peer_name_.empty() || ended_ || look_ups_.size() >= most_look_ups) return false;
    put_question(name, {Op::look_up, PORT_NULL, search});
    return true;
}

void Link::put_question(const std::string& name, const Asked& asked) {
    Bytes packet = question_head(asked.op, next_call_);
    Writer writer(packet);
    if (asked.op == Op::look_up) writer.text(name);
    look_ups_[next_call_++] = asked;
    push_control(std::move(packet));
    flush();
}

bool Link::hear_look_up(Reader& reader) {
    const std::uint32_t call = reader.u32();
    const std::string name = reader.text(most_port_name);
    if (!reader.ok()) return end("the peer asked for what is no name");
    port_t port = PORT_NULL;
    const bool may = !given_ || given_->contains(name);
    const kern_return_t code =
        may ? netname_look_up(name_server_port, "", name.c_str(), &port) : NETNAME_NOT_CHECKED_IN;
    const WireRight right = code == NETNAME_SUCCESS ? rights_.leave(MSG_TYPE_PORT, port) : WireRight{};
    Bytes found = question_head(Op::found, call);
    Writer writer(found);
    writer.u32(static_cast<std::uint32_t>(code));
    writer.right(right);
    put_in_turn(std::move(found), right);
    return !ended_;
}

bool Link::hear_version(Reader& reader) {
    const std::uint32_t call = reader.u32();
    if (!reader.ok()) return end("the peer sent a packet of a wrong length");
    netname_name_t text{};
    netname_version(name_server_port, text);
    Bytes packet = question_head(Op::told, call);
    Writer writer(packet);
    writer.text(static_cast<const char*>(text));
    push_control(std::move(packet));
    return !ended_;
}

std::optional<Link::Asked> Link::asked_by(Op op, std::uint32_t call) {
    const auto asked = look_ups_.find(call);
    if (asked == look_ups_.end() || asked->second.op != op) return std::nullopt;
    const Asked question = asked->second;
    look_ups_.erase(asked);
    return question;
}

bool Link::hear_told(Reader& reader) {
    const std::uint32_t call = reader.u32();
    const std::string text = reader.text(most_port_name - 1);
    const auto asked = reader.ok() ? asked_by(Op::version, call) : std::nullopt;
    if (!asked) return end("the peer answered what was not asked");
    names::VersionTold reply;
    text.copy(static_cast<char*>(reply.text.text), text.size());
    answer(asked->reply, reply.header, sizeof reply, names::version_id);
    return true;
}

bool Link::hear_found(Reader& reader) {
    const std::uint32_t call = reader.u32();
    auto code = static_cast<kern_return_t>(reader.u32());
    const WireRight right = reader.right();
    const auto asked = reader.ok() ? asked_by(Op::look_up, call) : std::nullopt;
    if (!asked) return end("the peer answered what was not asked");
    const bool sends = right.kind == RightKind::mine || right.kind == RightKind::yours;
    if (code == NETNAME_SUCCESS && !sends) code = NETNAME_NOT_CHECKED_IN;
    if (code != NETNAME_SUCCESS) {
        if (asked->search != 0)
            found_(asked->search, PORT_NULL);
        else
            refuse(asked->reply, names::look_up_id, code);
        return !sends || end("the peer answered with a right that it cannot have");
    }
    const auto arrival = rights_.arrive(right);
    if (!arrival) return end(rights_.why());
    const bool taken = asked->search == 0 || found_(asked->search, arrival->name);
    if (asked->search == 0) answer_found(asked->reply, arrival->name);
    rights_.settle(*arrival, taken);
    return true;
}

}  // namespace umach::netmsg
