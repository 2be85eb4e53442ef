// SPDX-License-Identifier: BSL-1.0
// Message: one received message, and every right in it that nobody has taken yet.
//
// Rights and out-of-line memory are taken out one by one, by its MessageReader or as the reply right; what is left ends
// with the Message. Views into its text and bytes live as long as it does.
#pragma once

#include <algorithm>

#include <umach/item.hpp>
#include <umach/region.hpp>
#include <umach/rights.hpp>

namespace umach {

class MessageReader;

class Message {
public:
    Message() = default;
    /// takes: a buffer that msg_receive() has just filled, and the rights in it. An impossible size is cut.
    explicit Message(std::unique_ptr<MessageBuffer> buffer) noexcept
        : buffer_(std::move(buffer)), task_(detail::current_task()) {
        msg_size_t& size = buffer_->header.msg_size;
        size = std::clamp<msg_size_t>(size, sizeof(msg_header_t), MSG_SIZE_MAX);
    }
    Message(Message&&) noexcept = default;
    Message& operator=(Message&& other) noexcept {
        if (this != &other) {
            release_rights();
            buffer_ = std::move(other.buffer_);
            task_ = other.task_;
            begin_ = other.begin_;
        }
        return *this;
    }
    Message(const Message&) = delete;
    Message& operator=(const Message&) = delete;
    ~Message() { release_rights(); }

    [[nodiscard]] msg_id_t id() const noexcept { return buffer_->header.msg_id; }
    [[nodiscard]] int type() const noexcept { return buffer_->header.msg_type; }
    /// returns: bytes, with the header.
    [[nodiscard]] std::size_t size() const noexcept { return buffer_->header.msg_size; }
    /// returns: the port that it came to; empty when the right was lost meanwhile.
    [[nodiscard]] PortName arrived_at() const noexcept { return PortName(buffer_->header.msg_local_port); }
    /// returns: whether the kernel itself made it, as it makes notifications.
    [[nodiscard]] bool from_kernel() const noexcept {
        return (buffer_->header.msg_unused & MSG_UNUSED_KERNEL) != 0;
    }
    /// returns: whether the kernel has looked into the body. Only then are rights in it real.
    [[nodiscard]] bool carries_rights() const noexcept { return buffer_->header.msg_simple == FALSE; }
    [[nodiscard]] std::span<const std::byte> body() const noexcept {
        return {buffer_->body.data(), size() - sizeof(msg_header_t)};
    }

    /// returns: a reader from the first item on (in a reply: behind its return code). It must not outlive the
    /// message, or its being moved from.
    [[nodiscard]] MessageReader reader() noexcept;

    [[nodiscard]] bool has_reply_right() const noexcept {
        return static_cast<bool>(PortName(buffer_->header.msg_remote_port));
    }
    /// returns: the right to answer; empty when there is none, or it was taken before.
    [[nodiscard]] ReplyRight take_reply_right() noexcept {
        return ReplyRight(std::exchange(buffer_->header.msg_remote_port, PORT_NULL));
    }
    /// Answers now. takes: the reply right, and on success what was moved into `answer`. Does not wait unless
    /// told to. returns: as msg_send(); SEND_INVALID_PORT when there is no reply right.
    Result<Sent> reply(MessageWriter& answer, WhenFull when_full = WhenFull::never_wait()) {
        return take_reply_right().send(answer, when_full);
    }

private:
    friend class MessageReader;
    friend Result<Message> receive(PortName, WhenEmpty);
    friend Result<Message> rpc(PortName, MessageWriter&, WhenFull, WhenEmpty);
    friend Result<Message> checked_reply(Result<Message>, msg_id_t);

    void release_rights() noexcept;
    void release_item(const Item& item) noexcept;
    static void release_right(unsigned type, port_t name) noexcept;

    std::unique_ptr<MessageBuffer> buffer_;
    std::uint32_t task_ = 0;  ///< whose names the body holds
    std::size_t begin_ = 0;   ///< where a reader starts
};

inline void Message::release_right(unsigned type, port_t name) noexcept {
    switch (type) {
        case MSG_TYPE_PORT: SendRight(name).reset(); break;
        case MSG_TYPE_MOVE_SEND_ONCE: SendOnceRight(name).reset(); break;
        case MSG_TYPE_PORT_RECEIVE:
        case MSG_TYPE_PORT_ALL: ReceiveRight(name).reset(); break;
        case MSG_TYPE_PORT_OWNERSHIP: Ownership(name).reset(); break;
        default: break;
    }
}

inline void Message::release_item(const Item& item) noexcept {
    const std::byte* first = item.out_of_line ? item.memory : buffer_->body.data() + item.data;
    for (std::size_t at = 0; item.is_right() && at + sizeof(port_t) <= item.bytes; at += sizeof(port_t)) {
        port_t name = PORT_NULL;
        std::memcpy(&name, first + at, sizeof name);
        release_right(item.type, name);
    }
    if (item.out_of_line) {
        Region({item.memory, item.bytes}).reset();
    }
}

inline void Message::release_rights() noexcept {
    if (buffer_ == nullptr || task_ != detail::current_task()) {
        return;
    }
    static_cast<void>(take_reply_right());
    std::size_t offset = carries_rights() ? 0 : body().size();
    while (offset < body().size()) {
        const Result<Item> item = detail::parse_item(body(), offset);
        if (!item) {
            return;
        }
        release_item(*item);
        offset = item->next;
    }
}

/// Receives from a port or set. waits, returns: as msg_receive().
[[nodiscard]] inline Result<Message> receive(PortName port, WhenEmpty when_empty = WhenEmpty::wait()) {
    auto buffer = std::make_unique_for_overwrite<MessageBuffer>();
    buffer->header = msg_header_t{};
    buffer->header.msg_size = MSG_SIZE_MAX;
    buffer->header.msg_local_port = port.get();
    const int code = msg_receive(&buffer->header, when_empty.option(), when_empty.timeout());
    return code == RCV_SUCCESS ? Result(Message(std::move(buffer))) : Error::last(code);
}

inline Result<Message> ReceiveRight::receive(WhenEmpty when_empty) const {
    return umach::receive(*this, when_empty);
}

}  // namespace umach
