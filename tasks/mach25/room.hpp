// SPDX-License-Identifier: BSL-1.0
// Direct calls that fill in integers where the caller has room for some: how many come in with their number,
// how many are given go out with it.
#pragma once

#include "tasks/kernel/counted.hpp"
#include "tasks/mach25/direct.hpp"

namespace umach::tasks {

struct Room {
    int* at;
    unsigned int* number;
};

// The handler has seen to it that there is room.
template <>
class Argument<Array<Int>*, Room> {
public:
    explicit Argument(Room room) : at_(room.at), number_(room.number) {}
    kern_return_t look() const { return number_.usable() ? KERN_SUCCESS : no_such_memory(); }
    Array<Int>* pass() { return &item_; }
    kern_return_t give() const {
        const std::size_t number = item_.values.size();
        const bool given = runtime::copy_out(at_, item_.values.data(), number * sizeof(int)) &&
                           number_.give(static_cast<unsigned int>(number)) == KERN_SUCCESS;
        return given ? KERN_SUCCESS : no_such_memory();
    }

private:
    int* at_;
    Result<unsigned int> number_;
    Array<Int> item_;
};

// A structure of so many integers, all of which the handler gives.
struct FilledIn {
    int* at;
    std::size_t number;
};

template <>
class Argument<Array<Int>*, FilledIn> {
public:
    explicit Argument(FilledIn room) : room_(room) {}
    kern_return_t look() const { return runtime::probe_write(room_.at, room_.number * sizeof(int)) ? KERN_SUCCESS : no_such_memory(); }
    Array<Int>* pass() { return &item_; }
    kern_return_t give() const {
        return runtime::copy_out(room_.at, item_.values.data(), room_.number * sizeof(int)) ? KERN_SUCCESS : no_such_memory();
    }

private:
    FilledIn room_;
    Array<Int> item_;
};

template <auto Handler>
kern_return_t direct_counted(port_t name, int flavor, int* at, unsigned int* number) {
    return direct<counted<Handler>>(name, flavor, Fetched{number}, Room{at, number});
}

}  // namespace umach::tasks
