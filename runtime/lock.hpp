// SPDX-License-Identifier: BSL-1.0
// A lock is a word that names the carrier that holds it. States: 0 (free), or the carrier's slot and generation.
// There is no count of waiters and no wake, so no wake can be lost: who does not get it looks again. A holder that
// died is found out through its life word, mended (mend.hpp), and its name is taken out of the word.
#pragma once

#include <atomic>
#include <cstdint>

#if defined(__clang__)
#define UMACH_TSA(x) __attribute__((x))
#else
#define UMACH_TSA(x)
#endif

namespace umach::runtime {

// Names a carrier as lock words, logs and debts do. 0 names nobody.
struct CarrierName {
    std::uint32_t slot = 0;
    std::uint32_t generation = 0;

    explicit operator bool() const { return slot != 0; }
    bool operator==(const CarrierName&) const = default;
    std::uint64_t word() const { return static_cast<std::uint64_t>(generation) << 32 | slot; }
    static CarrierName of(std::uint64_t word) {
        return {static_cast<std::uint32_t>(word), static_cast<std::uint32_t>(word >> 32)};
    }
};

class UMACH_TSA(capability("lock")) LockWord {
public:
    // Who finds the holder's name here also sees what that has written of itself before, its life word above all: else
    // it would take a newcomer for dead, and rob it.
    bool try_take(CarrierName self) UMACH_TSA(try_acquire_capability(true)) {
        std::uint64_t free = 0;
        return word_.load(std::memory_order_relaxed) == 0 &&
               word_.compare_exchange_strong(free, self.word(), std::memory_order_acq_rel);
    }
    void release() UMACH_TSA(release_capability()) { word_.store(0, std::memory_order_release); }

    CarrierName holder() const { return CarrierName::of(word_.load(std::memory_order_acquire)); }
    bool held_by(CarrierName self) const { return holder() == self; }

    // Takes the name of a mended dead carrier out of the word; nothing if it has gone already.
    void free_from(CarrierName dead) {
        std::uint64_t expected = dead.word();
        word_.compare_exchange_strong(expected, 0, std::memory_order_acq_rel);
    }

private:
    std::atomic<std::uint64_t> word_{0};
};
static_assert(sizeof(LockWord) == 8);

}  // namespace umach::runtime
