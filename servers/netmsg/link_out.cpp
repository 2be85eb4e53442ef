// SPDX-License-Identifier: BSL-1.0
// What goes out over a link: messages that were sent to its proxies, and small packets.
#include "servers/netmsg/link.hpp"

#include "servers/netmsg/order.hpp"

#include <algorithm>
#include <cstring>

namespace umach::netmsg {

using transport::Deadline;
using transport::Moved;

namespace {

constexpr std::size_t bytes_at_once = 512 << 10;  // to be sent; then messages that came meanwhile have a turn
constexpr std::size_t most_boarded = 256;         // bytes of small packets that go with a part

}  // namespace

// ---- out -----------------------------------------------------------------------------------------------

void Link::control(Op op, std::uint32_t id, std::uint32_t count) {
    Bytes bytes;
    Writer writer(bytes);
    writer.u8(static_cast<std::uint8_t>(op));
    writer.u32(id);
    if (has_count(op)) writer.u32(count);
    if (op == Op::inherit) return put_in_turn(std::move(bytes), {RightKind::all, id, count});
    push_control(std::move(bytes));
}

// A packet that speaks of a right as a message does.
void Link::put_in_turn(Bytes packet, const WireRight& right) {
    Outgoing outgoing;
    outgoing.packet = true;
    bytes_ += packet.size();
    outgoing.bytes = std::move(packet);
    outgoing.rights.push_back(right);
    outgoing_.push_back(std::move(outgoing));
    within_quota();
}

// Small packets that wait because the peer takes none count too.
void Link::push_control(Bytes packet) {
    bytes_ += packet.size();
    control_bytes_ += packet.size();
    controls_.push_back(std::move(packet));
    alone_until_.reset();
    within_quota();
}

bool Link::within_quota() {
    if (messages_ > quota_.messages) return end(past(quota_.messages, "messages that wait for room"));
    return bytes_ <= quota_.bytes || end(past(quota_.bytes, "bytes that wait"));
}

bool Link::send_frame(transport::Parts parts) {
    const Moved moved = transport_->send(parts, Deadline::in(std::chrono::seconds(0)));
    if (moved == Moved::gone) end(transport_->reason().empty() ? "the peer has ended" : transport_->reason());
    return moved == Moved::done;
}

// Small packets that wait, in their order, as many as have room.
// returns: how many
std::size_t Link::board(Bytes& frame, std::size_t room) const {
    std::size_t count = 0;
    for (; count < controls_.size() && controls_[count].size() <= room - frame.size(); ++count)
        frame.insert(frame.end(), controls_[count].begin(), controls_[count].end());
    return count;
}

void Link::boarded(std::size_t count) {
    for (; count > 0; --count) {
        bytes_ -= controls_.front().size();
        control_bytes_ -= controls_.front().size();
        controls_.pop_front();
    }
    alone_until_.reset();
}

// returns: whether no more bytes of small packets wait than may
bool Link::flush_controls(std::size_t may_wait) {
    while (!ended_ && control_bytes_ > may_wait) {
        Bytes frame;
        const std::size_t count = board(frame, transport_->largest());
        const View all = frame;
        if (!send_frame({&all, 1})) return false;
        boarded(count);
    }
    return !ended_;
}

// Small packets first, or with a message; of large messages a frame in turn.
void Link::flush() {
    has_more_ = false;
    std::size_t frames = 1 + bytes_at_once / transport_->largest();
    for (std::size_t held_back = 0; held_back < outgoing_.size();) {
        if (!flush_controls(most_boarded)) return;
        has_more_ = frames-- == 0;
        if (has_more_) return;
        const bool goes = may_go_on(outgoing_.front());
        if (goes && !send_part(outgoing_.front())) return;
        Outgoing sent = std::move(outgoing_.front());
        outgoing_.pop_front();
        held_back = goes ? 0 : held_back + 1;
        if (sent.ahead || sent.sent < sent.bytes.size()) {
            outgoing_.push_back(std::move(sent));
            continue;
        }
        for (const WireRight& right : sent.rights) rights_.left(right);
        if (sent.memory_bytes > 0) take_next(sent.id, true);
    }
    flush_controls(0);
}

// part and memory begin alike: of which message, how long the whole is, and where in it this is. Small packets
// that wait go before.
Bytes Link::part_head(Op op, std::uint32_t id, std::size_t length, std::size_t offset) const {
    Bytes frame;
    frame.reserve(control_bytes_ + part_head_bytes);
    board(frame, most_boarded);
    Writer writer(frame);
    writer.u8(static_cast<std::uint8_t>(op));
    writer.u32(id);
    writer.u32(static_cast<std::uint32_t>(length));
    writer.u32(static_cast<std::uint32_t>(offset));
    return frame;
}

bool Link::send_part(Outgoing& message) {
    if (message.packet) {
        bytes_ -= message.bytes.size();
        push_control(message.bytes);
        message.sent = message.bytes.size();
        return true;
    }
    if (message.memory_sent < message.memory_bytes) return send_memory(message);
    const Bytes head = part_head(Op::part, message.id, message.bytes.size(), message.sent);
    const std::size_t bytes = std::min(message.bytes.size() - message.sent, transport_->largest() - head.size());
    const View parts[] = {head, View(message.bytes).subspan(message.sent, bytes)};
    if (!send_frame(parts)) return false;
    boarded(controls_.size());
    message.sent += bytes;
    return true;
}

void Link::pack(std::byte* body, const Item& item, Parcel& parcel, Outgoing& outgoing) {
    std::byte* const data = data_of(body, item);
    for (std::size_t i = 0; item.rights() && i < item.number; ++i) {
        port_t name = PORT_NULL;
        std::memcpy(&name, data + i * sizeof name, sizeof name);
        parcel.rights.push_back(rights_.leave(item.code, name));
        std::memset(data + i * sizeof name, 0, sizeof name);
    }
    if (item.in_line) return;
    put_pointer(body, item, nullptr);
    Memory memory(data, item.bytes());
    if (!item.rights()) turn_data(memory.bytes(), item.bits);
    outgoing.memory_bytes += item.memory();
    if (item.memory() > 0) outgoing.memory.push_back(std::move(memory));
}

Parcel Link::pack(Buffer& message, Outgoing& outgoing) {
    Parcel parcel;
    parcel.id = message.header.msg_id;
    parcel.type = message.header.msg_type;
    parcel.simple = message.header.msg_simple != 0;
    const port_t reply = message.header.msg_remote_port;
    parcel.reply = rights_.leave(MSG_TYPE_PORT, reply);
    auto* const body = reinterpret_cast<std::byte*>(message.bytes) + sizeof(msg_header_t);
    const View view(body, message.header.msg_size - sizeof(msg_header_t));
    if (!parcel.simple) visit_items(view, [&](const Item& item) { pack(body, item, parcel, outgoing); });
    parcel.body.assign(view.begin(), view.end());
    if (!parcel.simple) body_to_wire(parcel.body);
    return parcel;
}

void Link::put(Buffer& message, Proxy& proxy, bool ahead) {
    Outgoing outgoing;
    outgoing.id = proxy.id;
    outgoing.ahead = ahead;
    if (proxy.once) {
        rights_.answered(proxy);
    } else {
        rights_.take_credit(proxy);
        outgoing.rights.push_back(rights_.depart(proxy));
    }
    // Others that speak of the same ports would have to wait for its credit, too.
    if (ahead && names_ports(message))
        outgoing.waits_at = put_by(message);
    else
        load(message, outgoing);
    outgoing_.push_back(std::move(outgoing));
}

void Link::load(Buffer& message, Outgoing& outgoing) {
    const Parcel parcel = pack(message, outgoing);
    encode_parcel(parcel, outgoing.bytes);
    outgoing.rights.push_back(parcel.reply);
    outgoing.rights.insert(outgoing.rights.end(), parcel.rights.begin(), parcel.rights.end());
    ++messages_out_;
}

// A message that was taken ahead of its credit has it.
// returns: false when it was lost, for want of names or memory
bool Link::follows(Outgoing& message) {
    message.ahead = false;
    if (!message.bytes.empty()) return true;
    Buffer whole;
    const bool there = take_back(std::exchange(message.waits_at, PORT_NULL), whole);
    if (there) load(whole, message);
    return there;
}

bool Link::take(Buffer& message) {
    const port_t at = message.header.msg_local_port;
    if (at == look_up_port_ && at != PORT_NULL) return ask_peer(message), true;
    Proxy* const proxy = rights_.proxy_named(at);
    if (proxy == nullptr) return false;
    // More would never go over: whoever waits for an answer learns that there will be none.
    if (memory_of(body_of(message)) > peer_memory_) {
        discard(message);
        if (proxy->once) rights_.once_died(at);
        flush();
        return true;
    }
    put(message, *proxy, false);
    flush();
    return true;
}

// From a proxy that has no credit, if a message waits there.
bool Link::take_next(std::uint32_t id, bool ahead) {
    Buffer message;
    message.header.msg_size = sizeof message;
    message.header.msg_local_port = rights_.without_credit(id);
    const port_t at = message.header.msg_local_port;
    if (at == PORT_NULL || msg_receive(&message.header, RCV_TIMEOUT, 0) != RCV_SUCCESS) return false;
    if (memory_of(body_of(message)) > peer_memory_) return discard(message), false;
    put(message, *rights_.proxy_named(at), ahead);
    return true;
}

// A message whose memory went ahead may follow. Or the next one is taken here if it waits already: who receives
// from the set would have to be woken for it.
bool Link::hear_credit(std::uint32_t id) {
    const auto ahead = std::find_if(outgoing_.begin(), outgoing_.end(), [id](const Outgoing& message) {
        return !message.packet && message.id == id;
    });
    if (ahead != outgoing_.end() && !ahead->ahead) return end("the peer gave a credit for what it has not taken");
    if (ahead != outgoing_.end()) {
        if (follows(*ahead)) return true;
        const WireRight to = ahead->rights.front();
        outgoing_.erase(ahead);
        rights_.left(to);
    }
    if (!take_next(id, false)) rights_.give_credit(id);
    return true;
}

}  // namespace umach::netmsg
