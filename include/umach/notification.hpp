// SPDX-License-Identifier: BSL-1.0
// Notification: what the kernel tells a task, as one of seven types.
//
// std::visit(overloaded{[](PortDeleted& n) {...}, [](auto&) {}}, notification);
#pragma once

#include <variant>

#include <umach/message_reader.hpp>

namespace umach {

/// A port died. Its name is free from now on; rights that still hold it release nothing.
struct PortDeleted {
    port_t name;
};
/// The kept message to this port has entered its queue. Null when the name went meanwhile.
struct MessageAccepted {
    port_t name;
};
/// Ownership came to this task, the receiver: its ReceiveRight now stands for both.
struct OwnershipGained {
    port_t name;
};
/// The receive right came to this task, the owner.
struct ReceiveRightGained {
    ReceiveRight right;
};
/// The port whose backup belongs to this task would have died; here it is, with its queue.
struct PortDestroyed {
    ReceiveRight right;
};
/// Nobody but the receiver can send to this port.
struct NoMoreSenders {
    port_t name;
};

/// A send-once right to this port died unused.
struct SendOnceDied {
    port_t name;
};

using Notification = std::variant<PortDeleted, MessageAccepted, OwnershipGained, ReceiveRightGained,
                                  PortDestroyed, NoMoreSenders, SendOnceDied>;

/// Several lambdas as one visitor.
template <typename... F>
struct overloaded : F... {
    using F::operator()...;
};
template <typename... F>
overloaded(F...) -> overloaded<F...>;

namespace detail {

/// A name that goes as a number, with no right.
inline Result<port_t> notified_name(const Message& message) {
    const Result<Item> item = parse_item(message.body(), 0);
    if (!item || item->type != MSG_TYPE_PORT_NAME || item->bytes != sizeof(port_t)) {
        return malformed("a notification without a name");
    }
    port_t name = PORT_NULL;
    std::memcpy(&name, message.body().data() + item->data, sizeof name);
    return name;
}

inline Result<Notification> named_notification(msg_id_t id, port_t name) {
    switch (id) {
        case NOTIFY_PORT_DELETED: return Notification(PortDeleted{name});
        case NOTIFY_MSG_ACCEPTED: return Notification(MessageAccepted{name});
        case NOTIFY_OWNERSHIP_RIGHTS: return Notification(OwnershipGained{name});
        case NOTIFY_RECEIVE_RIGHTS: return Notification(ReceiveRightGained{ReceiveRight(name)});
        case NOTIFY_NO_MORE_SENDERS: return Notification(NoMoreSenders{name});
        case NOTIFY_SEND_ONCE: return Notification(SendOnceDied{name});
        default: return Error(MIG_BAD_ID);
    }
}

}  // namespace detail

/// takes: the rights in the message. returns: MIG_BAD_ID when it is not the kernel's, or of no known kind.
[[nodiscard]] inline Result<Notification> decode_notification(Message& message) {
    if (!message.from_kernel()) {
        return Error(MIG_BAD_ID, "not made by the kernel");
    }
    if (message.id() == NOTIFY_PORT_DESTROYED) {
        Result<ReceiveRight> right = message.reader().get<ReceiveRight>();
        return right ? Result(Notification(PortDestroyed{std::move(*right)})) : right.error();
    }
    const Result<port_t> name = detail::notified_name(message);
    return name ? detail::named_notification(message.id(), *name) : name.error();
}

/// Receives from the task's notify port. waits, returns: as msg_receive() and decode_notification().
[[nodiscard]] inline Result<Notification> receive_notification(WhenEmpty when_empty = WhenEmpty::wait()) {
    Result<Message> message = receive(PortName(task_notify()), when_empty);
    return message ? decode_notification(*message) : message.error();
}

}  // namespace umach
