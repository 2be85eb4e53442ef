// SPDX-License-Identifier: BSL-1.0
#include "ports/memory.hpp"

#include "runtime/detail.hpp"

#include <sys/mman.h>
#include <algorithm>
#include <cstring>

namespace umach::ports {
namespace {

constexpr std::uint64_t page_mask = page_bytes - 1;

std::byte* at_offset(Kernel& k, std::uint64_t offset) { return k.pool().base() + offset; }

// The pages that a range of bytes touches.
struct Pages {
    std::uint64_t first, end;
};
Pages pages_of(std::uint64_t offset, std::uint64_t bytes) {
    return {offset >> page_bits, (offset + bytes + page_mask) >> page_bits};
}

// What is left of a region when some of its pages go.
struct Cut {
    RegionRef region;
    Pages gone{};        // to be given back to the system, when they are its end
    bool found = false;
};

bool is_of_process(Kernel& k, Place holder, std::uint64_t process) {
    return holder.kind == PlaceKind::task && k.task(holder.index).process.get() == process;
}

void shorten(KernelStep& s, TaskRef task, RegionRecord& region, std::uint64_t first, std::uint64_t pages) {
    s.add(s.k.task(task.index).region_pages, static_cast<std::int64_t>(pages) - static_cast<std::int64_t>(region.pages.get()));
    s.set(region.first, first);
    s.set(region.pages, pages);
}

Cut cut(KernelStep& s, std::uint64_t process, RegionRef ref, Pages gone) {
    RegionRecord& region = s.k.region(ref.index);
    const Place holder = region.holder;
    if (!is_of_process(s.k, holder, process)) return {};
    const TaskRef task = s.k.ref_of_task(holder.index);
    if (!s.lock(task) || !has_region(s.k, task, ref)) return {};
    const std::uint64_t begin = offset_of(region) >> page_bits, end = begin + region.pages;
    if (gone.first < begin || gone.end > end) return {};
    Cut result{ref, {}, true};
    if (gone.first == begin && gone.end == end) {
        take_from_task(s, task, ref, Place{});
        release_region(s, ref);
    } else if (gone.first == begin) {
        shorten(s, task, region, region.first + (gone.end - begin), end - gone.end);
    } else if (gone.end == end) {
        shorten(s, task, region, region.first, gone.first - begin);
        s.set(region.reserved, std::min<std::uint64_t>(region.reserved, region.first + region.pages));
        result.gone = gone;
    }
    return result;
}

std::uint64_t process_of(Caller& caller) { return caller.carrier.record().process; }

kern_return_t deallocate_pages(std::uint64_t address, std::uint64_t bytes) {
    const Pages pages = pages_of(address, bytes);
    void* first = reinterpret_cast<void*>(pages.first << page_bits);
    const std::uint64_t length = (pages.end - pages.first) << page_bits;
    // ENOMEM where nothing is mapped
    if (msync(first, length, MS_ASYNC) != 0) return KERN_INVALID_ADDRESS;
    return munmap(first, length) == 0 ? KERN_SUCCESS : KERN_INVALID_ADDRESS;
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

}  // namespace

kern_return_t allocate_memory(Caller& caller, TaskRef task, std::uint64_t bytes, std::uint64_t* offset) {
    Kernel& k = caller.k;
    const TakenRegion taken = take_region(k, caller.carrier, pages_for(bytes));
    if (!taken.region) return KERN_RESOURCE_SHORTAGE;
    *offset = offset_of(k.region(taken.region.index));
    std::memset(at_offset(k, *offset), 0, taken.dirty_pages << page_bits);
    return give_from_hand(caller, task, taken.region) ? KERN_SUCCESS : KERN_RESOURCE_SHORTAGE;
}

namespace {

// Pages right before or behind those of a region, in the addresses that it has.
bool grow(KernelStep& s, TaskRef task, RegionRef ref, Pages more) {
    RegionRecord& region = s.k.region(ref.index);
    const std::uint64_t start = region.block * pages_per_block, end = start + (std::uint64_t{pages_per_block} << region.order);
    const std::uint64_t first = offset_of(region) >> page_bits, last = first + region.pages;
    const bool fits = more.first >= start && more.end <= end && (more.end == first || more.first == last);
    if (!fits || !s.lock(task) || !has_region(s.k, task, ref)) return false;
    shorten(s, task, region, std::min(more.first, first) - start, region.pages + (more.end - more.first));
    s.set(region.reserved, 0);
    return true;
}

// The region of the task in whose addresses a page lies, though it has been cut short.
RegionRef cut_region(Caller& caller, TaskRef task, std::uint64_t page) {
    Kernel& k = caller.k;
    for (std::uint32_t i = k.task(task.index).regions.get().first; i != 0; i = k.region(i).links.get().second) {
        const RegionRecord& region = k.region(i);
        const std::uint64_t start = region.block * pages_per_block;
        if (page >= start && page - start < std::uint64_t{pages_per_block} << region.order) return k.ref_of_region(i);
    }
    return {};
}

bool grow_again(Caller& caller, TaskRef task, Pages pages) {
    const bool grown = caller.step([&](KernelStep& s) {
        const RegionRef region = s.lock(task) ? cut_region(caller, task, pages.first) : RegionRef{};
        const bool done = region && grow(s, task, region, pages);
        return done ? s.keep(true) : s.undo(false);
    });
    if (!grown) return false;
    const std::uint64_t offset = pages.first << page_bits, bytes = (pages.end - pages.first) << page_bits;
    caller.k.pool().release(offset, bytes);
    return caller.k.pool().reserve(offset, bytes);
}

}  // namespace

kern_return_t allocate_memory_at(Caller& caller, TaskRef task, std::uint64_t offset, std::uint64_t bytes) {
    const Pages pages = pages_of(offset, bytes);
    if (grow_again(caller, task, pages)) return KERN_SUCCESS;
    const TakenRegion taken = take_region_at(caller.k, caller.carrier, pages.first, pages.end - pages.first);
    if (!taken.region) return KERN_NO_SPACE;
    return give_from_hand(caller, task, taken.region) ? KERN_SUCCESS : KERN_RESOURCE_SHORTAGE;
}

bool alter_region(Caller& caller, std::uint64_t offset, std::uint64_t bytes, Alteration change) {
    const RegionRef ref = region_of_offset(caller.k, offset);
    return caller.step([&](KernelStep& s) {
        const Place holder = ref ? s.k.region(ref.index).holder.get() : Place{};
        const TaskRef task = s.k.ref_of_task(holder.index);
        const bool there = is_of_process(s.k, holder, process_of(caller)) && s.lock(task) && has_region(s.k, task, ref);
        if (!there) return s.undo(false);
        RegionRecord& region = s.k.region(ref.index);
        if (offset + bytes > offset_of(region) + (region.pages << page_bits)) return s.undo(false);
        if (change.mapping) s.set(region.altered, process_of(caller));
        if (change.inheritance) s.set(region.inheritance, *change.inheritance);
        return s.keep(true);
    });
}

void restore_mapping(Caller& caller, std::uint64_t offset) {
    Kernel& k = caller.k;
    const RegionRef ref = region_of_offset(k, offset);
    if (!ref || k.region(ref.index).altered.get() != process_of(caller)) return;
    const RegionRecord& region = k.region(ref.index);
    const std::uint64_t from = region.block << block_bits, bytes = (region.first + region.pages) << page_bits;
    if (!k.pool().map_again(from, bytes)) return;
    caller.step([&](KernelStep& s) {
        s.lock(s.k.ref_of_task(region.holder.get().index));
        if (s.k.ref_of_region(ref.index) != ref) return s.undo(0);
        s.set(s.k.region(ref.index).altered, 0);
        return s.keep(0);
    });
}

kern_return_t deallocate_memory(Caller& caller, std::uint64_t offset, std::uint64_t bytes) {
    Kernel& k = caller.k;
    if (bytes == 0) return KERN_SUCCESS;
    restore_mapping(caller, offset);
    const RegionRef region = offset + bytes >= offset ? region_of_offset(k, offset) : RegionRef{};
    const Cut done = caller.step([&](KernelStep& s) {
        const Cut result = region ? cut(s, process_of(caller), region, pages_of(offset, bytes)) : Cut{};
        return result.found ? s.keep(result) : s.undo(result);
    });
    if (!done.found) {
        runtime::set_detail("not all of the %llu bytes are memory of one region of the task", static_cast<unsigned long long>(bytes));
        return KERN_INVALID_ADDRESS;
    }
    if (done.gone.end != 0) k.pool().release(done.gone.first << page_bits, (done.gone.end - done.gone.first) << page_bits);
    trim(k, caller.carrier);
    return KERN_SUCCESS;
}

RegionRef whole_region(Caller& caller, std::uint64_t address, std::uint64_t bytes) {
    const std::uint64_t offset = caller.k.pool().offset_of(address);
    const RegionRef ref = region_of_offset(caller.k, offset);
    if (!has_region(caller.k, caller.task, ref)) return {};
    const RegionRecord& region = caller.k.region(ref.index);
    if (region.altered.get() != 0) return {};
    const std::uint64_t begin = offset_of(region) >> page_bits;
    const Pages pages = pages_of(offset, bytes);
    return pages.first == begin && pages.end == begin + region.pages ? ref : RegionRef{};
}

kern_return_t deallocate_address(Caller& caller, std::uint64_t address, std::uint64_t bytes) {
    if (bytes == 0) return KERN_SUCCESS;
    if (address + bytes < address || address + bytes > ~page_mask) return KERN_INVALID_ADDRESS;
    const std::uint64_t offset = caller.k.pool().offset_of(address);
    if (offset < caller.k.pool().bytes()) return deallocate_memory(caller, offset, bytes);
    return deallocate_pages(address, bytes);
}

}  // namespace umach::ports
