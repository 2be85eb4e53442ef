// SPDX-License-Identifier: BSL-1.0
// Calls whose functions have room for so many integers: by message too, the request says how many its sender
// has room for.
#pragma once

#include "runtime/detail.hpp"
#include "tasks/kernel/calls.hpp"

namespace umach::tasks {

// room: as many as an unsigned integer can say
inline kern_return_t check_room(std::size_t number, Int room) {
    const auto most = static_cast<unsigned int>(room.value);
    if (number <= most) return KERN_SUCCESS;
    runtime::set_detail("%zu integers, and room for %u", number, most);
    return KERN_INVALID_ARGUMENT;
}

template <class Asked>
struct CountedCall;
template <class Target>
struct CountedCall<kern_return_t (*)(ports::Caller&, Target, Int, Array<Int>*)> {
    using Plain = kern_return_t (*)(ports::Caller&, Target, Int, Array<Int>*);

    template <Plain Handler>
    static kern_return_t run(ports::Caller& caller, Target target, Int flavor, Int room, Array<Int>* info) {
        const kern_return_t code = Handler(caller, target, flavor, info);
        return code == KERN_SUCCESS ? check_room(info->values.size(), room) : code;
    }
};

// The handler of such a call, from one that does not mind the room.
template <auto Handler>
inline constexpr auto counted = &CountedCall<decltype(Handler)>::template run<Handler>;

}  // namespace umach::tasks
