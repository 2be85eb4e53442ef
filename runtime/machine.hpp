// SPDX-License-Identifier: BSL-1.0
// The machine: one mapped segment with its header, its carriers, and room for the records of the floor above.
#pragma once

#include "runtime/carrier.hpp"
#include "runtime/fault.hpp"
#include "runtime/segment/segment.hpp"

#include <optional>

namespace umach::runtime {

inline constexpr std::uint64_t segment_magic = 0x756d616368303031;   // "umach001"
inline constexpr std::uint32_t layout_version = 2;

// First bytes of every segment: written before the segment is given to anybody else, compared before any other byte
// is believed.
struct SegmentIdentity {
    std::uint64_t magic;
    std::uint32_t version;
    std::uint32_t layout;          // hash of the sizes of all records
    std::uint64_t bytes;           // of the whole segment
    std::uint64_t pid_namespace;   // TIDs in life words have a meaning in this one only
    std::uint32_t carriers;        // slots, slot 0 unused
    std::uint32_t segment_kind;
    std::uint32_t doorbell_kind;
    std::int32_t doorbell_id;
    std::uint64_t checksum;        // over all of the above
};

struct alignas(64) SegmentHeader {
    SegmentIdentity identity;
    alignas(64) LockWord lock;     // the host's own: zones, slots of processes and tasks
    std::atomic<std::uint64_t> rescued_wakeups;   // slices that found work which nobody was ringing for
    std::atomic<std::uint64_t> mended;            // logs of dead carriers undone
};

struct MachineSizes {
    SegmentKind segment = SegmentKind::anonymous;
    DoorbellKind doorbell = DoorbellKind::futex;
    std::uint32_t carriers = 256;
    std::uint64_t record_bytes = 0;   // room for the records of the floor above
    std::uint32_t layout = 0;         // their layout hash
};

class Machine {
public:
    // Makes a machine in fresh memory.
    // returns: the machine, or the fault of the call that failed (want of memory above all)
    static Outcome<Machine> make(const MachineSizes& sizes);

    // Attaches to the machine in an attached segment.
    // takes: the segment, and the lifeline of its doorbells (doorbell.hpp), in every case
    // returns: the machine, or a fault that says what does not fit (magic, version, layout, checksum, pid namespace);
    // nothing but the header has been read then
    static Outcome<Machine> join(Segment segment, std::uint32_t layout, Descriptor lifeline);

    SegmentHeader& header() { return *reinterpret_cast<SegmentHeader*>(base_); }
    CarrierRecord& carrier(std::uint32_t slot);
    std::uint32_t carriers() { return header().identity.carriers; }
    std::byte* records();   // where the records of the floor above begin
    std::byte* base() { return base_; }
    std::uint64_t bytes() { return header().identity.bytes; }
    Doorbells& doorbells() { return doorbells_; }
    Segment& segment() { return segment_; }

    // Whether the carrier of that name is there and not dead.
    bool lives(CarrierName name) { return name && carrier(name.slot).generation.load() == name.generation && !is_dead(carrier(name.slot)); }

    // Gives the calling thread a carrier slot; the slot names it from the same instruction on.
    // returns: the slot, or 0 when all are in use
    std::uint32_t claim_carrier();

private:
    Machine(Segment segment, Doorbells doorbells);

    Segment segment_;
    Doorbells doorbells_;
    std::byte* base_;
};

}  // namespace umach::runtime
