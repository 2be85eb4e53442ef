// SPDX-License-Identifier: BSL-1.0
#include "ports/memory.hpp"

#include "ports/view.hpp"
#include "runtime/detail.hpp"

#include <sys/mman.h>
#include <algorithm>
#include <cstring>

namespace umach::ports {
namespace {

constexpr std::uint64_t page_mask = page_bytes - 1;

// The pages that a range of bytes touches.
struct Pages {
    std::uint64_t first, end;
};
Pages pages_of(std::uint64_t offset, std::uint64_t bytes) {
    return {offset >> page_bits, (offset + bytes + page_mask) >> page_bits};
}
Pages pages_of(const RegionRecord& region) {
    const std::uint64_t first = offset_of(region) >> page_bits;
    return {first, first + region.pages};
}

std::uint64_t process_of(Caller& caller) { return caller.carrier.record().process; }

// Locks the task that has a region, if it is one of the process's.
// returns: null, and locks nothing, when it is not
TaskRef lock_holder(KernelStep& s, std::uint64_t process, RegionRef ref) {
    const Place holder = ref ? s.k.region(ref.index).holder.get() : Place{};
    if (holder.kind != PlaceKind::task || s.k.task(holder.index).process != process) return {};
    const TaskRef task = s.k.ref_of_task(holder.index);
    return s.lock(task) && has_region(s.k, task, ref) ? task : TaskRef{};
}

void shorten(KernelStep& s, TaskRef task, RegionRecord& region, Pages rest) {
    const std::uint64_t pages = rest.end - rest.first;
    s.add(s.k.task(task.index).region_pages, static_cast<std::int64_t>(pages) - static_cast<std::int64_t>(region.pages.get()));
    s.set(region.first, region.first + (rest.first - pages_of(region).first));
    s.set(region.pages, pages);
}

// Takes pages from the region that begins them. All of it goes into the hand.
// returns: the first page that is not the region's; 0 when no task of the process has it
std::uint64_t take_pages(KernelStep& s, std::uint64_t process, RegionRef ref, Pages gone) {
    const TaskRef task = lock_holder(s, process, ref);
    if (!task) return 0;
    RegionRecord& region = s.k.region(ref.index);
    const Pages all = pages_of(region);
    if (gone.first < all.first || gone.first >= all.end) return 0;
    const std::uint64_t end = std::min(gone.end, all.end);
    if (gone.first == all.first && end == all.end) {
        take_from_task(s, task, ref, Place{});
        s.set(s.mine().memory_in_hand, ref.index);
    } else if (gone.first == all.first) {
        shorten(s, task, region, {end, all.end});
    } else if (end == all.end) {
        shorten(s, task, region, {all.first, gone.first});
    }
    return end;
}

// What this process has mapped in its own way is mapped as the rest of the pool before others can have it.
void release_from_hand(Caller& caller) {
    Kernel& k = caller.k;
    const auto index = static_cast<std::uint32_t>(caller.carrier.record().memory_in_hand.get());
    if (index == 0) return;
    const RegionRecord& region = k.region(index);
    const std::uint64_t bytes = (std::uint64_t{1} << region.order) << block_bits;
    const bool restored = region.altered != process_of(caller) || k.pool().map_again(region.block << block_bits, bytes);
    caller.k.step(caller.carrier, [&](KernelStep& s) {
        if (restored) s.set(s.k.region(index).altered, 0);
        release_region(s, s.k.ref_of_region(index));
        s.set(s.mine().memory_in_hand, 0);
        return s.keep(0);
    });
}

bool give_from_hand(Caller& caller, TaskRef task, RegionRef region) {
    const bool given = caller.step([&](KernelStep& s) {
        if (!s.lock(task) || !give_region(s, task, region)) return s.undo(false);
        s.set(s.mine().memory_in_hand, 0);
        return s.keep(true);
    });
    if (!given) give_back(caller.k, caller.carrier);
    return given;
}

kern_return_t not_there(std::uint64_t bytes) {
    runtime::set_detail("not all of the %llu bytes are memory of the task", static_cast<unsigned long long>(bytes));
    return KERN_INVALID_ADDRESS;
}

// Memory outside of the pool: views of sections, and pages of the process's own.
kern_return_t deallocate_pages(Caller& caller, std::uint64_t address, std::uint64_t bytes) {
    const Pages pages = pages_of(address, bytes);
    const std::uint64_t first = pages.first << page_bits, end = pages.end << page_bits;
    // What another process ended here leaves views: whatever is there from now on is not theirs.
    unmap_left_views(caller.k, caller.carrier, static_cast<std::uint32_t>(process_of(caller)));
    // ENOMEM where nothing is mapped
    if (msync(reinterpret_cast<void*>(first), end - first, MS_ASYNC) != 0) return not_there(bytes);
    const bool gone = each_part(caller.k, process_of(caller), first, end, [&](std::uint64_t from, std::uint64_t to, ViewRef view) {
        return view ? take_from_view(caller, view, from, to) : munmap(reinterpret_cast<void*>(from), to - from) == 0;
    });
    trim(caller.k, caller.carrier);
    return gone ? KERN_SUCCESS : not_there(bytes);
}

}  // namespace

kern_return_t allocate_memory(Caller& caller, TaskRef task, std::uint64_t bytes, RegionRef* region, bool zeroed) {
    Kernel& k = caller.k;
    const TakenRegion taken = take_region(k, caller.carrier, pages_for(bytes));
    if (!taken.region) return KERN_RESOURCE_SHORTAGE;
    *region = taken.region;
    if (zeroed) std::memset(k.pool().base() + offset_of(k.region(taken.region.index)), 0, taken.dirty_pages << page_bits);
    return give_from_hand(caller, task, taken.region) ? KERN_SUCCESS : KERN_RESOURCE_SHORTAGE;
}

kern_return_t deallocate_memory(Caller& caller, std::uint64_t offset, std::uint64_t bytes) {
    Kernel& k = caller.k;
    if (bytes == 0) return KERN_SUCCESS;
    if (bytes > k.pool().bytes() || offset > k.pool().bytes() - bytes) return not_there(bytes);
    for (Pages left = pages_of(offset, bytes); left.first < left.end;) {
        const RegionRef region = region_of_offset(k, left.first << page_bits);
        left.first = caller.step([&](KernelStep& s) {
            const std::uint64_t end = take_pages(s, process_of(caller), region, left);
            return end != 0 ? s.keep(end) : s.undo(end);
        });
        if (left.first == 0) return not_there(bytes);
        release_from_hand(caller);
    }
    trim(k, caller.carrier);
    return KERN_SUCCESS;
}

bool alter_region(Caller& caller, std::uint64_t offset, std::uint64_t bytes, Alteration change) {
    const RegionRef ref = region_of_offset(caller.k, offset);
    return caller.step([&](KernelStep& s) {
        if (!lock_holder(s, process_of(caller), ref)) return s.undo(false);
        RegionRecord& region = s.k.region(ref.index);
        const Pages all = pages_of(region), some = pages_of(offset, bytes);
        if (some.first < all.first || some.end > all.end) return s.undo(false);
        if (change.mapping) s.set(region.altered, process_of(caller));
        if (change.inheritance) s.set(region.inheritance, *change.inheritance);
        return s.keep(true);
    });
}

RegionRef whole_region(Caller& caller, std::uint64_t address, std::uint64_t bytes) {
    const std::uint64_t offset = caller.k.pool().offset_of(address);
    const RegionRef ref = region_of_offset(caller.k, offset);
    if (!has_region(caller.k, caller.task, ref)) return {};
    const RegionRecord& region = caller.k.region(ref.index);
    const Pages all = pages_of(region), pages = pages_of(offset, bytes);
    return region.altered.get() == 0 && pages.first == all.first && pages.end == all.end ? ref : RegionRef{};
}

bool touches_pool(Kernel& k, std::uint64_t address, std::uint64_t bytes) {
    const auto base = reinterpret_cast<std::uint64_t>(k.pool().base());
    return address < base + k.pool().bytes() && base < address + bytes;
}

kern_return_t deallocate_address(Caller& caller, std::uint64_t address, std::uint64_t bytes) {
    if (bytes == 0) return KERN_SUCCESS;
    if (address + bytes < address || address + bytes > ~page_mask) return not_there(bytes);
    if (!touches_pool(caller.k, address & ~page_mask, bytes + (address & page_mask))) return deallocate_pages(caller, address, bytes);
    return deallocate_memory(caller, caller.k.pool().offset_of(address), bytes);
}

// ---- on its way between two tasks ----------------------------------------------------------------------------------

TaskRef borrow_region(Caller& caller, RegionRef ref) {
    return caller.step([&](KernelStep& s) {
        const Place holder = s.k.region(ref.index).holder;
        const TaskRef task = holder.kind == PlaceKind::task ? s.k.ref_of_task(holder.index) : TaskRef{};
        if (!task || !s.lock(task) || !has_region(s.k, task, ref)) return s.undo(TaskRef{});
        take_from_task(s, task, ref, Place{});
        s.set(s.mine().memory_in_hand, ref.index);
        return s.keep(task);
    });
}

void return_region(Caller& caller, TaskRef to, RegionRef ref) {
    const bool returned = caller.step([&](KernelStep& s) {
        if (!s.lock(to) || !give_region(s, to, ref)) return s.undo(false);
        s.set(s.mine().memory_in_hand, 0);
        return s.keep(true);
    });
    if (!returned) release_from_hand(caller);
}

}  // namespace umach::ports
