// SPDX-License-Identifier: BSL-1.0
// The table of calls: each stands there once, in a row that names its id, its name, its handler and its
// items. The handler's type says what kind of kernel port it is a call on and what the items are; the server
// (serve.hpp), the entry points of the C API (tasks/mach25/direct.hpp), requests built by hand (request.hpp)
// and the tables in the manual pages are made from it.
//
// A handler takes the caller, the object that the kernel port stands for, the items in by value and the items
// out by pointer, in the order in which they stand in request and reply. Ports are names in the caller's
// space.
#pragma once

#include "ports/kernel_port.hpp"
#include "tasks/kernel/item.hpp"

#include <mach/kern_return.h>

#include <array>
#include <initializer_list>
#include <span>
#include <tuple>
#include <type_traits>

namespace umach::tasks {

// What a call on the host's port works on.
struct HostRef {};

// ---- what a handler's type says ------------------------------------------------------------------------

template <class Target>
constexpr ports::PortKind kind_of_target() {
    if constexpr (std::is_same_v<Target, ports::TaskRef>)
        return ports::PortKind::task;
    else if constexpr (std::is_same_v<Target, ports::ThreadRef>)
        return ports::PortKind::thread;
    else if constexpr (std::is_same_v<Target, ports::PortRef>)
        return ports::PortKind::memory;
    else
        return ports::PortKind::host;
}

// returns: what the object is to a handler, whose kind of object it must be
template <class Target>
Target target_from(const ports::KernelObject& object) {
    if constexpr (std::is_same_v<Target, ports::TaskRef>)
        return object.task;
    else if constexpr (std::is_same_v<Target, ports::ThreadRef>)
        return object.thread;
    else if constexpr (std::is_same_v<Target, ports::PortRef>)
        return object.memory;
    else
        return {};
}

template <class Handler>
struct HandlerTraits;
template <class T, class... Items>
struct HandlerTraits<kern_return_t (*)(ports::Caller&, T, Items...)> {
    template <class Item>
    using In = std::conditional_t<std::is_pointer_v<Item>, std::tuple<>, std::tuple<Item>>;
    template <class Item>
    using Out =
        std::conditional_t<std::is_pointer_v<Item>, std::tuple<std::remove_pointer_t<Item>>, std::tuple<>>;

    using Target = T;
    using Parameters = std::tuple<Items...>;
    using Ins = decltype(std::tuple_cat(std::declval<In<Items>>()...));
    using Outs = decltype(std::tuple_cat(std::declval<Out<Items>>()...));

    static constexpr bool outs_are_last() {
        bool out = false, fine = true;
        ((fine = fine && (std::is_pointer_v<Items> || !out), out = out || std::is_pointer_v<Items>), ...);
        return fine;
    }
    static_assert(outs_are_last());
};
template <auto Handler>
using TraitsOf = HandlerTraits<decltype(Handler)>;

// ---- the table -----------------------------------------------------------------------------------------

inline constexpr std::size_t most_items = 10;

// An item as the table shows it.
struct ItemShape {
    const char* name = "";
    std::uint32_t code = 0;
    std::uint32_t bits = 0;
    bool is_array = false;
};
struct ItemShapes {
    std::array<ItemShape, most_items> shape{};
    std::size_t number = 0;
    constexpr const ItemShape* begin() const { return shape.data(); }
    constexpr const ItemShape* end() const { return shape.data() + number; }
};

using Serve = void (*)(ports::KernelRequest& request);

struct Call {
    int id = 0;             // of the request; the reply has 100 more
    const char* name = "";  // of the function in the C API
    ports::PortKind target = ports::PortKind::ordinary;
    ItemShapes in, out;
    Serve serve = nullptr;  // decodes, runs the handler, replies
};
using Calls = std::span<const Call>;

// Every call. Each file of handlers has its rows, and its line in table.cpp.
std::span<const Calls* const> tables();
const Call* call_of_id(int id);
const Call* call_of_server(Serve serve);

inline constexpr int reply_distance = 100;

// Ids of calls that no Mach has; Mach's end at 2116.
inline constexpr int first_own_id = 2500;

}  // namespace umach::tasks
