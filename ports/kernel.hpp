// SPDX-License-Identifier: BSL-1.0
// The kernel of one host: hands on its records, and the steps in which they change.
//
// An operation is a body that runs as one step (runtime/step.hpp) or, where it could grow long, as several, each of
// which leaves every record in a state that has a name. What a step owes others (rings, an admission, the dismantling
// of dying ports) stands in its carrier's record from the commit until it is paid by settle(), or by the keeper.
#pragma once

#include "ports/process_record.hpp"
#include "ports/view_record.hpp"
#include "ports/zone.hpp"
#include "runtime/segment/pool.hpp"

#include <string>

namespace umach::ports {

struct HostSizes {
    runtime::SegmentKind segment = runtime::SegmentKind::anonymous;
    runtime::DoorbellKind doorbell = runtime::DoorbellKind::futex;
    std::uint32_t ports = 16'384;
    std::uint32_t tasks = 256;
    std::uint32_t threads = 0;               // of control, fibers too; 0: sixteen a task
    std::uint64_t message_bytes = 8u << 20;  // memory for messages
    std::uint32_t ports_of_a_task = 0;       // quota; 0: all but a reserve
    std::uint64_t pool_bytes = std::uint64_t{8} << 30;   // addresses for memory that travels; costs nothing until used
    std::uint64_t stock_bytes = 64u << 20;   // of memory that nobody has and that is kept for the next who asks
    std::uint64_t memory_of_a_task = 0;      // quota, of the pool; 0: all
    std::uint64_t flight_of_a_task = 0;      // quota, of the pool in messages that it sent; 0: all
};

inline constexpr std::uint32_t zones = 13;
enum ZoneNumber : std::uint32_t {
    zone_ports, zone_messages, zone_chunks = zone_messages + message_classes,
    zone_pages, zone_sets, zone_threads, zone_tasks, zone_processes, zone_regions, zone_views
};
static_assert(zone_views + 1 == zones);

struct alignas(64) KernelHeader {
    std::array<ZoneRecord, zones> zone;
    Count keeper;                   // host; name of the carrier that has the keeper's role, 0: nobody
    Count keeper_epoch;             // host; how often the role has changed hands
    Count keeper_task;              // host; task of the keeper's process
    LockWord stand_in;              // held while somebody clears up for a keeper that is stopped
    Count ports_of_a_task;          // constant; quota
    std::array<std::atomic<std::uint64_t>, 4> name;   // of the host, up to 31 bytes
    std::atomic<std::uint64_t> host_id;                // random, for socket names
    Field<PortRef> bootstrap;       // host; send right given to new tasks
    Field<PortRef> host_port;       // host; send right to the host's own kernel port, made when first asked for
    Count pool_bytes;               // constant
    Count pool_tree;                // constant; offset of the tree of free blocks, then of the map from blocks to regions
    Count most_stock_pages;         // constant
    Count stock_pages;              // host; memory in the stock
    std::array<Field<Pair>, most_orders> stock;   // host; regions of each order that nobody has: first, how many
    Count memory_of_a_task;         // constant; quota, pages
    Count flight_of_a_task;         // constant; quota, pages
};

class Kernel;

// A step of the kernel: a runtime step that knows the kernel's records and whose locks to take.
class KernelStep {
public:
    KernelStep(Kernel& kernel, Step& step) : k(kernel), step_(step) {}

    template <class T>
    void set(Field<T>& field, std::type_identity_t<T> value) { step_.set(field, value); }
    void add(Count& field, std::int64_t change) { step_.add(field, change); }
    template <class T>
    T keep(T result) { return step_.keep(result); }
    template <class T>
    T undo(T result) { return step_.undo(result); }
    runtime::CarrierRecord& mine() { return step_.carrier().record(); }
    Step& step() { return step_; }
    runtime::CarrierName self() const { return step_.carrier().name(); }

    // Locks a task.
    // returns: false (and holds nothing more) when that task is no longer there; one that is ending still counts as there
    bool lock(TaskRef task);
    void lock_host();
    bool holds(TaskRef task) const;

    // Locks the root of a port.
    // returns: the port, dying or live; nullptr when its record has gone on to another life
    PortRecord* lock_root(PortRef port);
    // The same for a port that can still be used.
    PortRecord* lock_live(PortRef port);

    // Locks the task at the top of the nest in which a right lies.
    // returns: false when the place is nowhere; the caller looks again whether the right is still there
    bool lock_place(Place place);

    // Links a record into a list and out of it. `links` maps an index to its pair of links.
    template <class Links>
    void append(Field<Pair>& list, std::uint32_t index, Links links) {
        const Pair ends = list;
        set(links(index), Pair{ends.second, 0});
        if (ends.second != 0) set(links(ends.second), Pair{links(ends.second).get().first, index});
        set(list, Pair{ends.first != 0 ? ends.first : index, index});
    }
    template <class Links>
    void unlink(Field<Pair>& list, std::uint32_t index, Links links) {
        const Pair own = links(index);
        Pair ends = list;
        if (own.first != 0) set(links(own.first), Pair{links(own.first).get().first, own.second});
        else ends.first = own.second;
        if (own.second != 0) set(links(own.second), Pair{own.first, links(own.second).get().second});
        else ends.second = own.first;
        set(list, ends);
        set(links(index), Pair{});
    }

