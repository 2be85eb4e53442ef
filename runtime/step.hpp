// SPDX-License-Identifier: BSL-1.0
// A step: the one way in which guarded words change. It takes locks as it goes, notes the old value of a word before
// it writes the new one, and becomes true with a single store that empties the log. A step whose carrier dies before
// that store is taken back by whoever meets one of its locks (mend.hpp).
//
//     transact(machine, carrier, [&](Step& step) {
//         step.lock(a); step.lock(b); step.set(word, value); return step.keep(result);   // or step.undo(result)
//     });
//
// The first lock is waited for, every further one is only tried: if it is busy the whole step is taken back, the busy
// lock is waited for with empty hands, and the step begins again with it. So no order of locks is needed, nobody waits
// while holding one, and a stopped holder delays only those who need its locks; a step with a deadline gives up then.
#pragma once

#include "runtime/bug.hpp"
#include "runtime/clock.hpp"
#include "runtime/machine.hpp"

namespace umach::runtime {

inline constexpr std::uint32_t most_locks = 80;

// Thrown out of a step's body when a lock is busy, or (nullptr) when records are in the middle of somebody else's step
// and it cannot be told whose; only transact() catches it.
struct Busy {
    LockWord* lock;
};

// Thrown out of transact() when its deadline has passed and the lock is still another's, who lives but does not run, it
// seems: nothing has happened, and no lock is held.
struct HeldUp {};

class Step {
public:
    Step(Machine& machine, Carrier& carrier) : machine_(&machine), carrier_(&carrier) {}
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;
    ~Step() { UMACH_ASSERT(locks_ == 0); }

    Machine& machine() { return *machine_; }
    Carrier& carrier() { return *carrier_; }

    // Makes sure that this step holds the lock.
    // waits: only if it is the first, and some milliseconds; otherwise a busy lock throws Busy
    void lock(LockWord& word) UMACH_TSA(no_thread_safety_analysis) {
        if (holds(word)) return;
        UMACH_ASSERT(locks_ < most_locks);
        if (!word.try_take(carrier_->name())) [[unlikely]] take_busy(word);
        held_[locks_++] = &word;
    }
    bool holds(const LockWord& word) const { return word.held_by(carrier_->name()); }
    // Lets go of the lock taken last, which turned out not to be the right one; nothing may have been written since.
    void drop_last() UMACH_TSA(no_thread_safety_analysis);

    template <WordSized T>
    void set(Field<T>& field, std::type_identity_t<T> value) {
        note(field.word());
        field.word().store(std::bit_cast<std::uint64_t>(value), std::memory_order_release);
    }
    void add(Count& field, std::int64_t change) { set(field, field.get() + static_cast<std::uint64_t>(change)); }

    // A wake-up that is owed from the commit until it is paid.
    // returns: false when this step owes as many as it can
    bool owe_ring(std::uint64_t whom, std::uint64_t epoch);
    std::uint32_t rings_left() const { return most_rings - rings_; }

    // The two ends of a body: what it did becomes true, or never happened.
    template <class T>
    T keep(T result) { keep_ = true; return result; }
    template <class T>
    T undo(T result) { keep_ = false; return result; }

private:
    template <class Body>
    friend auto transact(Machine&, Carrier&, Body&&, Deadline);

    void note(std::atomic<std::uint64_t>& word) {
        CarrierRecord& mine = carrier_->record();
        const std::uint64_t length = mine.log_length.load(std::memory_order_relaxed);
        UMACH_ASSERT(length < log_entries);
        LogEntry& entry = mine.log[length];
        entry.where.store(offset(&word), std::memory_order_relaxed);
        entry.before.store(word.load(std::memory_order_relaxed), std::memory_order_relaxed);
        mine.log_length.store(length + 1, std::memory_order_release);
    }
    std::uint64_t offset(void* word) const {
        return static_cast<std::uint64_t>(static_cast<std::byte*>(word) - machine_->base());
    }
    void give_way(Deadline until);   // lets others finish, and mends those that died
    void begin(LockWord* first, Deadline until) {
        UMACH_ASSERT(carrier_->record().log_length.load(std::memory_order_relaxed) == 0);
        keep_ = false;
        rings_ = 0;
        while (rings_ < most_rings && carrier_->record().owed_rings[rings_].whom.get() != 0) ++rings_;
        if (first != nullptr) [[unlikely]] begin_with(*first, until);
    }
    void begin_with(LockWord& first, Deadline until) UMACH_TSA(no_thread_safety_analysis);
    void take_busy(LockWord& word) UMACH_TSA(no_thread_safety_analysis);   // waits a little, or throws
    void commit();
    void roll_back();
    void release_all() UMACH_TSA(no_thread_safety_analysis);

    Machine* machine_;
    Carrier* carrier_;
    std::array<LockWord*, most_locks> held_;
    std::uint32_t locks_ = 0;
    std::uint32_t rings_ = 0;   // owed so far
    std::uint32_t ways_given_ = 0;
    bool keep_ = false;
};

// Runs a body as one step.
// waits: for locks; until the deadline, and then a tenth of a second more for who only has to be given a processor
// returns: what the body does; throws HeldUp when a lock is not to be had in that time
template <class Body>
auto transact(Machine& machine, Carrier& carrier, Body&& body, Deadline until) {
    Step step(machine, carrier);
    LockWord* first = nullptr;
    for (;;) {
        step.begin(first, until);
        try {
            auto result = body(step);
            if (step.keep_) step.commit();
            else step.roll_back();
            return result;
        } catch (const Busy& busy) {
            step.roll_back();
            first = busy.lock;
            if (first == nullptr) step.give_way(until);
        }
    }
}

// Takes the lock, with empty hands: looks for about a microsecond, yields three times, then naps; a holder found dead is mended.
// waits: until the holder lets go; a stopped holder is waited for, never robbed; after the deadline throws HeldUp, as
// transact() does
void take_lock(Machine& machine, CarrierName self, LockWord& word, Deadline until = Deadline::never())
    UMACH_TSA(acquire_capability(word));

}  // namespace umach::runtime
