// SPDX-License-Identifier: BSL-1.0
#include "ports/region.hpp"

#include "ports/pool_tree.hpp"
#include "runtime/detail.hpp"

#include <mach/vm_inherit.h>

#include <algorithm>
#include <bit>

namespace umach::ports {
namespace {

using runtime::set_detail;

std::uint32_t order_for(std::uint64_t pages) {
    const std::uint64_t blocks = std::max<std::uint64_t>((pages + pages_per_block - 1) / pages_per_block, 1);
    return static_cast<std::uint32_t>(std::bit_width(blocks - 1));
}

std::uint64_t bytes_of_addresses(const RegionRecord& region) { return std::uint64_t{1} << (region.order + block_bits); }

void begin_life(KernelStep& s, RegionRecord& region, std::uint64_t pages) {
    s.set(region.identity, Identity{region.identity.get().generation, Life::live, 0, 0});
    s.set(region.holder, Place{});
    s.set(region.first, 0);
    s.set(region.pages, pages);
    s.set(region.reserved, 0);
    s.set(region.inheritance, VM_INHERIT_DEFAULT);
    s.set(region.altered, 0);
    s.set(region.charged, TaskRef{});
}

// The process may still be there, and has it mapped otherwise: nobody else may use these addresses before it has ended.
void put_away(KernelStep& s, std::uint32_t index, ProcessRecord& process) {
    s.set(s.k.region(index).holder, Place{});
    s.append(process.altered, index, s.k.region_links());
}

// With the host's lock held.
std::uint32_t take_from_stock(KernelStep& s, std::uint32_t order) {
    Field<Pair>& stock = s.k.header().stock[order];
    const Pair list = stock;
    if (list.first == 0) return 0;
    RegionRecord& region = s.k.region(list.first);
    s.set(stock, Pair{region.link.get().first, list.second - 1});
    s.add(s.k.header().stock_pages, -static_cast<std::int64_t>(region.reserved.get()));
    return list.first;
}

std::uint32_t cut_from_pool(KernelStep& s, std::uint32_t order) {
    PoolTree tree(s.k);
    const std::uint32_t index = s.k.zone(zone_regions).allocate(s.step(), s.k.host_lock());
    if (index == 0) return set_detail("the host has no record left for another region of memory"), 0;
    const auto block = tree.allocate(s, order);
    if (!block) return set_detail("the host's pool has no %llu KiB of addresses in one piece left", 64ULL << order), 0;
    s.set(s.k.region(index).block, *block);
    s.set(s.k.region(index).order, order);
    tree.region_at(*block).store(index, std::memory_order_relaxed);
    return index;
}

bool reserve(Kernel& k, const RegionRecord& region, std::uint64_t pages) {
    if (k.pool().reserve(region.block << block_bits, pages << page_bits)) return true;
    set_detail("the machine has no memory for a region of %llu KiB", static_cast<unsigned long long>(pages << page_bits) / 1024);
    return false;
}

// One region of the stock, the largest there is, into the hand.
bool take_surplus(KernelStep& s, std::uint64_t limit) {
    s.lock_host();
    if (s.k.header().stock_pages <= limit) return false;
    for (std::uint32_t order = most_orders; order-- > 0;) {
        const std::uint32_t index = take_from_stock(s, order);
        if (index == 0) continue;
        begin_life(s, s.k.region(index), 0);
        s.set(s.mine().memory_in_hand, index);
        return true;
    }
    return false;
}

TakenRegion take_once(Kernel& k, runtime::Carrier& carrier, std::uint64_t pages) {
    const std::uint32_t order = order_for(pages);
    std::uint64_t had = 0;
    const RegionRef region = k.step(carrier, [&](KernelStep& s) {
        s.lock_host();
        std::uint32_t index = take_from_stock(s, order);
        had = index != 0 ? k.region(index).reserved.get() : 0;
        if (index == 0) index = cut_from_pool(s, order);
        if (index == 0) return s.undo(RegionRef{});
        begin_life(s, k.region(index), pages);
        s.set(s.mine().memory_in_hand, index);
        return s.keep(k.ref_of_region(index));
    });
    if (!region) return {};
    if (had < pages && !reserve(k, k.region(region.index), pages)) return give_back(k, carrier), TakenRegion{};
    k.region(region.index).reserved.put(std::max(had, pages));
    return {region, std::min(had, pages)};
}

}  // namespace

void clear_pool(Kernel& k) { PoolTree(k).clear(); }

std::uint64_t bytes_of_pool_records(std::uint64_t pool_bytes) { return PoolTree::bytes_for(pool_bytes); }

TakenRegion take_region(Kernel& k, runtime::Carrier& carrier, std::uint64_t pages) {
    const std::uint64_t all = k.pool().bytes() >> page_bits;
    if (pages > all) return set_detail("quota: the host's pool has %llu KiB", static_cast<unsigned long long>(all) * 4), TakenRegion{};
    const TakenRegion taken = take_once(k, carrier, pages);
    if (taken.region || k.header().stock_pages == 0) return taken;
    trim(k, carrier, 0);
    return take_once(k, carrier, pages);
}

void give_back(Kernel& k, runtime::Carrier& carrier) {
    const auto index = static_cast<std::uint32_t>(carrier.record().memory_in_hand.get());
    if (index == 0) return;
    RegionRecord& region = k.region(index);
    k.pool().release(region.block << block_bits, bytes_of_addresses(region));
    k.step(carrier, [&](KernelStep& s) {
        s.lock_host();
        PoolTree(k).free(s, static_cast<std::uint32_t>(region.block), static_cast<std::uint32_t>(region.order));
        s.set(region.identity, Identity{region.identity.get().generation + 1, Life::free, 0, 0});
        k.zone(zone_regions).free(s.step(), k.host_lock(), index);
        s.set(s.mine().memory_in_hand, 0);
        return s.keep(0);
    });
}

void give_back_for(Kernel& k, runtime::Carrier& keeper, runtime::CarrierRecord& dead) {
    k.step(keeper, [&](KernelStep& s) {
        if (&dead == &s.mine()) return s.undo(0);
        s.lock_host();
        s.set(s.mine().memory_in_hand, dead.memory_in_hand);
        s.set(dead.memory_in_hand, 0);
        return s.keep(0);
    });
    give_back(k, keeper);
}

void trim(Kernel& k, runtime::Carrier& carrier, std::uint64_t limit) {
    while (k.header().stock_pages > limit) {
        if (!k.step(carrier, [&](KernelStep& s) { return s.keep(take_surplus(s, limit)); })) return;
        give_back(k, carrier);
    }
}

void trim(Kernel& k, runtime::Carrier& carrier) { trim(k, carrier, k.header().most_stock_pages); }

// ---- parts of steps ------------------------------------------------------------------------------------------------

void release_region(KernelStep& s, RegionRef ref) {
    RegionRecord& region = s.k.region(ref.index);
    s.lock_host();
    if (region.holder.get().kind == PlaceKind::message) land(s, region);
    if (const auto process = static_cast<std::uint32_t>(region.altered.get()); process != 0)
        return put_away(s, ref.index, s.k.process(process));
    s.set(region.identity, Identity{ref.generation + 1, Life::dying, 0, 0});
    s.set(region.holder, Place{});
    Field<Pair>& stock = s.k.header().stock[region.order];
    const Pair list = stock;
    s.set(region.link, Pair{list.first, 0});
    s.set(stock, Pair{ref.index, list.second + 1});
    s.add(s.k.header().stock_pages, static_cast<std::int64_t>(region.reserved.get()));
}

bool release_altered(KernelStep& s, std::uint32_t process) {
    s.lock_host();
    const std::uint32_t index = s.k.process(process).altered.get().first;
    if (index == 0) return false;
    s.unlink(s.k.process(process).altered, index, s.k.region_links());
    s.set(s.k.region(index).altered, 0);
    release_region(s, s.k.ref_of_region(index));
    return true;
}

void over_quota(const TaskRecord& task) {
    set_detail("quota: the task may have %llu KiB of memory in regions", static_cast<unsigned long long>(task.most_region_pages.get()) * 4);
}

bool give_region(KernelStep& s, TaskRef task, RegionRef ref) {
    TaskRecord& record = s.k.task(task.index);
    RegionRecord& region = s.k.region(ref.index);
    if (record.identity.get().life != Life::live) return set_detail("the task is ending"), false;
    if (record.region_pages + region.pages > record.most_region_pages) {
        over_quota(record);
        return false;
    }
    s.add(record.region_pages, static_cast<std::int64_t>(region.pages.get()));
    s.append(record.regions, ref.index, s.k.region_links());
    s.set(region.inheritance, VM_INHERIT_DEFAULT);
    s.set(region.holder, Place::of(PlaceKind::task, task.index, task.generation));
    return true;
}

bool may_take_off(const TaskRecord& sender, std::uint64_t pages) {
    if (sender.flight_pages + pages <= sender.most_flight_pages) return true;
    set_detail("quota: the task may have %llu KiB of memory in messages that nobody has received",
               static_cast<unsigned long long>(sender.most_flight_pages.get()) * 4);
    return false;
}

bool take_off(KernelStep& s, TaskRef sender, RegionRecord& region) {
    if (!may_take_off(s.k.task(sender.index), region.pages)) return false;
    s.add(s.k.task(sender.index).flight_pages, static_cast<std::int64_t>(region.pages.get()));
    s.set(region.charged, sender);
    return true;
}

void land(KernelStep& s, RegionRecord& region) {
    const TaskRef sender = region.charged;
    if (!sender) return;
    if (s.lock(sender)) s.add(s.k.task(sender.index).flight_pages, -static_cast<std::int64_t>(region.pages.get()));
    s.set(region.charged, TaskRef{});
}

bool has_region(Kernel& k, TaskRef task, RegionRef ref) {
    return ref && k.ref_of_region(ref.index) == ref &&
           k.region(ref.index).holder.get() == Place::of(PlaceKind::task, task.index, task.generation);
}

void take_from_task(KernelStep& s, TaskRef task, RegionRef ref, Place to) {
    TaskRecord& record = s.k.task(task.index);
    RegionRecord& region = s.k.region(ref.index);
    s.add(record.region_pages, -static_cast<std::int64_t>(region.pages.get()));
    s.unlink(record.regions, ref.index, s.k.region_links());
    s.set(region.holder, to);
}

// ---- looking -------------------------------------------------------------------------------------------------------

RegionRef region_of_offset(Kernel& k, std::uint64_t offset) {
    if (offset >= k.pool().bytes()) return {};
    const PoolTree tree(k);
    const auto block = static_cast<std::uint32_t>(offset >> block_bits);
    for (std::uint32_t order = 0; std::uint64_t{1} << order <= tree.blocks(); ++order) {
        const std::uint32_t start = block >> order << order;
        const std::uint32_t index = tree.region_at(start).load(std::memory_order_relaxed);
        if (index == 0 || index >= k.zone(zone_regions).fresh()) continue;
        const RegionRecord& region = k.region(index);
        const RegionRef ref = k.ref_of_region(index);
        const std::uint64_t from = offset_of(region);
        const bool here = region.block == start && region.order == order && region.identity.get().life == Life::live;
        if (here && offset >= from && offset - from < region.pages << page_bits) return ref;
    }
    return {};
}

}  // namespace umach::ports
