// SPDX-License-Identifier: BSL-1.0
#include "runtime/step.hpp"

#include "runtime/mend.hpp"
#include "runtime/nap.hpp"

namespace umach::runtime {

namespace {

constexpr unsigned naps_in_a_step = 8;       // then the step is taken back, and what is left to wait is waited outside it
constexpr unsigned naps_at_least = 100;      // however short the deadline: who holds it may only want a processor

// returns: false when it was enough
template <class Enough>
bool wait_for(Machine& machine, CarrierName self, LockWord& word, Enough enough) UMACH_TSA(no_thread_safety_analysis) {
    Nap nap;
    while (!word.try_take(self)) {
        const CarrierName holder = word.holder();
        // A name that nobody can have is what a mistake has written: that of the slot that nobody has is as good as dead.
        if (holder != CarrierName{} && nap.patient() && has_ended(machine.carrier(holder.slot), holder)) {
            mend(machine, self, holder);
            word.free_from(holder);
            continue;
        }
        if (enough(nap)) return false;
        nap.next();
    }
    return true;
}

}  // namespace

void take_lock(Machine& machine, CarrierName self, LockWord& word, Deadline until) UMACH_TSA(no_thread_safety_analysis) {
    const auto enough = [&](const Nap& nap) { return nap.naps() >= naps_at_least && until.passed(); };
    if (!wait_for(machine, self, word, enough)) throw HeldUp{};
}

namespace {

// Apart from who finds the lock free, for whom it would be in the way.
[[gnu::noinline, gnu::cold]] bool wait_a_little(Machine& machine, CarrierName self, LockWord& word) {
    return wait_for(machine, self, word, [](const Nap& nap) { return nap.naps() >= naps_in_a_step; });
}

}  // namespace

void Step::take_busy(LockWord& word) {
    if (locks_ > 0 || !wait_a_little(*machine_, carrier_->name(), word)) throw Busy{&word};
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

void Step::begin_with(LockWord& first, Deadline until) UMACH_TSA(no_thread_safety_analysis) {
    take_lock(*machine_, carrier_->name(), first, until);
    held_[locks_++] = &first;
}

void Step::give_way(Deadline until) {
    mend_all(*machine_, carrier_->name());
    if (ways_given_ >= 2 * naps_at_least && until.passed()) throw HeldUp{};
    if (++ways_given_ < naps_at_least) {
        sched_yield();
        return;
    }
    const timespec rest{0, 1'000'000};
    nanosleep(&rest, nullptr);
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
