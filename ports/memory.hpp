// SPDX-License-Identifier: BSL-1.0
// A task's memory by its addresses: regions of the pool, which can go to other tasks, and pages of the process's own.
#pragma once

#include "ports/region.hpp"

#include <mach/kern_return.h>

#include <optional>

namespace umach::ports {

// Gives a task memory of the pool: zeroed, or with what stands in it.
// returns: KERN_SUCCESS *region is what it has now; KERN_RESOURCE_SHORTAGE with runtime::detail()
kern_return_t allocate_memory(Caller& caller, TaskRef task, std::uint64_t bytes, RegionRef* region, bool zeroed = true);

// Takes memory of the pool from the tasks of this process that have it, from the page of the first byte to that of the
// last. A region that goes only in part becomes shorter at its beginning or its end, and gives its memory back with the
// rest; a hole in its middle changes nothing.
// returns: KERN_INVALID_ADDRESS some of it is no such task's; what lies before is gone then
kern_return_t deallocate_memory(Caller& caller, std::uint64_t offset, std::uint64_t bytes);

// Notes that memory of a region of this process is to be treated otherwise.
// takes: mapping: its protection or mapping is about to be changed: it does not move, and nobody else gets its addresses,
// before this process has given it back or has ended
// returns: false when no task of the process has all of these bytes in one region
struct Alteration {
    bool mapping = false;
    std::optional<std::uint32_t> inheritance;
};
bool alter_region(Caller& caller, std::uint64_t offset, std::uint64_t bytes, Alteration change);

// The region that these bytes are, if they are all of one that the caller's task has and that can move.
// returns: null when they are not
RegionRef whole_region(Caller& caller, std::uint64_t address, std::uint64_t bytes);

// Takes memory of the pool, views of sections, or pages of the process's own.
// returns: KERN_INVALID_ADDRESS when some of it is not there
kern_return_t deallocate_address(Caller& caller, std::uint64_t address, std::uint64_t bytes);

// Whether a range of this process's addresses has any of the pool's in it.
bool touches_pool(Kernel& k, std::uint64_t address, std::uint64_t bytes);

// ---- on its way between two tasks ----------------------------------------------------------------------------------

// Takes a region that some task has into the carrier's hand, where nobody else can free it.
// returns: the task that had it; null when none has it
TaskRef borrow_region(Caller& caller, RegionRef region);
// Gives it back; to nobody when the task has ended.
void return_region(Caller& caller, TaskRef to, RegionRef region);

}  // namespace umach::ports
