// SPDX-License-Identifier: BSL-1.0
// MessageWriter: a message being written, item by item, into a buffer that it cannot run past.
//
// Numbers, text, bytes, structures, arrays and rights each become one item. An item that does not fit is
// refused with SEND_MSG_TOO_LARGE, and so is the message: the first refusal is remembered and returned by the
// send, so that single calls need not be looked at.
//
// What becomes of rights:
//   copy(name), make_send(r)   the receiver gets a send right; the sender keeps what it has, and must still
//                              have it when the message is sent
//   move(right)                the object is emptied when a send succeeds, and not before; it must live until
//                              then
//   move(std::move(right))     the writer holds the right until a send succeeds; a failed send leaves it in
//                              the writer, which may be sent again; if it never is, it ends with the writer
//   move(std::move(region))    the same for memory, which reaches the receiver without being copied
//   lend(right)                as move(right), for a receive right whose ownership stays
#pragma once

#include <algorithm>
#include <ranges>
#include <string_view>
#include <type_traits>
#include <vector>

#include <umach/departing_rights.hpp>
#include <umach/item.hpp>

namespace umach {

/// What an array item holds. A bool in an item has 32 bits, in an array of C++ 8.
template <typename T>
concept NumberArray = Scalar<T> && !std::same_as<T, bool>;
/// Of these, what is neither text nor bytes.
template <typename T>
concept OnlyNumbers = NumberArray<T> && !std::same_as<T, char> && !std::same_as<T, std::byte>;

class MessageWriter {
public:
    explicit MessageWriter(msg_id_t id = 0) : buffer_(std::make_unique_for_overwrite<MessageBuffer>()) {
        clear(id);
    }

    /// Begins again with an empty body. Rights that the writer still holds end here.
    void clear(msg_id_t id) noexcept {
        departing_.clear();
        refusal_ = Result<void>();
        size_ = 0;
        rights_ = 0;
        has_memory_ = false;
        reply_to_ = PortName();
        buffer_->header = msg_header_t{};
        buffer_->header.msg_id = id;
    }

    [[nodiscard]] msg_id_t id() const noexcept { return buffer_->header.msg_id; }
    /// returns: bytes of the message so far, with its header; at most MSG_SIZE_MAX.
    [[nodiscard]] std::size_t size() const noexcept { return sizeof(msg_header_t) + size_; }
    /// returns: the body as written so far.
    [[nodiscard]] std::span<const std::byte> body() const noexcept { return {buffer_->body.data(), size_}; }
    /// returns: success, or the first refusal since clear().
    [[nodiscard]] const Result<void>& status() const noexcept { return refusal_; }

    /// Where the answer goes: a port that this task receives from or can send to. A call does without.
    void reply_to(PortName port) noexcept { reply_to_ = port; }

    template <Scalar T>
    Result<void> put(T value) {
        if constexpr (std::same_as<T, bool>) {
            const boolean_t wide = value ? TRUE : FALSE;
            return put_item({MSG_TYPE_BOOLEAN, 32}, 1, &wide, sizeof wide);
        } else {
            return put_item(element_type<T>(), 1, &value, sizeof value);
        }
    }
    /// Text: characters with a final zero, as C programs expect it.
    Result<void> put(std::string_view text) {
        std::byte* data = room_for({MSG_TYPE_STRING_C, 8}, text.size() + 1, text.size() + 1);
        if (data != nullptr) {
            std::copy_n(reinterpret_cast<const std::byte*>(text.data()), text.size(), data);
        }
        return refusal_;
    }
    Result<void> put(std::span<const std::byte> bytes) {
        return put_item({MSG_TYPE_BYTE, 8}, bytes.size(), bytes.data(), bytes.size());
    }
    /// Numbers that stand one behind the other: an array, a vector, a span.
    template <std::ranges::contiguous_range Numbers>
    requires NumberArray<std::ranges::range_value_t<Numbers>> Result<void> put_array(const Numbers& numbers) {
        using T = std::ranges::range_value_t<Numbers>;
        const std::span<const T> all(numbers);
        return put_item(element_type<T>(), all.size(), all.data(), all.size_bytes());
    }
    /// Bytes, any number: in line if there are few, else out of line. Those are read when the message is sent, and
    /// must live until then.
    Result<void> put_data(std::span<const std::byte> bytes) {
        return put_any({MSG_TYPE_BYTE, 8}, bytes.size(), bytes);
    }
    /// As put_data(), for text; and for numbers that stand one behind the other: an array, a vector, a span.
    Result<void> put_data(std::string_view text) { return put_data(std::as_bytes(std::span(text))); }
    template <std::ranges::contiguous_range Numbers>
    requires OnlyNumbers<std::ranges::range_value_t<Numbers>> Result<void> put_data(const Numbers& numbers) {
        using T = std::ranges::range_value_t<Numbers>;
        const std::span<const T> all(numbers);
        return put_any(element_type<T>(), all.size(), std::as_bytes(all));
    }
    /// All of the region's memory, out of line.
    Result<void> move(Region&& region) {
        Result<void> written = put_out_of_line({MSG_TYPE_BYTE, 8}, region.size(), region.bytes(), true);
        if (written) {
            departing_.add(std::move(region));
        }
        return written;
    }
    /// A structure, as its bytes.
    template <Plain T>
    Result<void> put_struct(const T& value) {
        return put_item({MSG_TYPE_BYTE, 8}, sizeof value, &value, sizeof value);
    }