    Kernel& k;

private:
    Step& step_;
};

class Kernel {
public:
    // Makes a host in fresh memory, or attaches to one.
    static runtime::Outcome<Kernel> make(const HostSizes& sizes);
    static runtime::Outcome<Kernel> join(runtime::Segment segment, runtime::Descriptor lifeline, runtime::Descriptor pool);
    static std::uint32_t layout_hash();

    runtime::Machine& machine() { return machine_; }
    KernelHeader& header() { return *header_; }
    LockWord& host_lock() { return machine_.header().lock; }

    PortRecord& port(std::uint32_t index) { return record<PortRecord>(zone_ports, index); }
    PortSetRecord& set(std::uint32_t index) { return record<PortSetRecord>(zone_sets, index); }
    ThreadRecord& thread(std::uint32_t index) { return record<ThreadRecord>(zone_threads, index); }
    TaskRecord& task(std::uint32_t index) { return record<TaskRecord>(zone_tasks, index); }
    EntryChunk& chunk(std::uint32_t index) { return record<EntryChunk>(zone_chunks, index); }
    ChunkPage& page(std::uint32_t index) { return record<ChunkPage>(zone_pages, index); }
    ProcessRecord& process(std::uint32_t index) { return record<ProcessRecord>(zone_processes, index); }
    MessageRecord& message(std::uint32_t index) {
        const Zone& zone = zone_[zone_messages + message_class(index)];
        const std::uint32_t number = message_index(index);
        return *reinterpret_cast<MessageRecord*>(zone.at(number < zone.capacity() ? number : 0));
    }
    std::byte* body(std::uint32_t index) { return reinterpret_cast<std::byte*>(&message(index)) + sizeof(MessageRecord); }
    // The table of rights stands at the end of the buffer and grows downwards.
    RightSlot& right(std::uint32_t index, std::uint32_t number) {
        return *(reinterpret_cast<RightSlot*>(body(index) + class_bytes[message_class(index)]) - 1 - number);
    }
    RegionRecord& region(std::uint32_t index) { return record<RegionRecord>(zone_regions, index); }
    ViewRecord& view(std::uint32_t index) { return record<ViewRecord>(zone_views, index); }
    runtime::Pool& pool() { return pool_; }
    // A message is named by its size class and its index in the zone of that.
    static std::uint32_t message_class(std::uint32_t message) { return message >> 30; }
    static std::uint32_t message_index(std::uint32_t message) { return message & 0x3fff'ffff; }
    static std::uint32_t message_of(std::uint32_t number, std::uint32_t index) { return number << 30 | index; }

    const Zone& zone(std::uint32_t number) const { return zone_[number]; }
    std::uint32_t capacity(ZoneNumber number) const { return zone_[number].capacity(); }

    PortRef ref_of_port(std::uint32_t index) { return {index, port(index).identity.get().generation}; }
    TaskRef ref_of_task(std::uint32_t index) { return {index, task(index).identity.get().generation}; }
    ThreadRef ref_of_thread(std::uint32_t index) { return {index, thread(index).identity.get().generation}; }
    RegionRef ref_of_region(std::uint32_t index) { return {index, region(index).identity.get().generation}; }
    ViewRef ref_of_view(std::uint32_t index) { return {index, view(index).identity.get().generation}; }

    // The links that lists go by.
    auto message_links() { return [this](std::uint32_t i) -> Field<Pair>& { return message(i).links; }; }
    auto member_links() { return [this](std::uint32_t i) -> Field<Pair>& { return port(i).members; }; }
    auto ready_links() { return [this](std::uint32_t i) -> Field<Pair>& { return port(i).ready; }; }
    auto dying_links() { return [this](std::uint32_t i) -> Field<Pair>& { return port(i).link; }; }
    auto wait_links() { return [this](std::uint32_t i) -> Field<Pair>& { return thread(i).wait_links; }; }
    auto region_links() { return [this](std::uint32_t i) -> Field<Pair>& { return region(i).links; }; }
    auto view_links() { return [this](std::uint32_t i) -> Field<Pair>& { return view(i).links; }; }
    auto sibling_links() { return [this](std::uint32_t i) -> Field<Pair>& { return thread(i).siblings; }; }

    // Runs a body as one step of the carrier. The body gets a KernelStep and ends with keep() or undo().
    // until: throws runtime::HeldUp, and nothing has happened, when somebody who does not run has a lock until then
    template <class Body>
    auto step(runtime::Carrier& carrier, Body&& body, runtime::Deadline until = runtime::Deadline::never()) {
        const auto inside = [&](Step& inner) {
            KernelStep outer(*this, inner);
            return body(outer);
        };
        return runtime::transact(machine_, carrier, inside, until);
    }

    // Pays what the carrier's last step owes: rings, an admission, work on dying ports.
    void settle(runtime::Carrier& carrier);
    // The same on behalf of a carrier that died.
    void settle_for(runtime::Carrier& keeper, runtime::CarrierRecord& debtor);

private:
    Kernel(runtime::Machine machine, runtime::Pool pool);
    template <class R>
    R& record(std::uint32_t number, std::uint32_t index) {
        const Zone& zone = zone_[number];
        return reinterpret_cast<R*>(zone.at(0))[index < zone.capacity() ? index : 0];
    }
    void pay_ring(runtime::Carrier& carrier, runtime::RingDebt& debt, bool for_the_dead);
    void ring_bell(runtime::Carrier& carrier, runtime::CarrierName whom, std::uint32_t sleeper, bool for_the_dead);

    runtime::Machine machine_;
    runtime::Pool pool_;
    KernelHeader* header_;
    std::array<Zone, zones> zone_;
};

}  // namespace umach::ports
