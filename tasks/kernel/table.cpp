// SPDX-License-Identifier: BSL-1.0
// The whole table. All of it is constant: a fork in the middle of a first use finds nothing half made.
#include "tasks/kernel/host_calls.hpp"
#include "tasks/kernel/memory_calls.hpp"
#include "tasks/kernel/memory_object_calls.hpp"
#include "tasks/kernel/port_calls.hpp"
#include "tasks/kernel/port_set_calls.hpp"
#include "tasks/kernel/special_port_calls.hpp"
#include "tasks/kernel/task_calls.hpp"
#include "tasks/kernel/thread_calls.hpp"

namespace umach::tasks {
namespace {

constexpr auto all = std::to_array<const Calls*>({
    &port_calls,
    &port_set_calls,
    &special_port_calls,
    &memory_calls,
    &memory_object_calls,
    &task_calls,
    &thread_calls,
    &host_calls,
});

template <class Wanted>
const Call* find(Wanted wanted) {
    for (const Calls* table : all)
        for (const Call& call : *table)
            if (wanted(call)) return &call;
    return nullptr;
}

}  // namespace

std::span<const Calls* const> tables() {
    return all;
}

const Call* call_of_id(int id) {
    return find([&](const Call& call) { return call.id == id; });
}

const Call* call_of_server(Serve serve) {
    return find([&](const Call& call) { return call.serve == serve; });
}

}  // namespace umach::tasks
