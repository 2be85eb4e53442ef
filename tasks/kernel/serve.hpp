// SPDX-License-Identifier: BSL-1.0
// How a message to a kernel port becomes a call of its handler, and what that gave a reply. Errors are MIG's:
// an id that is in no row gives MIG_BAD_ID, a request that is not exactly its row's MIG_BAD_ARGUMENTS, each
// in a reply that has nothing but its code.
#pragma once

#include "tasks/kernel/calls.hpp"

#include <mach/mig_errors.h>

namespace umach::tasks {

// Bytes in front of a reply's items: the header, and the item with the code.
inline constexpr std::size_t reply_head = sizeof(msg_header_t) + size_of_item(1, Int::bits);

// ---- what does not depend on the call ------------------------------------------------------------------

// The items of a request, if it is complex exactly when it should be; else a reader that finds nothing.
ItemReader open_request(const ports::KernelRequest& request, bool complex);
kern_return_t wrong_kind(const ports::KernelRequest& request);

// Whether the call ended the thread that sent it, which gets no reply: all that is left to it is to be unwound.
bool sender_has_ended(const ports::KernelRequest& request);
// takes: the message in hand
void drop(ports::KernelRequest& request);

// Replies with a code alone.
// takes: the message in hand
void reply_code(ports::KernelRequest& request, kern_return_t code);

// Whether a reply of this size can be sent.
bool can_reply(std::size_t bytes, std::size_t rights);

// Begins the reply to a call that went well; the items stand behind its code, from reply_head on.
// returns: its text; nullptr when the host has no memory for it
std::byte* begin_good_reply(ports::KernelRequest& request, std::size_t bytes, std::size_t rights);

// ---- rights of replies: each has come into the caller's space, and leaves it ---------------------------

void settle_right(ports::Caller& caller, std::uint32_t code, port_t name, bool sent);
void take_back_memory(ports::Caller& caller, std::span<const std::byte> memory);

template <class Item>
void settle(ports::Caller& caller, const Item& item, bool sent) {
    if constexpr (is_moved<Item>) {
        if (!sent) take_back_memory(caller, item.values);
    } else if constexpr (Item::is_right && Item::is_array) {
        for (const port_t name : item.values) settle_right(caller, Item::code, name, sent);
    } else if constexpr (Item::is_right) {
        settle_right(caller, Item::code, item.value, sent);
    }
}
template <class... Outs>
void settle_all(ports::Caller& caller, const std::tuple<Outs...>& out, bool sent) {
    std::apply([&](const Outs&... item) { (settle(caller, item, sent), ...); }, out);
}

// ---- decode, call, encode ------------------------------------------------------------------------------

template <class... Ins>
bool read_request(const ports::KernelRequest& request, std::tuple<Ins...>& in) {
    ItemReader reader = open_request(request, (Ins::is_right || ...));
    return std::apply([&](Ins&... item) { return (reader.read(item) && ...); }, in) && reader.at_end();
}

template <auto Handler, class... Ins, class... Outs>
kern_return_t run(const ports::KernelRequest& request, const std::tuple<Ins...>& in,
                  std::tuple<Outs...>& out) {
    using Target = typename TraitsOf<Handler>::Target;
    if (request.object.kind != kind_of_target<Target>()) return wrong_kind(request);
    const auto call = [&](const Ins&... items_in) {
        return std::apply(
            [&](Outs&... items_out) {
                return Handler(request.caller, target_from<Target>(request.object), items_in...,
                               &items_out...);
            },
            out);
    };
    return std::apply(call, in);
}

// Values that do not fit into a reply stand out of line.
template <class... Outs>
std::size_t bytes_of_reply(const std::tuple<Outs...>& out, bool out_of_line) {
    std::size_t at = reply_head;
    std::apply([&](const Outs&... item) { ((at = end_of(item, at, out_of_line)), ...); }, out);
    return at;
}

template <class... Outs>
kern_return_t reply_with(ports::KernelRequest& request, const std::tuple<Outs...>& out) {
    const bool out_of_line = bytes_of_reply(out, false) > MSG_SIZE_MAX;
    const std::size_t bytes = bytes_of_reply(out, out_of_line);
    const std::size_t rights = std::apply(
        [](const Outs&... item) { return (std::size_t{0} + ... + (Outs::is_right ? count_of(item) : Outs::is_array ? 1 : 0)); },
        out);
    std::byte* text = can_reply(bytes, rights) ? begin_good_reply(request, bytes, rights) : nullptr;
    if (text == nullptr) return settle_all(request.caller, out, false), KERN_RESOURCE_SHORTAGE;
    ItemWriter writer(text, reply_head, out_of_line);
    std::apply([&](const Outs&... item) { (writer.write(item), ...); }, out);
    const ports::Replied replied = ports::send_reply(request);
    settle_all(request.caller, out, replied == ports::Replied::sent);
    if (replied == ports::Replied::no_memory) return KERN_RESOURCE_SHORTAGE;
    return replied == ports::Replied::right_lost ? KERN_FAILURE : KERN_SUCCESS;
}

// Serves a request for the call of this handler.
// takes: the message in hand
template <auto Handler>
void serve(ports::KernelRequest& request) {
    typename TraitsOf<Handler>::Ins in;
    typename TraitsOf<Handler>::Outs out;
    kern_return_t code = MIG_BAD_ARGUMENTS;
    if (read_request(request, in)) code = run<Handler>(request, in, out);
    if (sender_has_ended(request)) return drop(request);
    if (code == KERN_SUCCESS) code = reply_with(request, out);
    if (code != KERN_SUCCESS) reply_code(request, code);
}

// ---- rows ----------------------------------------------------------------------------------------------

template <class... Items>
consteval ItemShapes shapes_of(std::type_identity<std::tuple<Items...>>, const char* const* names) {
    static_assert(sizeof...(Items) <= most_items);
    ItemShapes shapes;
    ((shapes.shape[shapes.number] = {names[shapes.number], Items::code, Items::bits, Items::is_array},
      ++shapes.number),
     ...);
    return shapes;
}

// Rights that come in can be given up before the reply is made only if its making cannot fail: it fits any
// record.
template <class... Ins, class... Outs>
consteval bool is_sure_to_reply(std::type_identity<std::tuple<Ins...>>,
                                std::type_identity<std::tuple<Outs...>>) {
    const std::size_t bytes = (reply_head + ... + (size_of_item(1, Outs::bits) + sizeof(ports::RightSlot)));
    return !(Ins::is_right || ...) || (!(Outs::is_array || ...) && bytes <= ports::class_bytes[0]);
}

// A row of the table. names: of the items in, then of the items out
template <auto Handler>
consteval Call call(int id, const char* name, std::initializer_list<const char*> names = {}) {
    using Traits = TraitsOf<Handler>;
    using Ins = typename Traits::Ins;
    using Outs = typename Traits::Outs;
    constexpr std::size_t ins = std::tuple_size_v<Ins>;
    static_assert(is_sure_to_reply(std::type_identity<Ins>{}, std::type_identity<Outs>{}));
    if (names.size() != ins + std::tuple_size_v<Outs>) throw "a name for each item";
    return {id,
            name,
            kind_of_target<typename Traits::Target>(),
            shapes_of(std::type_identity<Ins>{}, names.begin()),
            shapes_of(std::type_identity<Outs>{}, names.begin() + ins),
            serve<Handler>};
}

}  // namespace umach::tasks
