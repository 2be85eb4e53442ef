// SPDX-License-Identifier: BSL-1.0
#include "ports/message.hpp"

#include "ports/death.hpp"
#include "ports/queue.hpp"
#include "runtime/checked_copy.hpp"
#include "runtime/detail.hpp"

#include <algorithm>
#include <cstring>

namespace umach::ports {
namespace {

using runtime::set_detail;

constexpr std::uint32_t header_bytes = sizeof(msg_header_t);

std::uint32_t rounded(std::uint32_t bytes) { return (bytes + 3) & ~3u; }

// An item of a message's body.
struct Item {
    std::uint32_t at = 0;         // of the descriptor
    std::uint32_t data = 0;       // of the first element
    std::uint32_t code = 0;
    std::uint32_t bits = 0;       // of one element
    std::uint64_t number = 0;
    std::uint32_t next = 0;       // of the item behind it
    bool in_line = false, long_form = false, give_up = false;
};

// Reads the item at `at`, and clears what a receiver must not see in its descriptor.
// returns: false when it runs past the end of the message
bool read_item(std::byte* body, std::uint32_t size, std::uint32_t at, Item& item) {
    msg_type_long_t type{};
    if (at + sizeof(msg_type_t) > size) return false;
    std::memcpy(&type, body + at, sizeof(msg_type_t));
    msg_type_t& head = type.msg_type_header;
    item = {at, at + 4, head.msg_type_name, head.msg_type_size, head.msg_type_number, 0,
            head.msg_type_inline != 0, head.msg_type_longform != 0, head.msg_type_deallocate != 0};
    if (item.long_form) {
        if (at + sizeof type > size) return false;
        std::memcpy(&type, body + at, sizeof type);
        item.data = at + 12;
        item.code = type.msg_type_long_name;
        item.bits = type.msg_type_long_size;
        item.number = type.msg_type_long_number;
        head.msg_type_name = head.msg_type_size = 0;
        head.msg_type_number = 0;
    }
    head.msg_type_unused = head.msg_type_deallocate = 0;
    std::memcpy(body + at, &type, sizeof(msg_type_t));
    const std::uint64_t bytes = (item.number * item.bits + 7) / 8;
    if (!item.in_line) return true;
    if (bytes > size || item.data + bytes > size) return false;
    item.next = item.data + rounded(static_cast<std::uint32_t>(bytes));
    return true;
}

void write_code(std::byte* body, const Item& item, std::uint32_t code) {
    if (item.long_form) {
        const auto wide = static_cast<std::uint16_t>(code);
        std::memcpy(body + item.at + 4, &wide, sizeof wide);
    } else {
        msg_type_t head{};
        std::memcpy(&head, body + item.at, sizeof head);
        head.msg_type_name = code & 0xff;
        std::memcpy(body + item.at, &head, sizeof head);
    }
}

bool is_right(std::uint32_t code) { return MSG_TYPE_PORT_ANY(code); }
bool is_known(std::uint32_t code) { return code < MSG_TYPE_LAST || is_right(code); }

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

// Lists the rights of one item.
msg_return_t list_rights(Kernel& k, std::uint32_t message, const Item& item, std::uint8_t& rights) {
    std::byte* body = k.body(message);
    if (item.bits != 32) return fail(SEND_INVALID_PORT, "elements that are rights have 32 bits", item.at);
    if (item.number > most_rights || rights + item.number > most_rights)
        return fail(SEND_KERNEL_REFUSED, "quota: a message carries at most 64 rights", item.at);
    for (std::uint32_t i = 0; i < item.number; ++i) {
        std::uint32_t name = 0;
        std::memcpy(&name, body + item.data + 4 * i, sizeof name);
        open_slot(k.right(message, rights++), item.code, item.data + 4 * i, item.give_up, name);
    }
    if (item.code == MSG_TYPE_MAKE_SEND_ONCE) write_code(body, item, MSG_TYPE_MOVE_SEND_ONCE);
    return SEND_SUCCESS;
}

msg_return_t decode_items(Kernel& k, std::uint32_t message, std::uint32_t size, MessageIdentity& identity) {
    std::byte* body = k.body(message);
    Item item;
    for (std::uint32_t at = header_bytes; at < size; at = item.next) {
        if (!read_item(body, size, at, item)) return fail(SEND_MSG_TOO_SMALL, "an item runs past the end of the message", at);
        if (!is_known(item.code)) return fail(SEND_INVALID_PORT, "unknown item type", at);
        if (!item.in_line) return fail(SEND_KERNEL_REFUSED, "out-of-line data is not served by this kernel", at);
        if (!is_right(item.code)) continue;
        identity.flags |= message_complex;
        if (const msg_return_t error = list_rights(k, message, item, identity.rights); error != SEND_SUCCESS) return error;
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
        const std::uint32_t message = number << 30 | index;
        set_state(s, s.k.message(message), MessageState::prep);
        s.set(s.mine().in_hand, message);
        return message;
    }
    return 0;
}

std::uint32_t allocate_message(Caller& caller, std::uint32_t bytes) {
    return caller.k.step(caller.carrier, [&](KernelStep& s) {
        const std::uint32_t message = take_record(s, bytes);
        return message != 0 ? s.keep(message) : s.undo(0u);
    });
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

msg_return_t fill(Caller& caller, std::uint32_t message, const msg_header_t& header, const msg_header_t* user) {
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
        error = decode_items(caller.k, message, size, identity);
    }
    if (error != SEND_SUCCESS) identity.rights = 0;
    record.identity.put(identity);
    return error;
}

}  // namespace

Prepared prepare(Caller& caller, const msg_header_t* user) {
    msg_header_t header{};
    Prepared prepared;
    prepared.error = check_header(user, header);
    if (prepared.error != SEND_SUCCESS) return prepared;
    prepared.message = allocate_message(caller, wanted_bytes(rounded(header.msg_size), header.msg_simple != 0));
    if (prepared.message == 0) {
        set_detail("the host's memory for messages is exhausted");
        prepared.error = SEND_KERNEL_REFUSED;
        return prepared;
    }
    prepared.error = fill(caller, prepared.message, header, user);
    prepared.destination = static_cast<std::uint32_t>(header.msg_remote_port);
    prepared.reply = static_cast<std::uint32_t>(header.msg_local_port);
    if (prepared.error != SEND_SUCCESS) {
        discard(caller, prepared.message);
        prepared.message = 0;
    }
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
        if (info.held == 0 || info.carried != Carried::send) continue;
        info.held = 0;
        s.set(slot.info, info);
        drop_send(s, slot.port);
        return false;
    }
    free_message(s, message);
    if (s.mine().in_hand.get() == message) s.set(s.mine().in_hand, 0);
    if (s.mine().put_aside.get() == message) s.set(s.mine().put_aside, 0);
    return true;
}

}  // namespace

