// SPDX-License-Identifier: BSL-1.0
// The rights as objects: SendRight, SendOnceRight, ReceiveRight, Ownership.
//
// Each holds one reference of one right and gives it back when it ends. They move and do not copy; a send
// right is doubled by saying so (duplicate). What is sent in a message leaves its object only when the send
// succeeded (message_writer.hpp). An object that outlived its port is harmless: sending to it fails.
#pragma once

#include <utility>

#include <mach.h>
#include <umach/policy.hpp>
#include <umach/port_name.hpp>
#include <umach/result.hpp>

namespace umach {

class Message;
class MessageWriter;

/// What the four have in common. Kind says how a reference of it is given back.
template <typename Kind>
class Right {
public:
    Right() = default;
    /// takes: one reference of this right, which the caller holds under `name`.
    explicit Right(port_t name) noexcept : name_(name) {}
    Right(Right&& other) noexcept : name_(std::exchange(other.name_, PortName())) {}
    Right& operator=(Right&& other) noexcept {
        if (this != &other) {
            reset();
            name_ = std::exchange(other.name_, PortName());
        }
        return *this;
    }
    Right(const Right&) = delete;
    Right& operator=(const Right&) = delete;
    ~Right() { reset(); }

    [[nodiscard]] port_t name() const noexcept { return name_.get(); }
    explicit operator bool() const noexcept { return static_cast<bool>(name_); }
    // NOLINTNEXTLINE(google-explicit-constructor): whoever needs only a name takes any right.
    operator PortName() const noexcept { return name_; }

    /// Gives the reference back now.
    void reset() noexcept {
        if (const port_t name = release(); name != PORT_NULL) {
            Kind::give_back(name);
        }
    }
    /// returns: the name, whose reference is the caller's now; the object is empty.
    [[nodiscard]] port_t release() noexcept { return std::exchange(name_, PortName()).get(); }

private:
    PortName name_;
};

namespace detail {

struct SendKind {
    /// A send right whose port died is a dead name, which counts the same references.
    static void give_back(port_t name) noexcept {
        if (port_release(task_self(), name, PORT_TYPE_SEND) != KERN_SUCCESS) {
            port_release(task_self(), name, PORT_TYPE_DEAD_NAME);
        }
    }
};

struct SendOnceKind {
    static void give_back(port_t name) noexcept {
        if (port_release(task_self(), name, PORT_TYPE_SEND_ONCE) != KERN_SUCCESS) {
            port_release(task_self(), name, PORT_TYPE_DEAD_NAME);
        }
    }
};

struct ReceiveKind {
    static void give_back(port_t name) noexcept {
        if (port_release(task_self(), name, PORT_TYPE_RECEIVE_OWN) != KERN_SUCCESS) {
            port_release(task_self(), name, PORT_TYPE_RECEIVE);
        }
    }
};

struct OwnershipKind {
    /// While the task receives as well, its ReceiveRight stands for both.
    static void give_back(port_t name) noexcept {
        port_type_t type = PORT_TYPE_NONE;
        if (port_type(task_self(), name, &type) == KERN_SUCCESS && type == PORT_TYPE_OWN) {
            port_release(task_self(), name, PORT_TYPE_OWN);
        }
    }
};

}  // namespace detail

/// One reference of a send right: any number of messages may be sent.
class SendRight : public Right<detail::SendKind> {
public:
    using Right::Right;

    /// returns: a second reference; KERN_INVALID_ARGUMENT the right is gone, KERN_UREFS_OVERFLOW too many.
    [[nodiscard]] Result<SendRight> duplicate() const;
    /// takes: on success the rights that were moved into `message`; the right itself stays.
    /// waits, returns: as msg_send().
    Result<Sent> send(MessageWriter& message, WhenFull when_full = WhenFull::wait()) const;
};

/// The right to send one message.
class SendOnceRight : public Right<detail::SendOnceKind> {
public:
    using Right::Right;

    /// takes: on success the right itself, and the rights that were moved into `message`. Never waits.
    Result<Sent> send(MessageWriter& message);
};

/// The right to receive from a port, with ownership where the task has it. When it ends, the port dies, or
/// goes to its owner elsewhere or to its backup.
class ReceiveRight : public Right<detail::ReceiveKind> {
public:
    using Right::Right;

