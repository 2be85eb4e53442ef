// SPDX-License-Identifier: BSL-1.0
#include "runtime/mend.hpp"

#include "runtime/nap.hpp"

#include <algorithm>
#include <linux/futex.h>

namespace umach::runtime {

void take_back(Machine& machine, CarrierRecord& record) {
    std::uint64_t left = std::min<std::uint64_t>(record.log_length.load(std::memory_order_acquire), log_entries);
    while (left-- > 0) {
        const std::uint64_t where = record.log[left].where.load(std::memory_order_relaxed);
        if (where % 8 != 0 || where + 8 > machine.bytes()) continue;   // a damaged log must not damage more
        auto* word = reinterpret_cast<std::atomic<std::uint64_t>*>(machine.base() + where);
        word->store(record.log[left].before.load(std::memory_order_relaxed), std::memory_order_release);
    }
    record.log_length.store(0, std::memory_order_release);
}

bool has_ended(const CarrierRecord& record, CarrierName name) {
    const std::uint32_t life = record.life.load(std::memory_order_acquire);
    if (life == 0 || (life & FUTEX_OWNER_DIED) != 0) return true;
    return record.generation.load(std::memory_order_acquire) != name.generation;
}

namespace {

// Becomes the mender of the record.
// returns: false when the record has been mended and given out again meanwhile
bool become_mender(Machine& machine, CarrierName self, CarrierName dead, CarrierRecord& record) {
    Nap nap;
    for (;;) {
        if (record.generation.load() != dead.generation) return false;
        std::uint64_t current = record.mender.load();
        const CarrierName other = CarrierName::of(current);
        const bool vacant = !other || other == self || has_ended(machine.carrier(other.slot), other);
        if (vacant && record.mender.compare_exchange_strong(current, self.word())) return true;
        nap.next();
    }
}

}  // namespace

void mend(Machine& machine, CarrierName self, CarrierName dead) {
    CarrierRecord& record = machine.carrier(dead.slot);
    if (!become_mender(machine, self, dead, record)) return;
    // Looked at with the mender's word in hand: who gives the slot up takes it as well.
    if (record.generation.load() == dead.generation && is_dead(record) && record.log_length.load() != 0) {
        take_back(machine, record);
        machine.header().mended.fetch_add(1, std::memory_order_relaxed);
    }
    record.mender.store(0);
}

void retire(Machine& machine, CarrierName self, CarrierName dead) {
    CarrierRecord& record = machine.carrier(dead.slot);
    if (!become_mender(machine, self, dead, record)) return;
    record.generation.store(dead.generation + 1);
    record.life.store(0);
    record.mender.store(0);
}

void forget_mender(Machine& machine, CarrierName dead) {
    for (std::uint32_t slot = 1; slot < machine.carriers(); ++slot) {
        std::atomic<std::uint64_t>& mender = machine.carrier(slot).mender;
        std::uint64_t expected = dead.word();
        if (mender.load() == expected) mender.compare_exchange_strong(expected, 0);
    }
}

void mend_all(Machine& machine, CarrierName self) {
    for (std::uint32_t slot = 1; slot < machine.carriers(); ++slot) {
        const CarrierRecord& record = machine.carrier(slot);
        const CarrierName name{slot, record.generation.load()};
        if (is_dead(record) && record.log_length.load() != 0) mend(machine, self, name);
    }
}

}  // namespace umach::runtime
