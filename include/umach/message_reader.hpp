// SPDX-License-Identifier: BSL-1.0
// MessageReader: reads a message item by item, and cannot run past its end.
//
// Every read names the type that it expects; another type, element size or number is MIG_TYPE_ERROR, and the
// reader stays before that item. Rights come out as objects that own them. A message in which the kernel saw
// no rights has none, whatever its descriptors claim.
#pragma once

#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <umach/message.hpp>
#include <umach/message_writer.hpp>

namespace umach {

class MessageReader {
public:
    explicit MessageReader(Message& message) noexcept : message_(&message), offset_(message.begin_) {}

    [[nodiscard]] msg_id_t id() const noexcept { return message_->id(); }
    [[nodiscard]] PortName arrived_at() const noexcept { return message_->arrived_at(); }
    /// returns: the right to answer later; a server then sends no answer of its own.
    [[nodiscard]] ReplyRight take_reply_right() noexcept { return message_->take_reply_right(); }

    [[nodiscard]] bool at_end() const noexcept { return offset_ >= message_->body().size(); }
    /// returns: where the next item begins, from the start of the body.
    [[nodiscard]] std::size_t offset() const noexcept { return offset_; }
    /// returns: the next item's type, size and number, without taking it.
    [[nodiscard]] Result<Item> peek() const {
        Result<Item> item = detail::parse_item(message_->body(), offset_);
        if (item && item->out_of_line && !message_->carries_rights()) {
            return detail::malformed("an out-of-line item in a message in which the kernel saw none");
        }
        if (item && item->out_of_line && item->memory == nullptr && item->number != 0) {
            return detail::malformed("its memory was taken before");
        }
        return item;
    }
    /// Passes over an item; rights in it end with the message.
    Result<void> skip();

    /// A number, bool, std::string, std::string_view (into the message), std::vector of numbers or of
    /// SendRight, or a SendRight, SendOnceRight, ReceiveRight or Ownership (empty if null was sent).
    template <typename T>
    [[nodiscard]] Result<T> get();
    /// Bytes, where they stand: in the message or out of line, as long as the message lives.
    [[nodiscard]] Result<std::span<const std::byte>> get_bytes();
    /// Memory that came out of line, of any type, as the caller's own; bytes that came in line are copied into one.
    [[nodiscard]] Result<Region> get_region();
    /// A structure that was put with put_struct(), of exactly this size.
    template <Plain T>
    [[nodiscard]] Result<T> get_struct();

private:
    template <typename T>
    struct IsVector : std::false_type {};
    template <typename T>
    struct IsVector<std::vector<T>> : std::true_type {};

    /// returns: the next item if it is of this type and size, with `number` elements; the reader stays.
    Result<Item> expect(ElementType element) const;
    Result<Item> expect_one(ElementType element) const;
    template <AnyRight R>
    Result<Item> expect_rights() const;
    template <AnyRight R>
    static bool is_type_of(unsigned type) noexcept;
    /// Takes right number `index` of the item out of the message.
    template <AnyRight R>
    R take_right(const Item& item, std::size_t index) noexcept;

    template <Scalar T>
    Result<T> get_scalar();
    template <Scalar T>
    Result<std::vector<T>> get_scalars();
    template <AnyRight R>
    Result<R> get_right();
    template <AnyRight R>
    Result<std::vector<R>> get_rights();
    Result<std::string_view> get_text();

    const std::byte* pass(const Item& item) noexcept {
        offset_ = item.next;
        return item.out_of_line ? item.memory : message_->body().data() + item.data;
    }

