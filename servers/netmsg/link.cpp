// SPDX-License-Identifier: BSL-1.0
// A link: its life, and what comes in over it, which becomes messages to ports here.
#include "servers/netmsg/link.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace umach::netmsg {

using transport::Deadline;
using transport::Ending;
using transport::Moved;
using namespace std::chrono_literals;

namespace {

constexpr int frames_at_once = 64;
constexpr auto company = std::chrono::microseconds(250);  // how long a credit waits for an answer to go with

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
      rights_(terms.set, terms.quota, [this](Op op, std::uint32_t id, std::uint32_t count) { control(op, id, count); }, terms.news) {
    Bytes hello;
    Writer writer(hello);
    writer.u8(static_cast<std::uint8_t>(Op::hello));
    writer.u8(protocol_version);
    writer.text(terms.host_name.substr(0, most_host_name));
    push_control(std::move(hello));
    if (quota_.memory < most_memory) control(Op::room, 0, static_cast<std::uint32_t>(quota_.memory));
}

Link::~Link() {
    ferry_.abandon(number_);
    for (const auto& [call, asked] : look_ups_)
        asked.search != 0 ? static_cast<void>(found_(asked.search, PORT_NULL)) : give_up(asked.reply);
    if (look_up_port_ != PORT_NULL) end_port(look_up_port_);
    for (const Outgoing& message : outgoing_)
        if (message.waits_at != PORT_NULL) end_port(message.waits_at);
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

// When the peer has to have said who it is, or what could wait for company goes alone.
Deadline Link::due() const {
    const Deadline alone = alone_until_.value_or(Deadline::never());
    return peer_name_.empty() ? Deadline::earlier(due_, alone) : alone;
}

void Link::check_due() {
    if (peer_name_.empty() && due_.passed()) end("the peer did not say its name in time");
    if (alone_until_ && alone_until_->passed()) flush();
}

bool Link::waits_for_company() const {
    return alone_until_ && !alone_until_->passed() && outgoing_.empty();
}

void Link::attend() {
    View frame;
    for (int i = 0; i < frames_at_once && !ended_; ++i) {
        const Moved moved = transport_->receive(frame, Deadline::in(0s));
        if (moved == Moved::later) break;
        if (moved == Moved::gone)
            end(transport_->reason());
        else if (!process(frame))
            end("the peer broke the protocol");
        // Who sent much waits for that, and more that has come may take long.
        if (std::exchange(tells_at_once_, false)) flush();
    }
    if (!waits_for_company()) flush();
}

bool Link::notified(const notification_t& notice) {
    const port_t name = notice.notify_port;
    const bool ours = [&] {
        switch (notice.notify_header.msg_id) {
            case NOTIFY_PORT_DELETED: return rights_.port_died(name);
            case NOTIFY_NO_MORE_SENDERS: return rights_.senders_gone(name);
            case NOTIFY_SEND_ONCE: return rights_.once_died(name);
            case NOTIFY_RECEIVE_RIGHTS: return rights_.came_back(name);
            case NOTIFY_OWNERSHIP_RIGHTS: return rights_.owner_gone(name);
            default: return false;
        }
    }();
    if (ours) flush();
    return ours;
}

// ---- in ------------------------------------------------------------------------------------------------

bool Link::process(View frame) {
    Reader reader(frame);
    bool good = hear(reader);
    while (good && !ended_ && !reader.done()) good = hear(reader);
    return good;
}

bool Link::hear(Reader& reader) {
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
        case Op::room:
        case Op::unowned:
        case Op::inherit:
        case Op::release: break;
        default: return end("the peer sent an unknown packet");
    }
    const std::uint32_t id = reader.u32();
    const std::uint32_t count = has_count(op) ? reader.u32() : 1;
    if (!reader.ok()) return end("the peer sent a packet of a wrong length");
    if (op == Op::credit) return hear_credit(id);
    if (op == Op::dead) rights_.died(id);
    if (op == Op::taken) memory_out_ -= std::min<std::size_t>(memory_out_, count);
    if (op == Op::room) peer_memory_ = std::min<std::size_t>(count, most_memory);
    if (op == Op::inherit) return rights_.inherited(id, count) || end(rights_.why());
    if (op != Op::release && op != Op::unowned) return true;
    const bool had = op == Op::release ? rights_.released(id, count) : rights_.unowned(id);
    forget_incoming(id);
    return had || end("the peer gave back what it does not have");
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
    delivery->memory.push_back(std::move(whole.memory));
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
    const bool owns = item.code == MSG_TYPE_PORT_OWNERSHIP;
    std::byte* names = body + item.data;
    if (!item.in_line) {
        names = reinterpret_cast<std::byte*>(delivery.names.data() + delivery.names.size());
        delivery.names.resize(delivery.names.size() + static_cast<std::size_t>(item.number));
        put_pointer(body, item, names);
    }
    put_code(body, item, moves || owns ? item.code : MSG_TYPE_PORT, false);
    for (std::size_t i = 0; i < item.number; ++i) {
        const WireRight& right = parcel.rights[first + i];
        const bool owned = right.kind == RightKind::own || right.kind == RightKind::own_home;
        const bool nothing = right.kind == RightKind::none || right.kind == RightKind::dead;
        const auto arrival = nothing || (moves == right.moves() && owns == owned) ? rights_.arrive(right) : std::nullopt;
        if (!arrival) return false;
        delivery.arrivals.push_back(*arrival);
        std::memcpy(names + i * sizeof(port_t), &arrival->name, sizeof(port_t));
    }
    return true;
}

bool Link::unpack(const Parcel& parcel, Delivery& delivery) {
    const bool reply_moves = parcel.reply.kind >= RightKind::receive;
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

// A port that dies before the message stands in the line takes its name along; with ownership, before it leaves it.
// returns: whether there was one, for which the message has PORT_DEAD, or no ownership
bool Link::mark_dead(Delivery& delivery) {
    bool any = false;
    const auto marked = [&](Arrival& arrival) {
        const bool sends = arrival.kind == RightKind::mine || arrival.kind == RightKind::yours;
        const bool owns = arrival.kind == RightKind::own || arrival.kind == RightKind::own_home;
        if (!(sends || owns) || arrival.name == PORT_DEAD || arrival.name == PORT_NULL) return false;
        const port_type_t type = type_of(arrival.name);
        if (type != PORT_TYPE_NONE && !(owns && type == PORT_TYPE_DEAD_NAME)) return false;
        arrival.name = sends ? PORT_DEAD : PORT_NULL;
        return any = true;
    };
    msg_header_t& header = delivery.message.header;
    auto arrival = delivery.arrivals.begin();
    if (marked(*arrival++)) header.msg_local_port = PORT_NULL;
    auto* const body = reinterpret_cast<std::byte*>(delivery.message.bytes) + sizeof header;
    visit_items(body_of(delivery.message), [&](const Item& item) {
        for (std::size_t i = 0; item.rights() && i < item.number; ++i, ++arrival)
            if (marked(*arrival)) std::memcpy(data_of(body, item) + i * sizeof(port_t), &arrival->name, sizeof(port_t));
    });
    return any;
}

void Link::landed(std::unique_ptr<Delivery> delivery, msg_return_t code) {
    const std::uint32_t id = delivery->id;
    bytes_ -= delivery->message.header.msg_size;
    --messages_;
    rights_.holding(id)->busy = false;
    if (code != SEND_SUCCESS && mark_dead(*delivery))
        deliver(std::move(delivery));
    else
        finish(*delivery, code == SEND_SUCCESS);
    if (const Holding* const to = rights_.holding(id); to != nullptr && !to->busy) rights_.arrived(id);
    forget_incoming(id);
    flush();
}

// What has come of a message to a right that the other side has given back, or used up.
void Link::forget_incoming(std::uint32_t id) {
    const auto come = incoming_.find(id);
    if (come == incoming_.end() || rights_.holding(id) != nullptr) return;
    memory_in_ -= come->second.memory_length;
    bytes_ -= come->second.bytes.size();
    incoming_.erase(come);
}

void Link::finish(Delivery& delivery, bool sent) {
    for (const Arrival& arrival : delivery.arrivals) rights_.settle(arrival, sent);
    if (delivery.memory_length > 0) {
        for (Memory& memory : delivery.memory)
            if (sent) memory.release();
        memory_in_ -= delivery.memory_length;
        control(Op::taken, 0, static_cast<std::uint32_t>(delivery.memory_length));
        tells_at_once_ = true;
    }
    Holding* const to = rights_.holding(delivery.id);
    if (to == nullptr) return;
    if (!to->once) return give_credit(delivery);
    if (!sent && !to->dead) give_up(to->name);
    rights_.used_up(*to);
}

// The answer to a request goes the same way, and takes the credit along if it comes soon.
void Link::give_credit(const Delivery& delivery) {
    const bool first = controls_.empty();
    control(Op::credit, delivery.id, 1);
    if (first && delivery.arrivals.front().kind == RightKind::once) alone_until_ = Deadline::in(company);
}

}  // namespace umach::netmsg
