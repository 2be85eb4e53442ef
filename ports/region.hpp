// SPDX-License-Identifier: BSL-1.0
// A region: memory of the pool (runtime/segment/pool.hpp) that one task has, one message carries, or the port of a memory
// object holds for all who have a right to it (section.hpp). Every member has the pool mapped whole, so a region that goes
// from one task to another is a change of one record, however large it is.
//
// A region has 2^order blocks of addresses and as much memory as it was taken for. One that nobody has any more goes to
// the stock, with its memory and whatever stands in it, for the next who asks for as much; what the stock has too much of
// goes back to the system (trim).
//
//   pool -> hand of a carrier -> task <-> message -> stock -> hand
//                             -> memory object -----> stock
//
// The system calls that get memory and give it back are made while the region is in a carrier's hand, with no lock held.
#pragma once

#include "ports/caller.hpp"

namespace umach::ports {

// Makes the whole pool free, in a host that nobody else knows yet.
void clear_pool(Kernel& k);
std::uint64_t bytes_of_pool_records(std::uint64_t pool_bytes);

constexpr std::uint64_t page_bytes = 1u << page_bits;
constexpr std::uint64_t pages_for(std::uint64_t bytes) { return (bytes >> page_bits) + ((bytes & (page_bytes - 1)) != 0 ? 1 : 0); }

// Where a region begins in the pool.
inline std::uint64_t offset_of(const RegionRecord& region) { return (region.block << block_bits) + (region.first << page_bits); }

// The region of a message's slot of kind memory; the slot has it where another right has its port.
inline RegionRef region_of(const RightSlot& slot) { return {slot.port.get().index, slot.port.get().generation}; }

// Takes memory of so many pages into the carrier's hand.
// returns: null, and runtime::detail() says of what there is not enough: memory, addresses or records
struct TakenRegion {
    RegionRef region;
    std::uint64_t dirty_pages = 0;   // its first pages hold what somebody left there; the others are zero
};
TakenRegion take_region(Kernel& k, runtime::Carrier& carrier, std::uint64_t pages);

// The region in the carrier's hand, given back to the system.
void give_back(Kernel& k, runtime::Carrier& carrier);
// The same for the hand of a carrier that died. It comes into the keeper's own first: what is punched out of the pool must
// not be somebody else's by then.
void give_back_for(Kernel& k, runtime::Carrier& keeper, runtime::CarrierRecord& dead);

// Gives the stock's memory over its limit back to the system.
// takes: limit in pages
void trim(Kernel& k, runtime::Carrier& carrier, std::uint64_t limit);
void trim(Kernel& k, runtime::Carrier& carrier);

// ---- parts of steps ------------------------------------------------------------------------------------------------

// Nobody has it any more: it goes to the stock. One that a message carried has landed.
void release_region(KernelStep& s, RegionRef region);

// One region that a process which has ended had mapped in its own way, and nobody has.
// returns: false when there is none
bool release_altered(KernelStep& s, std::uint32_t process);

// From the hand, or a message, to a task whose lock is held.
// returns: false when that is over the task's quota, or the task is ending; runtime::detail() says which
bool give_region(KernelStep& s, TaskRef task, RegionRef region);

// Says in runtime::detail() that the quota of a task is full.
void over_quota(const TaskRecord& task);

// From a task that has it, and whose lock is held, to somewhere else.
void take_from_task(KernelStep& s, TaskRef task, RegionRef region, Place to);
// A region that a message carries is counted to the sender, whose lock is held, until it lands: is received, or is nobody's.
// returns: false when that is over the sender's quota; runtime::detail() says so
bool take_off(KernelStep& s, TaskRef sender, RegionRecord& region);
void land(KernelStep& s, RegionRecord& region);
bool may_take_off(const TaskRecord& sender, std::uint64_t pages);

bool has_region(Kernel& k, TaskRef task, RegionRef region);

// ---- looking -------------------------------------------------------------------------------------------------------

// The region in which an offset of the pool lies; to be confirmed under its holder's lock.
// returns: null when none does
RegionRef region_of_offset(Kernel& k, std::uint64_t offset);

}  // namespace umach::ports