    Message* message_;
    std::size_t offset_;
};

inline MessageReader Message::reader() noexcept {
    return MessageReader(*this);
}

inline Result<void> MessageReader::skip() {
    const Result<Item> item = peek();
    if (!item) {
        return item.error();
    }
    offset_ = item->next;
    return {};
}

inline Result<Item> MessageReader::expect(ElementType element) const {
    Result<Item> item = peek();
    if (item && (item->type != element.type || item->element_bits != element.bits)) {
        return detail::malformed("the item is of another type or element size");
    }
    return item;
}

inline Result<Item> MessageReader::expect_one(ElementType element) const {
    Result<Item> item = expect(element);
    if (item && item->number != 1) {
        return detail::malformed("one element was expected");
    }
    return item;
}

template <AnyRight R>
bool MessageReader::is_type_of(unsigned type) noexcept {
    if constexpr (std::same_as<R, SendRight>) {
        return type == MSG_TYPE_PORT;
    } else if constexpr (std::same_as<R, SendOnceRight>) {
        return type == MSG_TYPE_MOVE_SEND_ONCE;
    } else if constexpr (std::same_as<R, ReceiveRight>) {
        return type == MSG_TYPE_PORT_ALL || type == MSG_TYPE_PORT_RECEIVE;
    } else {
        return type == MSG_TYPE_PORT_OWNERSHIP;
    }
}

template <AnyRight R>
Result<Item> MessageReader::expect_rights() const {
    Result<Item> item = peek();
    if (!message_->carries_rights()) {
        return detail::malformed("the message carries no rights");
    }
    if (item && (!is_type_of<R>(item->type) || item->element_bits != 32)) {
        return detail::malformed("the item is not a right of this kind");
    }
    return item;
}

template <AnyRight R>
R MessageReader::take_right(const Item& item, std::size_t index) noexcept {
    std::byte* first = item.out_of_line ? item.memory : message_->buffer_->body.data() + item.data;
    std::byte* at = first + index * sizeof(port_t);
    port_t name = PORT_NULL;
    std::memcpy(&name, at, sizeof name);
    std::memset(at, 0, sizeof name);  // PORT_NULL: the message no longer holds it
    return R(name);
}

template <Scalar T>
Result<T> MessageReader::get_scalar() {
    const Result<Item> item = expect_one(element_type<T>());
    if (!item) {
        return item.error();
    }
    std::conditional_t<std::same_as<T, bool>, boolean_t, T> value{};
    std::memcpy(&value, pass(*item), sizeof value);
    return static_cast<T>(value);
}

template <Scalar T>
Result<std::vector<T>> MessageReader::get_scalars() {
    static_assert(!std::same_as<T, bool>);
    const Result<Item> item = expect(element_type<T>());
    if (!item) {
        return item.error();
    }
    std::vector<T> values(item->number);
    const std::byte* data = pass(*item);
    if (!values.empty()) {
        std::memcpy(values.data(), data, item->bytes);
    }
    return values;
}

template <AnyRight R>
Result<R> MessageReader::get_right() {
    const Result<Item> item = expect_rights<R>();
    if (!item) {
        return item.error();
    }
    if (item->number != 1) {
        return detail::malformed("one right was expected");
    }
    pass(*item);
    return take_right<R>(*item, 0);
}

template <AnyRight R>
Result<std::vector<R>> MessageReader::get_rights() {
    const Result<Item> item = expect_rights<R>();
    if (!item) {
        return item.error();
    }
    std::vector<R> rights;
    rights.reserve(item->number);
    for (std::size_t i = 0; i < item->number; ++i) {
        rights.push_back(take_right<R>(*item, i));
    }
    pass(*item);
    return rights;
}

/// Text is characters up to the first zero, or all of them.
inline Result<std::string_view> MessageReader::get_text() {
    Result<Item> item = peek();
    if (!item) {
        return item.error();
    }
    if ((item->type != MSG_TYPE_STRING_C && item->type != MSG_TYPE_CHAR) || item->element_bits % 8 != 0) {
        return detail::malformed("the item is not text");
    }
    const std::string_view all(reinterpret_cast<const char*>(pass(*item)), item->bytes);
    return all.substr(0, all.find('\0'));
}

inline Result<std::span<const std::byte>> MessageReader::get_bytes() {
    const Result<Item> item = expect({MSG_TYPE_BYTE, 8});
    if (!item) {
        return item.error();
    }
    return std::span<const std::byte>(pass(*item), item->bytes);
}

inline Result<Region> MessageReader::get_region() {
    const Result<Item> item = peek();
    if (!item) {
        return item.error();
    }
    if (item->is_right()) {
        return detail::malformed("the item is rights");
    }
    if (!item->out_of_line) {
        Result<Region> copy = Region::allocate(item->bytes);
        if (copy && item->bytes > 0) {
            std::memcpy(copy->data(), pass(*item), item->bytes);
        }
        return copy;
    }
    pass(*item);
    std::memset(message_->buffer_->body.data() + item->data, 0, detail::pointer_bytes);  // no longer the message's
    return Region({item->memory, item->bytes});
}

template <Plain T>
Result<T> MessageReader::get_struct() {
    const Result<Item> item = expect({MSG_TYPE_BYTE, 8});
    if (!item) {
        return item.error();
    }
    if (item->bytes != sizeof(T)) {
        return detail::malformed("the structure has another size");
    }
    T value{};
    std::memcpy(&value, pass(*item), sizeof value);
    return value;
}

template <typename T>
Result<T> MessageReader::get() {
    if constexpr (AnyRight<T>) {
        return get_right<T>();
    } else if constexpr (Scalar<T>) {
        return get_scalar<T>();
    } else if constexpr (std::same_as<T, std::string_view>) {
        return get_text();
    } else if constexpr (std::same_as<T, std::string>) {
        const Result<std::string_view> text = get_text();
        return text ? Result(std::string(*text)) : text.error();
    } else {
        static_assert(IsVector<T>::value, "no item type for this");
        using Element = typename T::value_type;
        if constexpr (AnyRight<Element>) {
            return get_rights<Element>();
        } else {
            return get_scalars<Element>();
        }
    }
}

/// A port of its own carries the right to it in a message: the C API has no other way to make one at home.
inline Result<SendRight> ReceiveRight::make_send() const {
    Result<ReceiveRight> way = allocate();
    if (!way) {
        return way.error();
    }
    MessageWriter message;
    message.make_send(*this);
    if (Result<Sent> sent = way->send(message, WhenFull::never_wait()); !sent) {
        return sent.error();
    }
    Result<Message> received = way->receive(WhenEmpty::never_wait());
    if (!received) {
        return received.error();
    }
    return received->reader().get<SendRight>();
}

}  // namespace umach
