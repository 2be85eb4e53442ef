// SPDX-License-Identifier: BSL-1.0
#include "runtime/machine.hpp"

#include <cerrno>
#include <cstddef>
#include <linux/futex.h>
#include <cstring>
#include <new>
#include <string>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace umach::runtime {
namespace {

constexpr std::uint64_t records_begin(std::uint32_t carriers) {
    return sizeof(SegmentHeader) + std::uint64_t{carriers} * sizeof(CarrierRecord);
}

std::uint64_t own_pid_namespace() {
    struct stat status {};
    return stat("/proc/self/ns/pid", &status) == 0 ? status.st_ino : 0;
}

// FNV-1a over the constant part of the header.
std::uint64_t checksum_of(const SegmentIdentity& header) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(&header);
    std::uint64_t hash = 1469598103934665603u;
    for (std::size_t i = 0; i < offsetof(SegmentIdentity, checksum); ++i) hash = (hash ^ bytes[i]) * 1099511628211u;
    return hash;
}

Fault unfit(std::string what) { return Fault{EPROTO, std::move(what)}; }

}  // namespace

Machine::Machine(Segment segment, Doorbells doorbells)
    : segment_(std::move(segment)), doorbells_(std::move(doorbells)), base_(static_cast<std::byte*>(segment_.base())) {}

CarrierRecord& Machine::carrier(std::uint32_t slot) {
    auto* first = reinterpret_cast<CarrierRecord*>(base_ + sizeof(SegmentHeader));
    return first[slot < carriers() ? slot : 0];
}

std::byte* Machine::records() { return base_ + records_begin(carriers()); }

Outcome<Machine> Machine::make(const MachineSizes& sizes) {
    const std::uint64_t bytes = records_begin(sizes.carriers) + sizes.record_bytes;
    auto segment = Segment::create(sizes.segment, bytes);
    if (!segment.ok()) return segment.fault();
    auto doorbells = Doorbells::create(sizes.doorbell, sizes.carriers);
    if (!doorbells.ok()) return doorbells.fault();
    SegmentIdentity& identity = (new (segment.value().base()) SegmentHeader{})->identity;
    identity = {segment_magic,
                layout_version,
                sizes.layout,
                segment.value().bytes(),
                own_pid_namespace(),
                sizes.carriers,
                static_cast<std::uint32_t>(sizes.segment),
                static_cast<std::uint32_t>(sizes.doorbell),
                doorbells.value().sysv_id(),
                0};
    identity.checksum = checksum_of(identity);
    return Machine(std::move(segment.value()), std::move(doorbells.value()));
}

Outcome<Machine> Machine::join(Segment segment, std::uint32_t layout, Descriptor lifeline) {
    if (segment.bytes() < sizeof(SegmentHeader)) return unfit("the segment is smaller than its header");
    SegmentIdentity seen{};
    std::memcpy(&seen, segment.base(), sizeof seen);
    if (seen.magic != segment_magic) return unfit("the segment is not a host's: wrong magic number");
    if (seen.version != layout_version)
        return unfit("the host has layout version " + std::to_string(seen.version) + ", this program has " +
                     std::to_string(layout_version));
    if (seen.layout != layout) return unfit("the host's records have another layout than this program's");
    if (seen.checksum != checksum_of(seen)) return unfit("the segment's header is corrupt: wrong checksum");
    if (seen.bytes != segment.bytes() || records_begin(seen.carriers) > seen.bytes)
        return unfit("the segment's size is not the one in its header");
    if (seen.pid_namespace != own_pid_namespace()) return unfit("the host is in another pid namespace");
    auto doorbells = Doorbells::attach(static_cast<DoorbellKind>(seen.doorbell_kind), seen.doorbell_id, std::move(lifeline));
    if (!doorbells.ok()) return doorbells.fault();
    return Machine(std::move(segment), std::move(doorbells.value()));
}

std::uint32_t Machine::claim_carrier() {
    const auto tid = static_cast<std::uint32_t>(syscall(SYS_gettid));
    robust_list_head* list = nullptr;
    std::size_t length = 0;
    syscall(SYS_get_robust_list, 0, &list, &length);
    for (std::uint32_t slot = 1; slot < carriers(); ++slot) {
        std::atomic<std::uint32_t>& life = carrier(slot).life;
        if (life.load() != 0) continue;
        // Pointed at first: if this thread dies right after the claim, the operating system marks the word.
        list->list_op_pending = reinterpret_cast<robust_list*>(reinterpret_cast<char*>(&life) - list->futex_offset);
        std::atomic_signal_fence(std::memory_order_seq_cst);
        std::uint32_t free = 0;
        if (life.compare_exchange_strong(free, tid | FUTEX_WAITERS)) return slot;
    }
    list->list_op_pending = nullptr;
    return 0;
}

}  // namespace umach::runtime
