// SPDX-License-Identifier: BSL-1.0
// Scenes of calls whose functions fill in integers where there is room for some, and of targets that are none.
#pragma once

#include "stage.hpp"

#include "tasks/kernel/counted.hpp"

#include <algorithm>
#include <array>

namespace umach::tests {

// Such a function, as one that makes an array for what it is given.
template <auto Function>
kern_return_t into_room(port_t target, int flavor, int count, int** array, unsigned int* number) {
    std::array<int, 1024> room;
    room.fill(4711);
    *number = static_cast<unsigned int>(count);
    const kern_return_t code = Function(target, flavor, room.data(), number);
    if (code != KERN_SUCCESS) return code;
    MUST(std::all_of(room.begin() + *number, room.end(), [](int one) { return one == 4711; }));
    vm_address_t at = 0;
    MUST(vm_allocate(task_self(), &at, *number * sizeof(int), TRUE) == KERN_SUCCESS);
    *array = reinterpret_cast<int*>(at);
    std::copy_n(room.begin(), *number, *array);
    return code;
}

// returns: what the call told, as the structure of its flavor
template <class Info, auto Handler, auto Function>
Info told(Stage& stage, port_t target, int flavor) {
    constexpr std::size_t number = sizeof(Info) / sizeof(int);
    const auto [given] = stage.ask<counted<Handler>, into_room<Function>>(target, Int{flavor}, Int{number});
    MUST(given.values.size() == number);
    Info info;
    std::memcpy(&info, given.values.data(), sizeof info);
    return info;
}

// Every flavor that is none, and a room that is too small or larger than need be.
template <auto Handler, auto Function>
void with_other_flavors_and_rooms(Stage& stage, port_t target, int flavor, int number) {
    for (const int other : {0, -1, 2, 5, 1000})
        stage.ask<counted<Handler>, into_room<Function>>(target, Int{other}, Int{1024});
    for (const int room : {0, number - 1, number, number + 1, 1024, -1})
        stage.ask<counted<Handler>, into_room<Function>>(target, Int{flavor}, Int{room});
}

// Asks each of what the call is not on: other kernel ports, and names that stand for none.
template <auto Handler, auto Function, class... In>
void on_what_it_is_not(Stage& stage, In... in) {
    constexpr ports::PortKind kind = kind_of_target<typename TraitsOf<Handler>::Target>();
    if (kind != ports::PortKind::task) stage.ask<Handler, Function>(stage.peer(), in...);
    if (kind != ports::PortKind::thread) stage.ask<Handler, Function>(stage.peers_thread(), in...);
    if (kind != ports::PortKind::host) stage.ask<Handler, Function>(host_self(), in...);
    for (const port_t name : {stage.dead_name(), port_t{4711}, PORT_NULL})
        MUST((stage.code_of<Handler, Function>(name, in...)) == KERN_INVALID_ARGUMENT);
}

}  // namespace umach::tests
