// SPDX-License-Identifier: BSL-1.0
#include "ports/message.hpp"

#include "ports/ahead.hpp"
#include "ports/death.hpp"
#include "ports/hand.hpp"
#include "ports/out_of_line.hpp"
#include "ports/queue.hpp"
#include "ports/region.hpp"
#include "runtime/checked_copy.hpp"
#include "runtime/detail.hpp"

#include <algorithm>
#include <cstring>

namespace umach::ports {
namespace {

using runtime::set_detail;

void open_slot(RightSlot& slot, std::uint32_t code, std::uint32_t offset, bool give_up, std::uint32_t name) {
    RightInfo info{};
    info.code = static_cast<std::uint8_t>(code);
    info.carried = name == 0 ? Carried::none : name == ~0u ? Carried::dead : Carried::send;
    info.offset = static_cast<std::uint16_t>(offset & 0x1fff);
    info.give_up = give_up ? 1 : 0;
    info.held = info.carried == Carried::dead ? 1 : 0;
    info.name = name;
    slot.info.put(info);
    slot.port.put(PortRef{});
    slot.call.put(CallRef{});
}

msg_return_t fail(msg_return_t code, const char* what, std::uint32_t at) {
    set_detail("%s (item at byte %u)", what, at);
    return code;
}

// A message while it is decoded.
struct Decoding {
    Caller& caller;
    std::uint32_t message;
    MessageIdentity& identity;
    Prepared& prepared;

