// SPDX-License-Identifier: BSL-1.0
// Where a scene of calls is played, once by functions and once by messages to the kernel port. What happened
// is written down without any name that could differ: results by the rights under them, spaces by the rights
// in them.
#pragma once

#include "processes.hpp"

#include "tasks/kernel/request.hpp"

#include <mach.h>

#include <string>
#include <tuple>
#include <vector>

namespace umach::tests {

using namespace umach::tasks;

enum class Way { function, message };

class Stage {
public:
    // to: a descriptor for what was written down
    Stage(Way way, int to);
    ~Stage();
    Stage(const Stage&) = delete;
    Stage& operator=(const Stage&) = delete;

    task_t self() const { return task_self(); }
    // A task of another process that waits, and has a port for which it has no name but this one.
    task_t peer();
    static constexpr port_name_t peers_port = 0x0bad'0001;
    thread_t peers_thread();

    // ---- names of each kind, in this task's space ------------------------------------------------------
    port_t receive_right();
    port_t receive_and_send_right();
    port_t send_right();  // its receive right is the peer's
    port_t send_once_right();
    port_t dead_name();
    port_t port_set();
    // Moves the port into a message that waits: the task has no name for it any more.
    void put_away(port_t port);

    // Makes the call in the stage's way, and writes down what it gave and what there is afterwards.
    template <auto Handler, auto Function, class... In>
    typename TraitsOf<Handler>::Outs ask(port_t target, In... in);
    template <auto Handler, auto Function, class... In>
    kern_return_t code_of(port_t target, In... in) {
        ask<Handler, Function>(target, in...);
        return code_;
    }

    void note(const std::string& line);
    // The rights of a name, in this task's space or another's.
    std::string rights_of(port_name_t name, task_t task = task_self());

private:
    void note_spaces();
    std::string about(const Name& item, task_t target) { return rights_of(item.value, target); }
    template <std::uint32_t Code>
    requires(MSG_TYPE_PORT_ANY(Code)) std::string about(const Scalar<Code, port_t>& item, task_t) {
        return rights_of(item.value);
    }
    std::string about(const Int& item, task_t) { return std::to_string(item.value); }
    std::string about(const Bool& item, task_t) { return item.value != FALSE ? "yes" : "no"; }
    std::string about(const Word& item, task_t) { return item.value == 0 ? "null" : "somewhere"; }
    std::string about(const Memory& item, task_t) { return std::to_string(item.values.size()) + " bytes"; }
    template <class Element>
    std::string about(const Array<Element>& item, task_t target) {
        std::vector<std::string> all;
        for (const auto value : item.values) all.push_back(about(Element{value}, target));
        return in_order(std::move(all));
    }
    static std::string in_order(std::vector<std::string> lines);

