// SPDX-License-Identifier: BSL-1.0
// A link: frames out and in, and messages between them and the ports here.
#include "servers/netmsg/link.hpp"

#include <algorithm>
#include <cstring>

namespace umach::netmsg {

using transport::Deadline;
using transport::Ending;
using transport::Moved;

namespace {

constexpr int frames_at_once = 64;
constexpr std::size_t bytes_at_once = 256 << 10;  // to be sent; then messages that came meanwhile have a turn

Deadline now() {
    return Deadline::in(std::chrono::seconds(0));
}

}  // namespace

Link::Link(std::uint64_t number, std::unique_ptr<transport::Transport> transport, const Terms& terms,
           Ferry& ferry)
    : number_(number),
      transport_(std::move(transport)),
      set_(terms.set),
      quota_(terms.quota),
      given_(terms.given),
      walled_(terms.walled),
      due_(Deadline::in(terms.patience)),
      ferry_(ferry),
      rights_(terms.set, terms.quota, [this](Op op, std::uint32_t id, std::uint32_t count) { control(op, id, count); }) {
    Bytes hello;
    Writer writer(hello);
    writer.u8(static_cast<std::uint8_t>(Op::hello));
    writer.u8(protocol_version);
    writer.text(terms.host_name.substr(0, most_host_name));
    push_control(std::move(hello));
}

Link::~Link() {
    ferry_.abandon(number_);
    for (const auto& [call, asked] : look_ups_)
        asked.search != 0 ? static_cast<void>(found_(asked.search, PORT_NULL)) : give_up(asked.reply);
    if (look_up_port_ != PORT_NULL) end_port(look_up_port_);
}

bool Link::end(const std::string& reason) {
    if (!ended_) reason_ = reason;
    ended_ = true;
    return false;
}

std::string Link::counts() const {
    const auto& counts = transport_->counts();
    return std::to_string(messages_out_) + " messages out, " + std::to_string(messages_in_) + " in, " +
           std::to_string(counts.frames_sent) + " frames out, " + std::to_string(counts.frames_received) +
           " in, " + std::to_string(counts.sent_again) + " sent again";
}

std::string Link::who() const {
    const transport::Peer peer = transport_->peer();
    if (!peer.key.empty()) return ", key " + peer.key;
    return peer.user >= 0 ? ", user " + std::to_string(peer.user) : "";
}

void Link::attend() {
    Bytes frame;
    for (int i = 0; i < frames_at_once && !ended_; ++i) {
        const Moved moved = transport_->receive(frame, now());
        if (moved == Moved::later) break;
        if (moved == Moved::gone)
            end(transport_->reason());
        else if (!process(frame))
            end("the peer broke the protocol");
    }
    flush();
}

// ---- out -----------------------------------------------------------------------------------------------

void Link::control(Op op, std::uint32_t id, std::uint32_t count) {
    Bytes bytes;
    Writer writer(bytes);
    writer.u8(static_cast<std::uint8_t>(op));
    writer.u32(id);
    if (op == Op::release || op == Op::taken) writer.u32(count);
    push_control(std::move(bytes));
}

// Small packets that wait because the peer takes none count too.
void Link::push_control(Bytes packet) {
    bytes_ += packet.size();
    controls_.push_back(std::move(packet));
    within_quota();
}

bool Link::within_quota() {
    if (messages_ > quota_.messages) return end(past(quota_.messages, "messages that wait for room"));
    return bytes_ <= quota_.bytes || end(past(quota_.bytes, "bytes that wait"));
}

Deadline Link::due() const { return peer_name_.empty() ? due_ : Deadline::never(); }

void Link::check_due() {
    if (due().passed()) end("the peer did not say its name in time");
}

bool Link::send_frame(const Bytes& frame) {
    const Moved moved = transport_->send(frame, now());
    if (moved == Moved::gone) end(transport_->reason().empty() ? "the peer has ended" : transport_->reason());
    return moved == Moved::done;
}

// returns: whether all have gone
bool Link::flush_controls() {
    while (!ended_ && !controls_.empty()) {
        if (!send_frame(controls_.front())) return false;
        bytes_ -= controls_.front().size();
        controls_.pop_front();
    }
    return !ended_;
}

// Small frames first; of large messages a frame in turn.
void Link::flush() {
    has_more_ = false;
    if (!flush_controls()) return;
    std::size_t frames = 1 + bytes_at_once / transport_->largest();
    for (std::size_t held_back = 0; !ended_ && held_back < outgoing_.size();) {
        has_more_ = frames-- == 0;
        if (has_more_) return;
        const bool begins = may_begin(outgoing_.front());
        if (begins && !send_part(outgoing_.front())) return;
        Outgoing sent = std::move(outgoing_.front());
        outgoing_.pop_front();
        held_back = begins ? 0 : held_back + 1;
        if (sent.sent < sent.bytes.size()) {
            outgoing_.push_back(std::move(sent));
            continue;
        }
        for (const WireRight& right : sent.rights) rights_.left(right);
        flush_controls();
    }
}

// part and memory begin alike: of which message, how long the whole is, and where in it this is.
Bytes Link::part_head(Op op, std::uint32_t id, std::size_t length, std::size_t offset) const {
    Bytes frame;
    frame.reserve(transport_->largest());
    Writer writer(frame);
    writer.u8(static_cast<std::uint8_t>(op));
    writer.u32(id);
    writer.u32(static_cast<std::uint32_t>(length));
    writer.u32(static_cast<std::uint32_t>(offset));
    return frame;
}

bool Link::send_part(Outgoing& message) {
    if (message.memory_sent < message.memory_bytes) return send_memory(message);
    const std::size_t bytes =
        std::min(message.bytes.size() - message.sent, transport_->largest() - part_head_bytes);
    Bytes frame = part_head(Op::part, message.id, message.bytes.size(), message.sent);
    Writer writer(frame);
    writer.bytes(View(message.bytes).subspan(message.sent, bytes));
    if (!send_frame(frame)) return false;
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
    return parcel;
}

bool Link::take(Buffer& message) {
    const port_t at = message.header.msg_local_port;
    if (at == look_up_port_ && at != PORT_NULL) return ask_peer(message), true;
    Proxy* const proxy = rights_.proxy_named(at);
    if (proxy == nullptr) return false;
    // More would never go over: whoever waits for an answer learns that there will be none.
    if (memory_of(body_of(message)) > most_memory) return discard(message), true;
    Outgoing outgoing;
    outgoing.id = proxy->id;
    if (proxy->once) {
        rights_.used_up(*proxy);
    } else {
        rights_.take_credit(*proxy);
        outgoing.rights.push_back(rights_.depart(*proxy));
    }
    const Parcel parcel = pack(message, outgoing);
    encode_parcel(parcel, outgoing.bytes);
    outgoing.rights.push_back(parcel.reply);
    outgoing.rights.insert(outgoing.rights.end(), parcel.rights.begin(), parcel.rights.end());
    outgoing_.push_back(std::move(outgoing));
    ++messages_out_;
    flush();
    return true;
}

bool Link::notified(const notification_t& notice) {
    const port_t name = notice.notify_port;
    const bool ours = [&] {
        switch (notice.notify_header.msg_id) {
            case NOTIFY_PORT_DELETED: return rights_.port_died(name);
            case NOTIFY_NO_MORE_SENDERS: return rights_.senders_gone(name);
            case NOTIFY_SEND_ONCE: return rights_.once_died(name);
            case NOTIFY_RECEIVE_RIGHTS: return rights_.came_back(name);
            default: return false;
        }
    }();
    if (ours) flush();
    return ours;
}

// ---- in ------------------------------------------------------------------------------------------------

bool Link::process(View frame) {
    Reader reader(frame);
    const auto op = static_cast<Op>(reader.u8());
    if ((op == Op::hello) != peer_name_.empty()) return end("the peer did not begin with one hello");
    switch (op) {
        case Op::hello: return hear_hello(reader);
        case Op::part: return hear_part(reader);
        case Op::memory: return hear_memory(reader);
        case Op::look_up: return hear_look_up(reader);
        case Op::found: return hear_found(reader);
        case Op::version: return hear_version(reader);
        case Op::told: return hear_told(reader);
        case Op::credit:
        case Op::dead:
        case Op::taken:
        case Op::release: break;
        default: return end("the peer sent an unknown packet");
    }
    const std::uint32_t id = reader.u32();
    const std::uint32_t count = op == Op::release || op == Op::taken ? reader.u32() : 1;
    if (!reader.done()) return end("the peer sent a packet of a wrong length");
    if (op == Op::credit) rights_.give_credit(id);
    if (op == Op::dead) rights_.died(id);
    if (op == Op::taken) memory_out_ -= std::min<std::size_t>(memory_out_, count);
    return op != Op::release || rights_.released(id, count) ||
           end("the peer gave back what it does not have");
}

bool Link::may_send_to(const Holding* to) {
    if (to == nullptr) return end("the peer sent to a port that it has no right to");
    return !to->busy || end("the peer sent without a credit");
}

bool Link::hear_part(Reader& reader) {
    const std::uint32_t id = reader.u32(), length = reader.u32(), offset = reader.u32();
    const View bytes = reader.rest();
    if (!may_send_to(reader.ok() ? rights_.holding(id) : nullptr)) return false;
    Incoming& incoming = incoming_[id];
    if (offset == 0 && incoming.bytes.empty()) incoming.length = length;
    const bool fits = length == incoming.length && length <= most_parcel && offset == incoming.bytes.size() &&
                      !bytes.empty() && bytes.size() <= length - offset &&
                      incoming.memory_come == incoming.memory_length;
    if (!fits) return end("the peer sent a part that does not fit");
    incoming.bytes.insert(incoming.bytes.end(), bytes.begin(), bytes.end());
    bytes_ += bytes.size();
    if (incoming.bytes.size() < length) return within_quota();
    bytes_ -= length;
    Incoming whole = std::move(incoming);
    incoming_.erase(id);
    return message_for(id, std::move(whole));
}

bool Link::message_for(std::uint32_t id, Incoming whole) {
    const auto parcel = decode_parcel(whole.bytes);
    if (!parcel) return end("the peer sent a message that is none");
    if ((parcel->simple ? 0 : memory_of(parcel->body)) != whole.memory_length)
        return end("the peer sent memory that its message has no place for");
    auto delivery = std::make_unique<Delivery>();
    delivery->link = number_;
    delivery->id = id;
    delivery->lost = whole.memory.size() < whole.memory_length;
    delivery->memory_length = whole.memory_length;
    delivery->memory = std::move(whole.memory);
    if (!unpack(*parcel, *delivery)) {
        for (const Arrival& arrival : delivery->arrivals) rights_.settle(arrival, false);
        return end(rights_.why());
    }
    ++messages_in_;
    deliver(std::move(delivery));
    return !ended_;
}

bool Link::unpack_rights(const Parcel& parcel, std::size_t first, const Item& item, Delivery& delivery) {
    auto* const body = reinterpret_cast<std::byte*>(delivery.message.bytes) + sizeof(msg_header_t);
    const bool moves = item.code == MSG_TYPE_PORT_RECEIVE || item.code == MSG_TYPE_PORT_ALL;
    std::byte* names = body + item.data;
    if (!item.in_line) {
        names = reinterpret_cast<std::byte*>(delivery.names.data() + delivery.names.size());
        delivery.names.resize(delivery.names.size() + static_cast<std::size_t>(item.number));
        put_pointer(body, item, names);
    }
    put_code(body, item, moves ? item.code : MSG_TYPE_PORT, false);
    for (std::size_t i = 0; i < item.number; ++i) {
        const WireRight& right = parcel.rights[first + i];
        const bool moved = right.kind == RightKind::receive || right.kind == RightKind::all;
        const bool nothing = right.kind == RightKind::none || right.kind == RightKind::dead;
        const auto arrival = nothing || moves == moved ? rights_.arrive(right) : std::nullopt;
        if (!arrival) return false;
        delivery.arrivals.push_back(*arrival);
        std::memcpy(names + i * sizeof(port_t), &arrival->name, sizeof(port_t));
    }
    return true;
}

bool Link::unpack(const Parcel& parcel, Delivery& delivery) {
    const bool reply_moves = parcel.reply.kind == RightKind::receive || parcel.reply.kind == RightKind::all;
    const auto reply = reply_moves ? std::nullopt : rights_.arrive(parcel.reply);
    if (!reply) return false;
    delivery.arrivals.push_back(*reply);
    Buffer& message = delivery.message;
    auto* const body = reinterpret_cast<std::byte*>(message.bytes) + sizeof(msg_header_t);
    std::copy(parcel.body.begin(), parcel.body.end(), body);
    delivery.names.reserve(parcel.rights.size());  // they stay where they are
    std::size_t next = 0;
    bool possible = true;
    if (!parcel.simple)
        visit_items(parcel.body, [&](const Item& item) {
            if (!item.rights()) return;
            possible = possible && unpack_rights(parcel, next, item, delivery);
            next += static_cast<std::size_t>(item.number);
        });
    message.header.msg_simple = parcel.simple;
    message.header.msg_size = static_cast<msg_size_t>(sizeof(msg_header_t) + parcel.body.size());
    message.header.msg_type = parcel.type;
    message.header.msg_local_port = reply->name == PORT_DEAD ? PORT_NULL : reply->name;
    message.header.msg_id = parcel.id;
    if (!parcel.simple) unpack_memory(parcel, delivery);
    return possible;
}

void Link::deliver(std::unique_ptr<Delivery> delivery) {
    Holding* const to = rights_.holding(delivery->id);
    if (to == nullptr || to->dead || delivery->lost) return finish(*delivery, false);
    delivery->message.header.msg_remote_port = to->name;
    const msg_return_t code = msg_send(&delivery->message.header, SEND_TIMEOUT, 0);
    if (code != SEND_TIMED_OUT) return finish(*delivery, code == SEND_SUCCESS);
    to->busy = true;
    bytes_ += delivery->message.header.msg_size;
    ++messages_;
    ferry_.carry(std::move(delivery));
    within_quota();
}

void Link::landed(Delivery& delivery, msg_return_t code) {
    bytes_ -= delivery.message.header.msg_size;
    --messages_;
    if (Holding* const to = rights_.holding(delivery.id); to != nullptr) to->busy = false;
    finish(delivery, code == SEND_SUCCESS);
    flush();
}

void Link::finish(Delivery& delivery, bool sent) {
    for (const Arrival& arrival : delivery.arrivals) rights_.settle(arrival, sent);
    if (delivery.memory_length > 0) {
        if (sent && delivery.moves) delivery.memory.release();
        memory_in_ -= delivery.memory_length;
        control(Op::taken, 0, static_cast<std::uint32_t>(delivery.memory_length));
    }
    Holding* const to = rights_.holding(delivery.id);
    if (to == nullptr) return;
    if (!to->once) return control(Op::credit, delivery.id, 1);
    if (!sent && !to->dead) give_up(to->name);
    rights_.used_up(*to);
}

}  // namespace umach::netmsg