    /// Makes a port. returns: as port_allocate().
    [[nodiscard]] static Result<ReceiveRight> allocate();

    /// waits, returns: as msg_receive().
    [[nodiscard]] Result<Message> receive(WhenEmpty when_empty = WhenEmpty::wait()) const;
    /// Sends to the port itself. takes, waits, returns: as SendRight::send().
    Result<Sent> send(MessageWriter& message, WhenFull when_full = WhenFull::wait()) const;

    /// returns: a send right of this task's own, carried there by a message through a port made for it.
    [[nodiscard]] Result<SendRight> make_send() const;
    /// limits: 1 to PORT_BACKLOG_MAX ordinary messages.
    Result<void> set_backlog(int backlog) const {
        return Result<void>::from(port_set_backlog(task_self(), name(), backlog));
    }
    /// Names the port that inherits this one; an empty name clears. returns: the one that was there.
    Result<SendRight> set_backup(PortName backup) const;
    /// returns: how many messages a receive could take now.
    [[nodiscard]] Result<int> waiting_messages() const;
};

/// Ownership apart from receive: whoever has it inherits the receive right when the receiver ends.
class Ownership : public Right<detail::OwnershipKind> {
public:
    using Right::Right;

    /// To be sent by itself; until then the ReceiveRight still stands for both.
    static Ownership of(const ReceiveRight& right) noexcept { return Ownership(right.name()); }
};

/// The right to answer a message: send or send-once, as the client chose.
class ReplyRight {
public:
    ReplyRight() = default;
    /// takes: the send or send-once right that the caller holds under `name`.
    explicit ReplyRight(port_t name) noexcept;

    explicit operator bool() const noexcept { return static_cast<bool>(once_) || static_cast<bool>(send_); }
    /// takes: on success the right, and the rights moved into `message`.
    /// waits: not unless told to: a client that does not receive its replies must not hold up a server.
    Result<Sent> send(MessageWriter& message, WhenFull when_full = WhenFull::never_wait());

private:
    SendOnceRight once_;
    SendRight send_;
};

/// Asks for NoMoreSenders, SendOnceDied or PortDeleted, once, at a port of the caller's. `notification` is
/// NOTIFY_NO_MORE_SENDERS, NOTIFY_SEND_ONCE or NOTIFY_PORT_DELETED. returns: the right of the request that
/// was there.
inline Result<SendOnceRight> request_notification(PortName port, int notification,
                                                  const ReceiveRight& notify) {
    port_t previous = PORT_NULL;
    const int code =
        port_request_notification(task_self(), port.get(), notification, notify.name(), &previous);
    return code == KERN_SUCCESS ? Result(SendOnceRight(previous)) : Error::last(code);
}

inline Result<SendRight> SendRight::duplicate() const {
    const int code = port_reference(task_self(), name(), PORT_TYPE_SEND);
    return code == KERN_SUCCESS ? Result(SendRight(name())) : Error::last(code);
}

inline Result<ReceiveRight> ReceiveRight::allocate() {
    port_name_t name = PORT_NULL;
    const int code = port_allocate(task_self(), &name);
    return code == KERN_SUCCESS ? Result(ReceiveRight(name)) : Error::last(code);
}

inline Result<SendRight> ReceiveRight::set_backup(PortName backup) const {
    port_t previous = PORT_NULL;
    const int code = port_set_backup(task_self(), name(), backup.get(), &previous);
    return code == KERN_SUCCESS ? Result(SendRight(previous)) : Error::last(code);
}

inline Result<int> ReceiveRight::waiting_messages() const {
    port_set_name_t set = PORT_NULL;
    int messages = 0;
    int backlog = 0;
    boolean_t owned = FALSE;
    boolean_t received = FALSE;
    const int code = port_status(task_self(), name(), &set, &messages, &backlog, &owned, &received);
    return code == KERN_SUCCESS ? Result(messages) : Error::last(code);
}

inline ReplyRight::ReplyRight(port_t name) noexcept {
    port_type_t type = PORT_TYPE_NONE;
    if (!PortName(name) || port_type(task_self(), name, &type) != KERN_SUCCESS) {
        return;
    }
    if (type == PORT_TYPE_SEND_ONCE) {
        once_ = SendOnceRight(name);
    } else {
        send_ = SendRight(name);
    }
}

}  // namespace umach