    Kernel& k() const { return caller.k; }
    std::byte* body() const { return caller.k.body(message); }
};

// Whether the record has slots for so many more rights.
msg_return_t check_slots(Decoding& d, const Item& item, std::uint64_t more) {
    if (more > most_rights || d.identity.rights + more > most_rights)
        return fail(SEND_KERNEL_REFUSED, "quota: a message carries at most 64 rights and out-of-line items", item.at);
    const std::uint32_t behind = class_bytes[Kernel::message_class(d.message)] - d.k().message(d.message).size;
    d.prepared.needs_slots = (d.identity.rights + more) * sizeof(RightSlot) > behind;
    return d.prepared.needs_slots ? SEND_KERNEL_REFUSED : SEND_SUCCESS;
}

// Lists the rights of one item, whose names stand at `names`.
void list_rights(Decoding& d, const Item& item, const std::byte* names) {
    for (std::uint32_t i = 0; i < item.number; ++i) {
        std::uint32_t name = 0;
        std::memcpy(&name, names + 4 * i, sizeof name);
        const std::uint32_t offset = item.in_line ? item.data + 4 * i : item.data;
        open_slot(d.k().right(d.message, d.identity.rights++), item.code, offset, item.give_up, name);
    }
    if (item.code == MSG_TYPE_MAKE_SEND_ONCE) write_code(d.body(), item, MSG_TYPE_MOVE_SEND_ONCE);
}

msg_return_t decode_item(Decoding& d, const Item& item) {
    const bool rights = is_right(item.code), memory = !item.in_line && item.bytes() != 0;
    if (rights || !item.in_line) d.identity.flags |= message_complex;
    if (rights && item.bits != 32) return fail(SEND_INVALID_PORT, "elements that are rights have 32 bits", item.at);
    if (!item.in_line && !memory) write_pointer(d.body(), item, 0);
    if (!rights && !memory) return SEND_SUCCESS;
    const std::uint64_t slots = (rights ? item.number : 0) + (memory ? 1 : 0);
    if (const msg_return_t error = check_slots(d, item, slots); error != SEND_SUCCESS) return error;
    const std::uint32_t memory_slot = d.identity.rights;
    if (memory) {
        const msg_return_t error = fetch_memory(d.caller, d.message, item, d.identity, d.prepared.given_up);
        if (error != SEND_SUCCESS) return error;
    }
    if (rights) list_rights(d, item, memory ? address_of(d.k(), d.k().right(d.message, memory_slot), d.body(), item) : d.body() + item.data);
    return SEND_SUCCESS;
}

msg_return_t decode_items(Decoding d) {
    const std::uint32_t size = d.k().message(d.message).size;
    Item item;
    for (std::uint32_t at = header_bytes; at < size; at = item.next) {
        if (!read_item(d.body(), size, at, item)) return fail(SEND_MSG_TOO_SMALL, "an item runs past the end of the message", at);
        if (!is_known(item.code)) return fail(SEND_INVALID_PORT, "unknown item type", at);
        if (const msg_return_t error = decode_item(d, item); error != SEND_SUCCESS) return error;
    }
    return SEND_SUCCESS;
}

// The smallest class with room for the bytes and for as many rights as could stand in them.
std::uint32_t wanted_bytes(std::uint32_t size, bool simple) {
    const std::uint32_t rights = simple ? 0 : std::min(most_rights, (size - header_bytes) / 4);
    return size + rights * static_cast<std::uint32_t>(sizeof(RightSlot));
}

// Takes a message's record from the smallest class with room and something left, into the carrier's hand.
// returns: 0 when there is none
std::uint32_t take_record(KernelStep& s, std::uint32_t bytes) {
    for (std::uint32_t number = 0; number < message_classes; ++number) {
        if (class_bytes[number] < bytes) continue;
        const std::uint32_t index = s.k.zone(zone_messages + number).allocate(s.step(), s.k.host_lock());
        if (index == 0) continue;
        const std::uint32_t message = Kernel::message_of(number, index);
        set_state(s, s.k.message(message), MessageState::prep);
        put_in_hand(s, message);
        return message;
    }
    return 0;
}

// The smallest class with room for so many bytes.
std::uint32_t class_for(std::uint32_t bytes) {
    std::uint32_t number = 0;
    while (number + 1 < message_classes && class_bytes[number] < bytes) ++number;
    return number;
}

std::uint32_t allocate_message(Caller& caller, std::uint32_t bytes, runtime::Deadline until) {
    if (const std::uint32_t spare = spare_in_hand(caller.k, caller.carrier, class_for(bytes)); spare != 0) return spare;
    const auto body = [&](KernelStep& s) {
        const std::uint32_t message = take_record(s, bytes);
        return message != 0 ? s.keep(message) : s.undo(0u);
    };
    return caller.k.step(caller.carrier, body, until);
}

void reset(Caller& caller, MessageRecord& message, std::uint32_t size) {
    message.stands.put(Place{});
    message.links.put(Pair{});
    message.sender.put(caller.thread);
    message.sender_task.put(caller.task);
    message.size = size;
    open_slot(message.reply, MSG_TYPE_PORT, 0, false, 0);
}

// Fetches the rest of the message behind the header that was fetched already, and zeroes the padding.
bool fetch_body(std::byte* body, const msg_header_t& header, const msg_header_t* user) {
    std::memcpy(body, &header, header_bytes);
    const std::uint32_t rest = header.msg_size - header_bytes;
    std::memset(body + header.msg_size, 0, rounded(header.msg_size) - header.msg_size);
    return runtime::copy_in(body + header_bytes, user + 1, rest);
}

msg_return_t check_header(const msg_header_t* user, msg_header_t& header) {
    if (!runtime::copy_in(&header, user, header_bytes)) {
        set_detail("the message header at %p cannot be read", static_cast<const void*>(user));
        return SEND_INVALID_MEMORY;
    }
    if (header.msg_size >= header_bytes && header.msg_size <= MSG_SIZE_MAX) return SEND_SUCCESS;
    set_detail("msg_size is %u; a message has %u to %u bytes", header.msg_size, header_bytes, MSG_SIZE_MAX);
    return header.msg_size < header_bytes ? SEND_MSG_TOO_SMALL : SEND_MSG_TOO_LARGE;
}

msg_return_t fill(Caller& caller, const msg_header_t& header, const msg_header_t* user, Prepared& prepared) {
    const std::uint32_t message = prepared.message;
    MessageRecord& record = caller.k.message(message);
    const std::uint32_t size = rounded(header.msg_size);
    reset(caller, record, size);
    record.type = static_cast<std::uint32_t>(header.msg_type);
    record.id = header.msg_id;
    MessageIdentity identity = record.identity;
    identity.rights = 0;
    identity.flags = 0;
    msg_return_t error = SEND_SUCCESS;
    if (!fetch_body(caller.k.body(message), header, user)) {
        set_detail("the message's %u bytes at %p cannot be read", header.msg_size, static_cast<const void*>(user));
        error = SEND_INVALID_MEMORY;
    } else if (header.msg_simple == 0) {
        error = decode_items({caller, message, identity, prepared});
    }
    record.identity.put(identity);
    return error;
}

}  // namespace

namespace {

// Prepares the message in a record that has room for so many bytes and rights.
void prepare_in(Caller& caller, const msg_header_t& header, const msg_header_t* user, std::uint32_t bytes, Prepared& prepared,
                runtime::Deadline until) {
    prepared.needs_slots = false;
    prepared.message = allocate_message(caller, bytes, until);
    if (prepared.message == 0) {
        set_detail("the host's memory for messages is exhausted");
        prepared.error = SEND_KERNEL_REFUSED;
        return;
    }
    prepared.error = fill(caller, header, user, prepared);
    if (prepared.error == SEND_SUCCESS) return;
    discard(caller, prepared.message);
    prepared.message = 0;
    prepared.given_up.clear();
}

}  // namespace

Prepared prepare(Caller& caller, const msg_header_t* user, runtime::Deadline until) {
    msg_header_t header{};
    Prepared prepared;
    prepared.error = check_header(user, header);
    if (prepared.error != SEND_SUCCESS) return prepared;
    prepared.ahead = ask_for_port(caller, static_cast<std::uint32_t>(header.msg_remote_port));
    const std::uint32_t size = rounded(header.msg_size);
    prepare_in(caller, header, user, wanted_bytes(size, header.msg_simple != 0), prepared, until);
    // Rights that stand out of line need more slots than the message's own bytes say.
    const std::uint32_t with_slots = size + most_rights * static_cast<std::uint32_t>(sizeof(RightSlot));
    if (prepared.needs_slots) prepare_in(caller, header, user, with_slots, prepared, until);
    prepared.destination = static_cast<std::uint32_t>(header.msg_remote_port);
    prepared.reply = static_cast<std::uint32_t>(header.msg_local_port);
    return prepared;
}

namespace {

// Gives one reference back, or, when there is none left, the message.
// returns: true when it is gone
bool discard_piece(KernelStep& s, std::uint32_t message) {
    MessageRecord& record = s.k.message(message);
    for (std::uint32_t i = 0; i <= record.identity.get().rights; ++i) {
        RightSlot& slot = i == 0 ? record.reply : s.k.right(message, i - 1);
        RightInfo info = slot.info;
        if (info.held == 0 || (info.carried != Carried::send && info.carried != Carried::memory)) continue;
        // Before anything is written: the wait for it may be long.
        if (info.carried == Carried::send) s.lock_root(slot.port);
        else s.lock_host();
        info.held = 0;
        s.set(slot.info, info);
        if (info.carried == Carried::send) drop_send(s, slot.port);
        else release_region(s, region_of(slot));
        return false;
    }
    free_message(s, message);
    if (s.mine().in_hand.get() == message) s.set(s.mine().in_hand, 0);
    if (s.mine().put_aside.get() == message) s.set(s.mine().put_aside, 0);
    return true;
}

}  // namespace

namespace {

// The memory of a message that is remade goes before its rights are forgotten.
void release_memory(Caller& caller, std::uint32_t message) {
    for (std::uint32_t i = 0; i < caller.k.message(message).identity.get().rights; ++i) {
        RightSlot& slot = caller.k.right(message, i);
        RightInfo info = slot.info;
        if (info.carried != Carried::memory || info.held == 0) continue;
        caller.k.step(caller.carrier, [&](KernelStep& s) {
            s.lock_host();
            info.held = 0;
            s.set(slot.info, info);
            release_region(s, region_of(slot));
            return s.keep(0);
        });
    }
}

}  // namespace

void discard(Caller& caller, std::uint32_t message) {
    while (!caller.step([&](KernelStep& s) { return s.keep(discard_piece(s, message)); })) {}
}

std::uint32_t remake(Caller& caller, std::uint32_t message, std::uint32_t size, std::uint32_t rights) {
    const std::uint32_t bytes = size + rights * static_cast<std::uint32_t>(sizeof(RightSlot));
    const bool fits = bytes <= class_bytes[Kernel::message_class(message)];
    release_memory(caller, message);
    message = caller.step([&](KernelStep& s) {
        if (fits) return s.keep(message);
        const std::uint32_t larger = take_record(s, bytes);   // the old one leaves the hand for it
        return larger != 0 ? s.keep(larger) : s.undo(0u);
    });
    if (message == 0) return 0;
    MessageRecord& record = caller.k.message(message);
    reset(caller, record, size);
    MessageIdentity identity = record.identity;
    identity.rights = 0;
    identity.flags = message_uncounted;
    record.identity.put(identity);
    return message;
}

msg_return_t list_written(Caller& caller, std::uint32_t message) {
    MessageRecord& record = caller.k.message(message);
    MessageIdentity identity = record.identity;
    Prepared prepared;
    const msg_return_t error = decode_items({caller, message, identity, prepared});
    record.identity.put(identity);
    return error;
}

namespace {

// Writes the names of one item's rights, from a slot on, to where they stand.
// returns: whether all of them turned out to be send-once rights
bool write_names_of(Kernel& k, std::uint32_t message, const Item& item, std::uint32_t slot, std::byte* to) {
    bool once = item.code == MSG_TYPE_PORT && item.number != 0;
    for (std::uint32_t i = 0; i < item.number; ++i) {
        const RightInfo info = k.right(message, slot + i).info;
        once = once && info.carried == Carried::send_once;
        const std::uint32_t name = info.carried == Carried::none ? 0 : info.name;
        std::memcpy(to + 4 * i, &name, sizeof name);
    }
    return once;
}

// Writes what the receiver has instead: its addresses of memory, and its names of rights.
void write_results(Kernel& k, std::uint32_t message) {
    MessageRecord& record = k.message(message);
    std::byte* body = k.body(message);
    const std::uint32_t slots = record.identity.get().rights;
    std::uint32_t slot = 0;
    Item item;
    for (std::uint32_t at = header_bytes; at < record.size && slot < slots && read_item(body, record.size, at, item); at = item.next) {
        std::byte* data = body + item.data;
        if (!item.in_line && item.bytes() != 0) {
            data = address_of(k, k.right(message, slot++), body, item);
            write_pointer(body, item, reinterpret_cast<std::uint64_t>(data));
        }
        if (!is_right(item.code) || slot + item.number > slots) continue;
        if (write_names_of(k, message, item, slot, data)) write_code(body, item, MSG_TYPE_MOVE_SEND_ONCE);
        slot += static_cast<std::uint32_t>(item.number);
    }
}

}  // namespace

msg_return_t deliver(Caller& caller, const Delivery& delivery, msg_header_t* buffer) {
    MessageRecord& record = caller.k.message(delivery.message);
    std::byte* body = caller.k.body(delivery.message);
    const MessageIdentity identity = record.identity;
    const std::uint32_t size = std::min<std::uint32_t>(record.size, class_bytes[Kernel::message_class(delivery.message)]);
    if (identity.rights != 0) write_results(caller.k, delivery.message);
    msg_header_t header{};
    header.msg_simple = (identity.flags & message_complex) == 0 ? 1 : 0;
    header.msg_size = size;
    header.msg_type = static_cast<int>(record.type);
    header.msg_local_port = static_cast<port_t>(delivery.local);
    const RightInfo reply = record.reply.info;
    header.msg_remote_port = static_cast<port_t>(reply.carried == Carried::none ? 0 : reply.name);
    header.msg_id = record.id;
    std::memcpy(body, &header, sizeof header);
    const bool copied = runtime::copy_out(buffer, body, size);
    if (delivery.at_thread || !keep_as_spare(caller.k, delivery.message)) {
        caller.k.step(caller.carrier, [&](KernelStep& s) {
            if (delivery.at_thread) s.set(caller.k.thread(caller.thread.index).message, 0);
            done_with(s, delivery.message);
            return s.keep(0);
        });
    }
    if (!copied) set_detail("the receive buffer at %p was unmapped during the call", static_cast<void*>(buffer));
    return copied ? RCV_SUCCESS : RCV_INVALID_MEMORY;
}

}  // namespace umach::ports
