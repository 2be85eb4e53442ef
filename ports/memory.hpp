// SPDX-License-Identifier: BSL-1.0
// A task's memory by its addresses: regions of the pool, which can go to other tasks, and pages of the process's own.
#pragma once

#include "ports/region.hpp"

#include <mach/kern_return.h>

#include <optional>

namespace umach::ports {

// Gives a task zeroed memory of the pool.
// returns: KERN_SUCCESS *offset is where it begins in the pool; KERN_RESOURCE_SHORTAGE with runtime::detail()
kern_return_t allocate_memory(Caller& caller, TaskRef task, std::uint64_t bytes, std::uint64_t* offset);

// The same at an address of the pool that the task chooses; where one of its regions was cut short, it grows again.
// returns: KERN_NO_SPACE some of the addresses are in use
kern_return_t allocate_memory_at(Caller& caller, TaskRef task, std::uint64_t offset, std::uint64_t bytes);

// Takes memory of the pool from the task of this process that has it, from the page of the first byte to that of the last.
// Of a region that goes only in part the end is given back at once, the rest when the whole region goes.
// returns: KERN_INVALID_ADDRESS when no task of the process has all of it
kern_return_t deallocate_memory(Caller& caller, std::uint64_t offset, std::uint64_t bytes);

// Notes that memory of a region of this process is to be treated otherwise.
// takes: mapping: its protection is about to be changed, so that it cannot move before it has been restored
// returns: false when no task of the process has all of these bytes in one region
struct Alteration {
    bool mapping = false;
    std::optional<std::uint32_t> inheritance;
};
bool alter_region(Caller& caller, std::uint64_t offset, std::uint64_t bytes, Alteration change);
// Maps the region there as the rest of the pool is mapped, if this process has it otherwise.
void restore_mapping(Caller& caller, std::uint64_t offset);

// The region that these bytes are, if they are all of one that the caller's task has.
// returns: null when they are not
RegionRef whole_region(Caller& caller, std::uint64_t address, std::uint64_t bytes);

// Takes away what a send has left behind: memory of the pool, or pages of the process's own.
// returns: KERN_INVALID_ADDRESS when some of it is not there
kern_return_t deallocate_address(Caller& caller, std::uint64_t address, std::uint64_t bytes);

}  // namespace umach::ports
