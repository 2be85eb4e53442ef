// SPDX-License-Identifier: BSL-1.0
// The memory of the tasks of this process: they have one address space, which only the process itself can change. What a
// call on another process's memory needs of it, that process's service thread does (service.hpp).
#pragma once

#include "ports/caller.hpp"

#include <mach/kern_return.h>

#include <array>

namespace umach::tasks {

// Arguments in the order in which they stand here; results take the place of the first.
enum class MemoryCall : std::uint64_t {
    allocate,     // address, size, 1: not zeroed: at that address, or anywhere if it is `any_address`; gives the address
    deallocate,   // address, size
    protect,      // address, size, what may be done (vm_prot_t), 1: from now on never more than that
    inherit,      // address, size, vm_inherit_t
    read,         // address, size, the region (as a word) that it is to go to
    write,        // address, size, the region that it comes from
    map,          // address, or `any_address`; memory object (as a word); pages and more: a MapPlan; gives the address
};

// The rest of what `map` takes, in two words.
struct MapPlan {
    std::uint32_t first = 0, pages = 0;   // of the section
    std::uint8_t protection = 0, most = 0, inheritance = 0, alignment_bits = 0;
    std::uint32_t copies = 0;             // 1: as in ports::ViewPlan
};
static_assert(sizeof(MapPlan) == 2 * sizeof(std::uint64_t));
using MemoryWords = std::array<std::uint64_t, 4>;
inline constexpr std::uint64_t any_address = ~std::uint64_t{0};

// Does it in this process, for a task of it. A region is borrowed meanwhile from the task that has it.
// returns: KERN_INVALID_ARGUMENT the task has ended, or is another process's
kern_return_t change_memory(ports::Caller& caller, ports::TaskRef task, MemoryCall call, MemoryWords& words);

// Does it in the task's process, whichever that is.
// waits: for that process, if it is another
kern_return_t change_memory_of(ports::Caller& caller, ports::TaskRef task, MemoryCall call, MemoryWords& words);

// Maps zero-filled pages of this process that no other task can get.
kern_return_t allocate_pages(std::uint64_t* address, std::uint64_t size, bool at_address);

}  // namespace umach::tasks
