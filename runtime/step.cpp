// SPDX-License-Identifier: BSL-1.0
#include "runtime/step.hpp"

#include "runtime/mend.hpp"
#include "runtime/nap.hpp"

namespace umach::runtime {

void take_lock(Machine& machine, CarrierName self, LockWord& word) UMACH_TSA(no_thread_safety_analysis) {
    Nap nap;
    while (!word.try_take(self)) {
        const CarrierName holder = word.holder();
        if (holder && nap.patient() && has_ended(machine.carrier(holder.slot), holder)) {
            mend(machine, self, holder);
            word.free_from(holder);
            continue;
        }
        nap.next();
    }
}

void Step::wait_for(LockWord& word) {
    if (locks_ != 0) throw Busy{&word};
    take_lock(*machine_, carrier_->name(), word);
}

void Step::drop_last() {
    UMACH_ASSERT(locks_ > 0);
    held_[--locks_]->release();
}

bool Step::owe_ring(std::uint64_t whom, std::uint64_t epoch) {
    if (rings_ == most_rings) return false;
    RingDebt& debt = carrier_->record().owed_rings[rings_++];
    set(debt.epoch, epoch);
    set(debt.whom, whom);
    return true;
}

void Step::give_way() {
    mend_all(*machine_, carrier_->name());
    sched_yield();
}

void Step::commit() {
    carrier_->record().log_length.store(0, std::memory_order_release);
    release_all();
}

void Step::roll_back() {
    take_back(*machine_, carrier_->record());
    release_all();
}

void Step::release_all() {
    while (locks_ > 0) held_[--locks_]->release();
}

}  // namespace umach::runtime
