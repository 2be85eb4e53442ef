// SPDX-License-Identifier: BSL-1.0
// What looks into the host have in common. None takes a lock, so what is found may have gone on already.
#pragma once

#include "ports/space.hpp"
#include "tasks/mach25/face.hpp"

#include <umach_inspect.h>

namespace umach::tasks {

// Runs a look at the process's host, if it is in one.
template <class Body>
kern_return_t look(Body&& body) {
    return with_detail([&] {
        Host* host = current_host();
        if (host != nullptr) return static_cast<kern_return_t>(body(*host));
        runtime::set_detail("this process is in no host");
        return KERN_INVALID_HOST;
    });
}

// Port and set numbers: unique among all that ever lived in the host.
template <class Ref>
unsigned long long number_of(Ref ref) {
    return ref.index != 0 ? static_cast<unsigned long long>(ref.generation) << 32 | ref.index : 0;
}

// Calls body(entry) for each name in use of a task.
template <class Body>
void for_each_name(ports::Kernel& k, ports::TaskRecord& task, Body&& body) {
    const auto used = static_cast<std::uint32_t>(task.used_names.get());
    for (std::uint32_t i = 1; i < used && i < ports::most_names; ++i) {
        ports::EntryRecord* e = ports::entry_at(k, task, i);
        if (e != nullptr && e->bits.get().rights != 0) body(*e);
    }
}

// Calls body(number) for each task that is there.
template <class Body>
void for_each_task(ports::Kernel& k, Body&& body) {
    for (std::uint32_t i = 1; i < k.zone(ports::zone_tasks).fresh(); ++i)
        if (k.task(i).identity.get().life != ports::Life::free) body(i);
}

}  // namespace umach::tasks