    Way way_;
    int to_;
    port_t reply_ = PORT_NULL;
    task_t peer_ = PORT_NULL;
    pid_t peer_process_ = -1;
    Signal leave_;
    kern_return_t code_ = KERN_SUCCESS;
};

// ---- by function ---------------------------------------------------------------------------------------

template <std::uint32_t Code, class V>
auto arguments_of(const Scalar<Code, V>& in) {
    return std::make_tuple(in.value);
}
template <class Element>
auto arguments_of(const List<Element>& in) {
    return std::make_tuple(const_cast<typename Element::Value*>(in.values.data()),
                           static_cast<unsigned int>(in.values.size()));
}

inline auto arguments_of(const Data& in) {
    return std::make_tuple(const_cast<std::byte*>(in.values.data()), static_cast<unsigned int>(in.values.size()));
}

// What a function fills in for an item out.
template <class Item>
struct Filled {
    typename Item::Value value{};
    auto arguments() { return std::make_tuple(&value); }
    Item item() { return {value}; }
};
template <class Element>
struct Filled<Array<Element>> {
    typename Element::Value* array = nullptr;
    unsigned int number = 0;
    auto arguments() { return std::make_tuple(&array, &number); }
    Array<Element> item() {
        Array<Element> item;
        item.values.assign(array, array + number);
        MUST(vm_deallocate(task_self(), reinterpret_cast<vm_address_t>(array), number * sizeof *array) ==
             KERN_SUCCESS);
        return item;
    }
};

template <>
struct Filled<Memory> {
    pointer_t data = 0;
    unsigned int number = 0;
    auto arguments() { return std::make_tuple(&data, &number); }
    Memory item() { return {{{reinterpret_cast<const std::byte*>(data), number}}}; }
};

template <auto Function, class... Ins, class... Outs>
kern_return_t by_function(port_t target, const std::tuple<Ins...>& in, std::tuple<Outs...>& out) {
    std::tuple<Filled<Outs>...> filled;
    const auto ins = std::apply([](const Ins&... item) { return std::tuple_cat(arguments_of(item)...); }, in);
    const auto outs = std::apply([](auto&... item) { return std::tuple_cat(item.arguments()...); }, filled);
    const kern_return_t code = std::apply(Function, std::tuple_cat(std::make_tuple(target), ins, outs));
    if (code == KERN_SUCCESS)
        out = std::apply([](auto&... item) { return std::make_tuple(item.item()...); }, filled);
    return code;
}

// ---- by message ----------------------------------------------------------------------------------------

// Who sends a receive right where a send-once right is wanted says that it is to be made.
template <class Item>
void say_how(msg_type_t* descriptor, const Item& item) {
    port_type_t type = PORT_TYPE_NONE;
    if constexpr (std::is_same_v<Item, SendOnce>) {
        const bool receives = port_type(task_self(), item.value, &type) == KERN_SUCCESS && (type & 2) != 0;
        if (receives && type != PORT_TYPE_SET) descriptor->msg_type_name = MSG_TYPE_MAKE_SEND_ONCE;
    }
}

template <auto Handler>
kern_return_t by_message(port_t target, port_t reply, const typename TraitsOf<Handler>::Ins& in,
                         typename TraitsOf<Handler>::Outs& out) {
    Request<Handler> request(target, reply, in);
    std::size_t at = 0;
    std::apply(
        [&](const auto&... item) { ((say_how(request.descriptor(at), item), at += size_of(item)), ...); },
        in);
    const msg_return_t sent = msg_rpc(request.header(), MSG_OPTION_NONE, MSG_SIZE_MAX, 0, 0);
    // A name that stands for no kernel port is refused before there is a call.
    if (sent == SEND_INVALID_PORT) return KERN_INVALID_ARGUMENT;
    MUST(sent == RPC_SUCCESS);
    MUST(request.header()->msg_remote_port == PORT_NULL && request.header()->msg_local_port == reply);
    return request.read_reply(&out);
}

// What such calls tell is another thing each time; scenes write down what is not.
template <auto Handler>
inline constexpr bool tells_numbers =
    std::is_same_v<typename TraitsOf<Handler>::Outs, std::tuple<Array<Int>>>;

template <auto Handler, auto Function, class... In>
typename TraitsOf<Handler>::Outs Stage::ask(port_t target, In... in) {
    const typename TraitsOf<Handler>::Ins items{in...};
    typename TraitsOf<Handler>::Outs out;
    code_ = way_ == Way::function ? by_function<Function>(target, items, out)
                                  : by_message<Handler>(target, reply_, items, out);
    std::string line = std::string(call_of_server(serve<Handler>)->name) + ": " + mach_error_string(code_);
    if constexpr (tells_numbers<Handler>)
        line += "; " + std::to_string(std::get<0>(out).values.size()) + " integers";
    else if (code_ == KERN_SUCCESS)
        std::apply([&](const auto&... item) { ((line += "; " + about(item, target)), ...); }, out);
    note(line);
    note_spaces();
    return out;
}

// ---- scenes --------------------------------------------------------------------------------------------

struct Scene {
    const char* call;     // its row in the table
    const char* outcome;  // of the scene, as a test's name says it
    void (*play)(Stage& stage);
};

extern const std::vector<Scene> host_scenes, memory_scenes, port_scenes, port_right_scenes, port_set_scenes,
    special_port_scenes, task_scenes, thread_scenes, thread_state_scenes;
std::vector<Scene> all_scenes();

// Plays a scene in a process of its own.
// returns: what was written down; its last line says whether the process ended well
std::string played(const Scene& scene, Way way);

}  // namespace umach::tests
