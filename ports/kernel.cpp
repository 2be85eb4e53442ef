// SPDX-License-Identifier: BSL-1.0
#include "ports/kernel.hpp"

#include "ports/death.hpp"
#include "ports/queue.hpp"
#include "ports/region.hpp"
#include "ports/wait.hpp"
#include "runtime/nap.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstddef>

namespace umach::ports {
namespace {

struct ZonePlan {
    std::size_t stride;
    std::size_t link;
    std::uint64_t capacity;   // with record 0
    std::uint32_t stock = Zone::no_stock;
};

std::size_t message_stride(std::uint32_t number) { return sizeof(MessageRecord) + class_bytes[number]; }

// The memory for messages is shared out evenly among the sizes.
std::uint64_t message_capacity(const HostSizes& sizes, std::uint32_t number) {
    const std::uint64_t share = sizes.message_bytes / message_classes;
    return std::max<std::uint64_t>(share / message_stride(number), 16) + 1;
}

std::uint32_t thread_capacity(const HostSizes& sizes) {
    return (sizes.threads != 0 ? sizes.threads : 16 * sizes.tasks) + 1;
}

std::array<ZonePlan, zones> plan(const HostSizes& sizes) {
    std::array<ZonePlan, zones> p;
    p[zone_ports] = {sizeof(PortRecord), offsetof(PortRecord, link), sizes.ports + 1, port_stock};
    for (std::uint32_t i = 0; i < message_classes; ++i)
        p[zone_messages + i] = {message_stride(i), offsetof(MessageRecord, link), message_capacity(sizes, i), 1 + i};
    const std::uint64_t chunks = 2 * (sizes.ports / entries_per_chunk) + 2 * sizes.tasks + 2;
    p[zone_chunks] = {sizeof(EntryChunk), offsetof(EntryChunk, link), chunks};
    p[zone_pages] = {sizeof(ChunkPage), offsetof(ChunkPage, link), sizes.tasks + chunks / chunks_per_page + 2};
    p[zone_sets] = {sizeof(PortSetRecord), offsetof(PortSetRecord, link), sizes.ports / 4 + sizes.tasks + 1};
    p[zone_threads] = {sizeof(ThreadRecord), offsetof(ThreadRecord, link), thread_capacity(sizes)};
    p[zone_tasks] = {sizeof(TaskRecord), offsetof(TaskRecord, link), sizes.tasks + 1};
    p[zone_processes] = {sizeof(ProcessRecord), offsetof(ProcessRecord, link), sizes.tasks + 1};
    p[zone_regions] = {sizeof(RegionRecord), offsetof(RegionRecord, link), 16 * std::uint64_t{sizes.tasks} + 1024};
    p[zone_views] = {sizeof(ViewRecord), offsetof(ViewRecord, link), 8 * std::uint64_t{sizes.tasks} + 512};
    return p;
}

constexpr std::uint64_t aligned(std::uint64_t bytes) { return (bytes + 63) & ~std::uint64_t{63}; }

// A process has a service thread besides its own.
std::uint32_t carrier_slots(const HostSizes& sizes) {
    return std::min<std::uint32_t>(2 * sizes.tasks + 64, 16'000);
}

std::uint64_t bytes_of(const std::array<ZonePlan, zones>& plans) {
    std::uint64_t bytes = aligned(sizeof(KernelHeader));
    for (const ZonePlan& zone : plans) bytes += aligned(zone.stride * zone.capacity);
    return bytes;
}

// Memory is named by its offset in the pool, whose size is a power of two.
std::uint64_t pool_bytes(const HostSizes& sizes) { return std::bit_ceil(std::max<std::uint64_t>(sizes.pool_bytes, 1u << 20)); }

// A carrier must not sit on a noticeable part of a zone. Of ports at most an eighth is in stocks, a sixteenth as a rule,
// since half of the carriers are service threads. Messages come and go: more, while there is plenty (zone.cpp).
std::uint32_t most_stock(std::uint32_t zone, std::uint64_t capacity, std::uint32_t carriers) {
    const std::uint64_t fair = zone == zone_ports ? capacity / (8 * std::uint64_t{carriers}) : capacity / 128;
    return fair < 2 ? 0 : static_cast<std::uint32_t>(std::min<std::uint64_t>(fair, 16));
}

}  // namespace

std::uint32_t Kernel::layout_hash() {
    std::uint32_t hash = 2166136261u;
    for (std::size_t size : {sizeof(KernelHeader), sizeof(PortRecord), sizeof(PortSetRecord), sizeof(TaskRecord),
                             sizeof(ThreadRecord), sizeof(MessageRecord), sizeof(ProcessRecord), sizeof(EntryChunk),
                             sizeof(ChunkPage), sizeof(runtime::CarrierRecord), sizeof(RightSlot), sizeof(RegionRecord), sizeof(ViewRecord)})
        hash = (hash ^ static_cast<std::uint32_t>(size)) * 16777619u;
    return hash;
}

Kernel::Kernel(runtime::Machine machine, runtime::Pool pool)
    : machine_(std::move(machine)), pool_(std::move(pool)), header_(reinterpret_cast<KernelHeader*>(machine_.records())) {
    const auto plans = plan(HostSizes{});   // strides, links and stocks do not depend on sizes
    for (std::uint32_t i = 0; i < zones; ++i) {
        const std::uint64_t capacity = header_->zone[i].capacity.get();
        const std::uint32_t stock = plans[i].stock;
        zone_[i] = Zone(header_->zone[i], machine_.base(), plans[i].stride, plans[i].link, stock,
                        most_stock(i, capacity, machine_.carriers()));
    }
}

runtime::Outcome<Kernel> Kernel::make(const HostSizes& sizes) {
    const auto plans = plan(sizes);
    auto pool = runtime::Pool::create(pool_bytes(sizes));
    if (!pool.ok()) return pool.fault();
    const std::uint64_t record_bytes = bytes_of(plans) + bytes_of_pool_records(pool.value().bytes());
    runtime::MachineSizes machine_sizes{sizes.segment, sizes.doorbell, carrier_slots(sizes), record_bytes, layout_hash()};
    auto machine = runtime::Machine::make(machine_sizes);
    if (!machine.ok()) return machine.fault();
    auto* header = reinterpret_cast<KernelHeader*>(machine.value().records());
    auto at = static_cast<std::uint64_t>(machine.value().records() - machine.value().base()) + aligned(sizeof(KernelHeader));
    for (std::uint32_t i = 0; i < zones; ++i) {
        header->zone[i].capacity.put(plans[i].capacity);
        header->zone[i].fresh.put(1);
        header->zone[i].offset.put(at);
        at += aligned(plans[i].stride * plans[i].capacity);
    }
    const std::uint32_t quota = sizes.ports_of_a_task != 0 ? sizes.ports_of_a_task : sizes.ports;
    header->ports_of_a_task.put(quota);
    const std::uint64_t all = pool.value().bytes();
    header->memory_of_a_task.put((sizes.memory_of_a_task != 0 ? sizes.memory_of_a_task : all) >> page_bits);
    header->flight_of_a_task.put((sizes.flight_of_a_task != 0 ? sizes.flight_of_a_task : all) >> page_bits);
    header->most_stock_pages.put(sizes.stock_bytes >> page_bits);
    header->pool_bytes.put(pool.value().bytes());
    header->pool_tree.put(at);
    Kernel made(std::move(machine.value()), std::move(pool.value()));
    clear_pool(made);
    return made;
}

namespace {

// The constants that every access goes by, as the maker wrote them: the zones one after the other, then the pool's records.
// returns: the first that cannot be so, or nullptr
const char* what_is_corrupt(runtime::Machine& machine) {
    const auto* header = reinterpret_cast<const KernelHeader*>(machine.records());
    const auto plans = plan(HostSizes{});   // strides do not depend on sizes
    auto at = static_cast<std::uint64_t>(machine.records() - machine.base()) + aligned(sizeof(KernelHeader));
    if (at > machine.bytes()) return "it ends before its records";
    for (std::uint32_t i = 0; i < zones; ++i) {
        const std::uint64_t capacity = header->zone[i].capacity, fresh = header->zone[i].fresh;
        if (header->zone[i].offset.get() != at) return "a zone is not where it must be";
        if (capacity == 0 || capacity > (machine.bytes() - at) / plans[i].stride) return "a zone does not fit into it";
        if (fresh == 0 || fresh > capacity) return "a zone has used more records than it has";
        at += aligned(plans[i].stride * capacity);
    }
    const std::uint64_t pool = header->pool_bytes;
    if (!std::has_single_bit(pool) || pool < (1u << 20) || header->pool_tree.get() != at) return "its pool is not as it must be";
    return at + bytes_of_pool_records(pool) > machine.bytes() ? "the records of its pool do not fit into it" : nullptr;
}

}  // namespace

runtime::Outcome<Kernel> Kernel::join(runtime::Segment segment, runtime::Descriptor lifeline, runtime::Descriptor memory) {
    auto machine = runtime::Machine::join(std::move(segment), layout_hash(), std::move(lifeline));
    if (!machine.ok()) return machine.fault();
    if (const char* what = what_is_corrupt(machine.value())) return runtime::Fault{EPROTO, std::string("the segment is corrupt: ") + what};
    const auto* header = reinterpret_cast<const KernelHeader*>(machine.value().records());
    auto pool = runtime::Pool::attach(std::move(memory), header->pool_bytes.get());
    if (!pool.ok()) return pool.fault();
    return Kernel(std::move(machine.value()), std::move(pool.value()));
}

// ---- locks -------------------------------------------------------------------------------------------------------

bool KernelStep::lock(TaskRef ref) {
    if (ref.index == 0 || ref.index >= k.capacity(zone_tasks)) return false;
    TaskRecord& task = k.task(ref.index);
    const bool held = step_.holds(task.lock);
    if (!held) step_.lock(task.lock);
    const Identity now = task.identity;
    if (now.generation == ref.generation && now.life != Life::free) return true;
    if (!held) step_.drop_last();
    return false;
}

void KernelStep::lock_host() { step_.lock(k.host_lock()); }

bool KernelStep::holds(TaskRef ref) const { return step_.holds(k.task(ref.index).lock); }

namespace {

// Follows a port to the task at the top of its nest, without locks: the answer must be looked at again under the lock.
// returns: index 0 when it changed under our eyes
std::uint32_t top_of(Kernel& k, Place place) {
    if (place.kind == PlaceKind::task) return place.index;
    for (std::uint32_t depth = 0; depth <= 2 * deepest_nest + 2; ++depth) {
        switch (place.kind) {
        case PlaceKind::task: return place.index;
        case PlaceKind::message: place = k.message(place.index).stands; break;
        case PlaceKind::port: place = k.port(place.index).receiver; break;
        case PlaceKind::nowhere: return 0;
        }
    }
    return 0;
}

}  // namespace

bool KernelStep::lock_place(Place place) {
    const std::uint32_t root = top_of(k, place);
    if (root == 0) return false;
    LockWord& lock = k.task(root).lock;
    if (step_.holds(lock)) return true;
    step_.lock(lock);
    if (top_of(k, place) == root) return true;
    step_.drop_last();
    throw runtime::Busy{&lock};   // it moved: begin again
}

PortRecord* KernelStep::lock_root(PortRef ref) {
    if (ref.index == 0 || ref.index >= k.capacity(zone_ports)) return nullptr;
    PortRecord& port = k.port(ref.index);
    for (;;) {
        if (port.identity.get().generation != ref.generation || port.identity.get().life == Life::free) return nullptr;
        const Place place = port.receiver;
        const std::uint32_t root = top_of(k, place);
        if (root == 0) throw runtime::Busy{nullptr};   // in the middle of somebody's step
        LockWord& lock = k.task(root).lock;
        const bool held = step_.holds(lock);
        if (!held) step_.lock(lock);
        const Identity now = port.identity;
        const bool there = now.generation == ref.generation && now.life != Life::free;
        const bool same = place.kind == PlaceKind::task && port.receiver.get() == place;
        if (there && (same || top_of(k, port.receiver) == root)) return &port;
        if (!held) step_.drop_last();
        if (held && there) throw runtime::Busy{&lock};
    }
}

PortRecord* KernelStep::lock_live(PortRef ref) {
    PortRecord* port = lock_root(ref);
    return port != nullptr && port->identity.get().life == Life::live ? port : nullptr;
}

// ---- debts -------------------------------------------------------------------------------------------------------

void Kernel::pay_ring(runtime::Carrier& carrier, runtime::RingDebt& debt, bool for_the_dead) {
    ThreadRecord& sleeper = thread(static_cast<std::uint32_t>(debt.whom.get()));
    const std::uint64_t epoch = debt.epoch;
    std::uint64_t seen = static_cast<std::uint32_t>(epoch - 1);   // as a rule; to look first would fetch the line twice
    const auto later = [&] { return static_cast<std::int32_t>(static_cast<std::uint32_t>(epoch) - static_cast<std::uint32_t>(seen)) > 0; };
    sleeper.brought.store(sleeper.message.get(), std::memory_order_relaxed);
    while (later() && !sleeper.rung.compare_exchange_weak(seen, epoch)) {}
    const auto whom = runtime::CarrierName::of(sleeper.carrier);
    if (whom == carrier.name() && carrier.sleepers != nullptr) carrier.sleepers->rung(static_cast<std::uint32_t>(debt.whom.get()));
    else if (whom) ring_bell(carrier, whom, static_cast<std::uint32_t>(debt.whom.get()), for_the_dead);
    debt.whom.put(0);
}

void Kernel::ring_bell(runtime::Carrier& carrier, runtime::CarrierName whom, std::uint32_t sleeper, bool for_the_dead) {
    runtime::CarrierRecord& record = machine_.carrier(whom.slot);
    if (record.sleepers.load(std::memory_order_relaxed) != 0) record.rung_classes.fetch_or(std::uint64_t{1} << sleeper % 64);
    if (!for_the_dead && record.asleep.load() == 0) return;
    // That the keeper has died nobody learns but by its life word. What it has not rung its successor rings.
    if (header_->keeper.get() != carrier.name().word()) carrier.arm_for_ring(record.doorbell);
    if (for_the_dead) machine_.doorbells().ring_again(record.doorbell, whom.slot);
    else machine_.doorbells().ring(record.doorbell, whom.slot);
    carrier.arm();
}

void Kernel::settle(runtime::Carrier& carrier) {
    runtime::CarrierRecord& mine = carrier.record();
    for (;;) {
        for (runtime::RingDebt& debt : mine.owed_rings) {
            if (debt.whom.get() == 0) break;
            pay_ring(carrier, debt, false);
        }
        if (mine.owed_admission.get() != 0) admit_one(*this, carrier, mine);
        else if (mine.owed_work.get() != 0) work_off_one(*this, carrier, mine);
        else return;
    }
}

void Kernel::settle_for(runtime::Carrier& keeper, runtime::CarrierRecord& debtor) {
    for (;;) {
        settle(keeper);
        for (runtime::RingDebt& debt : debtor.owed_rings)
            if (debt.whom.get() != 0) pay_ring(keeper, debt, true);
        if (debtor.owed_admission.get() != 0) admit_one(*this, keeper, debtor);
        else if (debtor.owed_work.get() != 0) work_off_one(*this, keeper, debtor);
        else break;
    }
    settle(keeper);
}

}  // namespace umach::ports
