// SPDX-License-Identifier: BSL-1.0
// What memory a task has: its process's mappings as the operating system lists them, and the regions of the pool that the
// task itself has.
#pragma once

#include "ports/kernel.hpp"

#include <mach/vm_statistics.h>

#include <optional>

namespace umach::tasks {

struct Mapped {
    std::uint64_t address = 0;
    std::uint64_t bytes = 0;
    int protection = 0;            // vm_prot_t
    std::uint32_t inheritance = 1; // vm_inherit_t
    bool is_shared = false;
    int most = 7;                  // vm_prot_t: what may ever be done
    ports::PortRef object;         // of a view: the memory object
    std::uint64_t offset = 0;      // in the section
};

// The mapping, or the region of the pool, that an address lies in, or else the next above it.
// returns: nothing when there is none, or the system does not say
std::optional<Mapped> mapped_from(ports::Kernel& k, ports::TaskRef task, std::uint64_t address);

// The machine's memory, and the faults of the task's process.
vm_statistics_data_t statistics_of(ports::Kernel& k, ports::TaskRef task);

}  // namespace umach::tasks