    Result<void> copy(PortName port) { return put_right(MSG_TYPE_PORT, port.get()); }
    Result<void> make_send(const ReceiveRight& right) { return put_right(MSG_TYPE_PORT, right.name()); }
    Result<void> make_send_once(const ReceiveRight& right) {
        return put_right(MSG_TYPE_MAKE_SEND_ONCE, right.name());
    }
    template <AnyRight R>
    Result<void> move(R& right) {
        const Result<void> written = put_right(moved_type(right), right.name());
        if (written) {
            departing_.add(right);
        }
        return written;
    }
    template <AnyRight R>
    Result<void> move(R&& right) {
        const Result<void> written = put_right(moved_type(right), right.name());
        if (written) {
            departing_.add(std::move(right));
        }
        return written;
    }
    /// The receive right alone: its ownership stays, and with it the right to get it back (ReceiveRightGained)
    /// when the receiver gives it up or ends. The object is emptied when a send succeeds; it must live until then.
    Result<void> lend(ReceiveRight& right) {
        const Result<void> written = put_right(MSG_TYPE_PORT_RECEIVE, right.name());
        if (written) {
            departing_.add(right);
        }
        return written;
    }
    /// Arrays of send rights, one item each.
    Result<void> copy_array(std::span<const PortName> ports);
    Result<void> move_array(std::vector<SendRight> rights);

    /// takes: on success the rights that were moved in. waits, returns: as msg_send(); or the writer's first
    /// refusal, and nothing is sent.
    Result<Sent> send_to(PortName destination, WhenFull when_full = WhenFull::wait());

    /// More bytes than these put_data() leaves where they are.
    static constexpr std::size_t most_in_line = 2048;

private:
    friend Result<Message> rpc(PortName, MessageWriter&, WhenFull, WhenEmpty);

    static unsigned moved_type(const SendRight&) noexcept { return MSG_TYPE_PORT; }
    static unsigned moved_type(const SendOnceRight&) noexcept { return MSG_TYPE_MOVE_SEND_ONCE; }
    static unsigned moved_type(const Ownership&) noexcept { return MSG_TYPE_PORT_OWNERSHIP; }
    static unsigned moved_type(const ReceiveRight& right) noexcept;

    Result<void> put_item(ElementType element, std::size_t number, const void* data, std::size_t bytes);
    Result<void> put_out_of_line(ElementType element, std::size_t number, std::span<const std::byte> bytes, bool deallocate);
    /// In line if there are few bytes.
    Result<void> put_any(ElementType element, std::size_t number, std::span<const std::byte> bytes) {
        return bytes.size() <= most_in_line ? put_item(element, number, bytes.data(), bytes.size())
                                            : put_out_of_line(element, number, bytes, false);
    }
    Result<void> put_right(unsigned type, port_t name);
    /// returns: where the data of a new item goes, zeroed; nullptr when it is refused.
    std::byte* room_for(ElementType element, std::size_t number, std::size_t bytes);
    bool count_rights(std::size_t more);
    Result<void> refuse(int code, const char* why);

    msg_header_t& address(PortName destination, PortName reply_to) noexcept;

