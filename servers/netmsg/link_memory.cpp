// SPDX-License-Identifier: BSL-1.0
// Data out of line across a link: it goes before its message, in frames like those of the message, and between
// them small messages pass. Each side keeps at most so much of the other's.
#include "servers/netmsg/link.hpp"

#include "servers/netmsg/order.hpp"

#include <algorithm>
#include <cstring>

namespace umach::netmsg {

using transport::most_parts;

// What goes ahead of its credit leaves half of what the peer keeps to others.
bool Link::may_go_on(const Outgoing& message) const {
    const bool begun = message.memory_sent > 0 || message.sent > 0;
    if (!begun && !rights_.may_leave(message.rights)) return false;
    if (message.memory_sent == message.memory_bytes) return !message.ahead;
    return message.memory_sent > 0 || memory_out_ + message.memory_bytes <= peer_memory_ / (message.ahead ? 2 : 1);
}

bool Link::send_memory(Outgoing& message) {
    const Bytes head = part_head(Op::memory, message.id, message.memory_bytes, message.memory_sent);
    std::vector<View> parts{head};
    std::size_t before = message.memory_sent, bytes = 0;  // to leave out, and to send
    for (auto memory = message.memory.begin(); memory != message.memory.end() && parts.size() < most_parts; ++memory) {
        const std::size_t skipped = std::min(before, memory->size());
        const std::size_t room = transport_->largest() - head.size() - bytes;
        before -= skipped;
        if (skipped == memory->size()) continue;
        parts.push_back(memory->bytes().subspan(skipped, std::min(room, memory->size() - skipped)));
        bytes += parts.back().size();
    }
    if (!send_frame(parts)) return false;
    boarded(controls_.size());
    if (message.memory_sent == 0) memory_out_ += message.memory_bytes;
    message.memory_sent += bytes;
    if (message.memory_sent == message.memory_bytes) message.memory.clear();
    return true;
}

bool Link::hear_memory(Reader& reader) {
    const std::uint32_t id = reader.u32(), length = reader.u32(), offset = reader.u32();
    const View bytes = reader.rest();
    if (!reader.ok() || rights_.holding(id) == nullptr) return end("the peer sent to a port that it has no right to");
    Incoming& incoming = incoming_[id];
    if (offset == 0 && incoming.memory_length == 0) {
        if (length > quota_.memory - memory_in_) return end(past(quota_.memory, "bytes out of line"));
        memory_in_ += length;
        incoming.memory_length = length;
        incoming.memory = Memory::allocate(length);
    }
    const bool fits = length == incoming.memory_length && offset == incoming.memory_come &&
                      incoming.bytes.empty() && !bytes.empty() && bytes.size() <= length - offset;
    if (!fits) return end("the peer sent memory that does not fit");
    if (incoming.memory.size() > 0) std::copy(bytes.begin(), bytes.end(), incoming.memory.bytes().begin() + offset);
    incoming.memory_come += static_cast<std::uint32_t>(bytes.size());
    return true;
}

// What came for several items is cut up, so that each has pages of its own: all of it goes on without a copy.
bool Link::cut_up(const Parcel& parcel, std::vector<Memory>& memory) {
    const Memory all = std::move(memory.front());
    std::size_t next = 0;
    bool enough = true;
    memory.clear();
    visit_items(parcel.body, [&](const Item& item) {
        const auto bytes = static_cast<std::size_t>(item.memory());
        if (bytes == 0 || memory.size() == MSG_RIGHTS_MAX) return;
        memory.push_back(Memory::allocate(bytes));
        enough = enough && memory.back().size() == bytes;
        if (enough) std::memcpy(memory.back().bytes().data(), all.bytes().data() + next, bytes);
        next += bytes;
    });
    return enough && next == all.size();
}

void Link::unpack_memory(const Parcel& parcel, Delivery& delivery) {
    auto* const body = reinterpret_cast<std::byte*>(delivery.message.bytes) + sizeof(msg_header_t);
    int items = 0;
    visit_items(parcel.body, [&](const Item& item) { items += item.memory() > 0 ? 1 : 0; });
    if (items > 1 && !delivery.lost) delivery.lost = !cut_up(parcel, delivery.memory);
    std::size_t next = 0;
    visit_items(parcel.body, [&](const Item& item) {
        if (item.in_line || item.rights()) return;
        const bool has = item.memory() > 0 && !delivery.lost;
        if (has) turn_data(delivery.memory[next].bytes(), item.bits);
        put_code(body, item, item.code, has);
        put_pointer(body, item, has ? delivery.memory[next++].bytes().data() : nullptr);
    });
}

}  // namespace umach::netmsg
