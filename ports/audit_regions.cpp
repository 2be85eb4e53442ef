// SPDX-License-Identifier: BSL-1.0
// The audit's look at memory: each region is with one task, in one message, with one memory object, in one carrier's hand or
// in the stock; and the
// pool's addresses are each free or one region's.
#include "ports/audit_look.hpp"
#include "ports/pool_tree.hpp"
#include "ports/region.hpp"

namespace umach::ports {
namespace {

std::string region_text(Look& look, std::uint32_t index) {
    if (!look.is_index(zone_regions, index)) return "region " + std::to_string(index) + " (no record)";
    const RegionRecord& region = look.k.region(index);
    return "region " + std::to_string(index) + "/" + std::to_string(region.identity.get().generation) + " at " +
           look.place(region.holder);
}

// By task, pages that are counted to it elsewhere: of sections that it made, and of messages that it sent.
struct Charged {
    std::uint64_t sections = 0, flight = 0;
};
std::vector<Charged> charged_pages(Look& look) {
    std::vector<Charged> charged(look.k.zone(zone_tasks).fresh());
    for (std::uint32_t i = 1; i < look.k.zone(zone_regions).fresh(); ++i) {
        const RegionRecord& region = look.k.region(i);
        const TaskRef task = region.charged;
        const PlaceKind kind = region.holder.get().kind;
        if (region.identity.get().life != Life::live || !task || task.index >= charged.size() || look.k.ref_of_task(task.index) != task) continue;
        if (kind == PlaceKind::port) charged[task.index].sections += region.pages;
        else if (kind == PlaceKind::message) charged[task.index].flight += region.pages;
        else look.broken("regions", region_text(look, i) + " is counted to " + look.task(task.index));
    }
    return charged;
}

void look_at_task(Look& look, std::uint32_t index, const Charged& charged) {
    TaskRecord& task = look.k.task(index);
    if (task.identity.get().life == Life::free) return;
    const Place here = Place::of(PlaceKind::task, index, task.identity.get().generation);
    const std::string list = "the list of regions of " + look.task(index);
    std::uint64_t pages = 0;
    const auto valid = [&](std::uint32_t at) { return look.is_index(zone_regions, at); };
    look.walk(task.regions, "regions", list, valid, look.k.region_links(), [&](std::uint32_t at) {
        look.met_region(look.k.ref_of_region(at), here, list);
        pages += look.k.region(at).pages;
    });
    pages += charged.sections;
    if (charged.flight != task.flight_pages)
        look.broken("regions", look.task(index) + " counts " + std::to_string(task.flight_pages) + " pages in messages, " +
                                   std::to_string(charged.flight) + " were found");
    if (pages != task.region_pages)
        look.broken("regions", look.task(index) + " counts " + std::to_string(task.region_pages) + " pages in regions, " +
                                   std::to_string(pages) + " were found");
}

void look_at_hands(Look& look) {
    for (std::uint32_t slot = 1; slot < look.k.machine().carriers(); ++slot) {
        const auto index = static_cast<std::uint32_t>(look.k.machine().carrier(slot).memory_in_hand.get());
        if (index != 0) look.met_region(look.k.ref_of_region(index), Place{}, "the hand of carrier " + std::to_string(slot));
    }
}

// Of processes, what is mapped there otherwise and nobody has.
void look_at_altered(Look& look) {
    for (std::uint32_t i = 1; i < look.k.zone(zone_processes).fresh(); ++i) {
        const std::string list = "the list of altered regions of process " + std::to_string(i);
        const auto valid = [&](std::uint32_t at) { return look.is_index(zone_regions, at); };
        look.walk(look.k.process(i).altered, "regions", list, valid, look.k.region_links(),
                  [&](std::uint32_t at) { look.met_region(look.k.ref_of_region(at), Place{}, list); });
    }
}

void look_at_stock(Look& look) {
    std::uint64_t pages = 0;
    for (std::uint32_t order = 0; order < most_orders; ++order) {
        const Pair list = look.k.header().stock[order];
        std::uint32_t count = 0;
        for (std::uint32_t at = list.first; at != 0; at = look.k.region(at).link.get().first, ++count) {
            if (!look.is_index(zone_regions, at) || count > look.most_members)
                return look.broken("regions", "the stock of order " + std::to_string(order) + " leads to no region");
            ++look.regions[at];
            pages += look.k.region(at).reserved;
            if (look.k.region(at).identity.get().life != Life::dying || look.k.region(at).order != order)
                look.broken("regions", region_text(look, at) + " is in the stock of order " + std::to_string(order));
        }
        if (count != list.second) look.broken("regions", "the stock of order " + std::to_string(order) + " counts wrong");
    }
    if (pages != look.k.header().stock_pages) look.broken("regions", "the stock's count of pages is wrong");
}

void look_at_addresses(Look& look) {
    const PoolTree tree(look.k);
    std::uint64_t blocks = tree.free_blocks();
    for (std::uint32_t i = 1; i < look.k.zone(zone_regions).fresh(); ++i) {
        const RegionRecord& region = look.k.region(i);
        if (region.identity.get().life == Life::free) continue;
        blocks += std::uint64_t{1} << region.order;
        if (tree.is_free(static_cast<std::uint32_t>(region.block)))
            look.broken("addresses", region_text(look, i) + " has addresses that are free");
        if (region.first + region.pages > std::uint64_t{pages_per_block} << region.order)
            look.broken("addresses", region_text(look, i) + " is longer than its addresses");
    }
    if (!tree.is_consistent()) look.broken("addresses", "the tree of free addresses contradicts itself");
    if (blocks != tree.blocks())
        look.broken("addresses", "of " + std::to_string(tree.blocks()) + " blocks " + std::to_string(blocks) + " are free or a region's");
}

}  // namespace

void Look::met_region(RegionRef region, Place holder, const std::string& where) {
    if (!is_index(zone_regions, region.index)) return broken("regions", where + " has a region that is no record");
    ++regions[region.index];
    const RegionRecord& record = k.region(region.index);
    const bool fits = record.identity.get().life == Life::live && record.identity.get().generation == region.generation &&
                      record.holder.get() == holder;
    if (!fits) broken_unless_under_way("regions", region_text(*this, region.index) + " stands in " + where);
}

void look_at_regions(Look& look) {
    const std::vector<Charged> charged = charged_pages(look);
    for (std::uint32_t i = 1; i < charged.size(); ++i) look_at_task(look, i, charged[i]);
    look_at_hands(look);
    look_at_altered(look);
    look_at_stock(look);
    look_at_addresses(look);
    for (std::uint32_t i = 1; i < look.regions.size(); ++i) {
        const bool used = look.k.region(i).identity.get().life != Life::free;
        if (look.regions[i] != (used ? 1 : 0))
            look.broken_unless_under_way("regions", region_text(look, i) + " is in " + std::to_string(look.regions[i]) + " places");
    }
}

}  // namespace umach::ports
