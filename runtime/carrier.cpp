// SPDX-License-Identifier: BSL-1.0
#include "runtime/carrier.hpp"

#include "runtime/bug.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace umach::runtime {

Carrier::Carrier(CarrierRecord& record, std::uint32_t slot)
    : record_(&record), name_{slot, record.generation.load()}, robust_list_(nullptr), futex_offset_(0) {
    std::size_t length = 0;
    const long failed = syscall(SYS_get_robust_list, 0, &robust_list_, &length);
    UMACH_ASSERT(failed == 0 && robust_list_ != nullptr);
    futex_offset_ = robust_list_->futex_offset;
    record.life.store(static_cast<std::uint32_t>(syscall(SYS_gettid)) | FUTEX_WAITERS);
    arm();
}

void Carrier::point_at(std::atomic<std::uint32_t>& word) {
    auto* entry = reinterpret_cast<robust_list*>(reinterpret_cast<char*>(&word) - futex_offset_);
    auto* volatile* pending = &robust_list_->list_op_pending;
    if (*pending != entry) *pending = entry;
    std::atomic_signal_fence(std::memory_order_seq_cst);
}

void Carrier::arm_for_ring(DoorbellRecord& bell) { point_at(bell.word); }

void Carrier::mark_dead() {
    record_->life.store(FUTEX_OWNER_DIED | FUTEX_WAITERS);
    auto* volatile* pending = &robust_list_->list_op_pending;
    *pending = nullptr;
}

void Carrier::leave() {
    record_->life.store(0);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    auto* volatile* pending = &robust_list_->list_op_pending;
    *pending = nullptr;
}

bool is_dead(const CarrierRecord& record) {
    return (record.life.load(std::memory_order_acquire) & FUTEX_OWNER_DIED) != 0;
}

}  // namespace umach::runtime