    std::unique_ptr<MessageBuffer> buffer_;
    DepartingRights departing_;
    Result<void> refusal_;
    PortName reply_to_;
    std::size_t size_ = 0;
    std::size_t rights_ = 0;
    bool has_memory_ = false;
};

inline unsigned MessageWriter::moved_type(const ReceiveRight& right) noexcept {
    port_type_t type = PORT_TYPE_NONE;
    port_type(task_self(), right.name(), &type);
    return type == PORT_TYPE_RECEIVE ? MSG_TYPE_PORT_RECEIVE : MSG_TYPE_PORT_ALL;
}

inline Result<void> MessageWriter::refuse(int code, const char* why) {
    if (refusal_) {
        refusal_ = Error(code, why);
    }
    return refusal_;
}

inline std::byte* MessageWriter::room_for(ElementType element, std::size_t number, std::size_t bytes) {
    const std::size_t room = buffer_->body.size() - size_;
    if (!refusal_) {
        return nullptr;
    }
    if (bytes > room || detail::padded(bytes) + detail::descriptor_bytes(element.bits, number) > room) {
        refuse(SEND_MSG_TOO_LARGE, "the item does not fit into the message");
        return nullptr;
    }
    std::byte* data =
        detail::write_descriptor(buffer_->body.data() + size_, element.type, element.bits, number);
    std::fill_n(data, detail::padded(bytes), std::byte{0});
    size_ = static_cast<std::size_t>(data - buffer_->body.data()) + detail::padded(bytes);
    return data;
}

inline Result<void> MessageWriter::put_item(ElementType element, std::size_t number, const void* data,
                                            std::size_t bytes) {
    std::byte* room = room_for(element, number, bytes);
    if (room != nullptr && bytes > 0) {
        std::memcpy(room, data, bytes);
    }
    return refusal_;
}

inline Result<void> MessageWriter::put_out_of_line(ElementType element, std::size_t number, std::span<const std::byte> bytes,
                                                   bool deallocate) {
    const std::size_t pointer_at = detail::aligned_for_pointer(size_ + sizeof(msg_type_long_t));
    if (!count_rights(1)) {
        return refusal_;
    }
    if (pointer_at + detail::pointer_bytes > buffer_->body.size()) {
        return refuse(SEND_MSG_TOO_LARGE, "the item does not fit into the message");
    }
    if (bytes.size() > 0xffff'ffff) {
        return refuse(SEND_MSG_TOO_LARGE, "one item has at most 4 GiB less a byte");
    }
    std::byte* body = buffer_->body.data();
    detail::write_pointer(body + size_, body + pointer_at, element.type, element.bits, number, bytes.data(), deallocate);
    size_ = pointer_at + detail::pointer_bytes;
    has_memory_ = true;
    return refusal_;
}

inline bool MessageWriter::count_rights(std::size_t more) {
    if (more > MSG_RIGHTS_MAX - rights_) {
        refuse(SEND_MSG_TOO_LARGE, "more rights and out-of-line items than one message carries");
    }
    if (!refusal_) {
        return false;
    }
    rights_ += more;
    return true;
}

inline Result<void> MessageWriter::put_right(unsigned type, port_t name) {
    return count_rights(1) ? put_item({type, 32}, 1, &name, sizeof name) : refusal_;
}

inline Result<void> MessageWriter::copy_array(std::span<const PortName> ports) {
    std::byte* data = count_rights(ports.size())
                          ? room_for({MSG_TYPE_PORT, 32}, ports.size(), ports.size() * sizeof(port_t))
                          : nullptr;
    for (std::size_t i = 0; data != nullptr && i < ports.size(); ++i) {
        const port_t name = ports[i].get();
        std::memcpy(data + i * sizeof name, &name, sizeof name);
    }
    return refusal_;
}

inline Result<void> MessageWriter::move_array(std::vector<SendRight> rights) {
    const std::vector<PortName> names(rights.begin(), rights.end());
    const Result<void> written = copy_array(names);
    for (auto& right : rights) {
        if (written) {
            departing_.add(std::move(right));
        }
    }
    return written;
}

inline msg_header_t& MessageWriter::address(PortName destination, PortName reply_to) noexcept {
    msg_header_t& header = buffer_->header;
    header.msg_simple = rights_ == 0 && !has_memory_ ? TRUE : FALSE;
    header.msg_size = static_cast<msg_size_t>(size());
    header.msg_remote_port = destination.get();
    header.msg_local_port = reply_to.get();
    return header;
}

inline Result<Sent> MessageWriter::send_to(PortName destination, WhenFull when_full) {
    if (!refusal_) {
        return refusal_.error();
    }
    departing_.before_send();
    const int code = msg_send(&address(destination, reply_to_), when_full.option(), when_full.timeout());
    if (code != SEND_SUCCESS && code != SEND_WILL_NOTIFY) {
        Error error = Error::last(code);
        departing_.after_failure();
        return error;
    }
    departing_.after_success();
    return code == SEND_SUCCESS ? Sent::queued : Sent::kept;
}

inline Result<Sent> SendRight::send(MessageWriter& message, WhenFull when_full) const {
    return message.send_to(*this, when_full);
}

inline Result<Sent> ReceiveRight::send(MessageWriter& message, WhenFull when_full) const {
    return message.send_to(*this, when_full);
}

inline Result<Sent> SendOnceRight::send(MessageWriter& message) {
    Result<Sent> sent = message.send_to(*this);
    if (sent) {
        static_cast<void>(release());
    }
    return sent;
}

inline Result<Sent> ReplyRight::send(MessageWriter& message, WhenFull when_full) {
    if (once_) {
        return once_.send(message);
    }
    Result<Sent> sent = send_.send(message, when_full);
    if (sent) {
        send_.reset();
    }
    return sent;
}

}  // namespace umach