void discard(Caller& caller, std::uint32_t message) {
    while (!caller.step([&](KernelStep& s) { return s.keep(discard_piece(s, message)); })) {}
}

std::uint32_t remake(Caller& caller, std::uint32_t message, std::uint32_t size, std::uint32_t rights) {
    const std::uint32_t bytes = size + rights * static_cast<std::uint32_t>(sizeof(RightSlot));
    const bool fits = bytes <= class_bytes[Kernel::message_class(message)];
    message = caller.step([&](KernelStep& s) {
        if (fits) return s.keep(message);
        const std::uint32_t larger = take_record(s, bytes);
        if (larger == 0) return s.undo(0u);
        free_message(s, message);
        return s.keep(larger);
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

void list_written(Caller& caller, std::uint32_t message) {
    MessageRecord& record = caller.k.message(message);
    MessageIdentity identity = record.identity;
    decode_items(caller.k, message, record.size, identity);
    record.identity.put(identity);
}

namespace {

// Writes the names that the rights have in the receiver's space; an item whose rights all turned out to be send-once
// rights says so.
void write_names(Kernel& k, std::uint32_t message) {
    MessageRecord& record = k.message(message);
    std::byte* body = k.body(message);
    const std::uint32_t rights = record.identity.get().rights;
    std::uint32_t slot = 0;
    Item item;
    for (std::uint32_t at = header_bytes; at < record.size && slot < rights && read_item(body, record.size, at, item); at = item.next) {
        if (!is_right(item.code)) continue;
        bool once = item.code == MSG_TYPE_PORT && item.number != 0;
        for (std::uint32_t i = 0; i < item.number && slot < rights; ++i, ++slot) {
            const RightInfo info = k.right(message, slot).info;
            once = once && info.carried == Carried::send_once;
            const std::uint32_t name = info.carried == Carried::none ? 0 : info.name;
            std::memcpy(body + item.data + 4 * i, &name, sizeof name);
        }
        if (once) write_code(body, item, MSG_TYPE_MOVE_SEND_ONCE);
    }
}

}  // namespace

msg_return_t deliver(Caller& caller, const Delivery& delivery, msg_header_t* buffer) {
    MessageRecord& record = caller.k.message(delivery.message);
    std::byte* body = caller.k.body(delivery.message);
    const MessageIdentity identity = record.identity;
    const std::uint32_t size = std::min<std::uint32_t>(record.size, class_bytes[Kernel::message_class(delivery.message)]);
    if (identity.rights != 0) write_names(caller.k, delivery.message);
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
    caller.k.step(caller.carrier, [&](KernelStep& s) {
        free_message(s, delivery.message);
        s.set(s.mine().in_hand, 0);
        return s.keep(0);
    });
    if (!copied) set_detail("the receive buffer at %p was unmapped during the call", static_cast<void*>(buffer));
    return copied ? RCV_SUCCESS : RCV_INVALID_MEMORY;
}

}  // namespace umach::ports
