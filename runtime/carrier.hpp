// SPDX-License-Identifier: BSL-1.0
// A carrier is an OS thread that calls in. Its record holds the life word that the operating system marks when the
// thread dies, the log of the step that it is in, its doorbell, what it owes others, and its stock of free records.
//
// Life word: the owner's TID with FUTEX_WAITERS, in the kernel's robust-futex form; the thread's list_op_pending
// points to it during every trap, so that the kernel itself sets FUTEX_OWNER_DIED when the thread ends in any way,
// exec included. A slot is given out again only when its log is empty, its debts are paid and no lock names it.
#pragma once

#include "runtime/doorbell/doorbell.hpp"
#include "runtime/lock.hpp"
#include "runtime/words.hpp"

#include <array>

struct robust_list_head;

namespace umach::runtime {

inline constexpr std::uint32_t log_entries = 2040;   // words that one step may change
inline constexpr std::uint32_t most_rings = 80;      // wake-ups that one step may owe
inline constexpr std::uint32_t most_stocks = 5;      // zones with a stock a carrier

struct LogEntry {
    std::atomic<std::uint64_t> where;    // offset of the word in the segment
    std::atomic<std::uint64_t> before;   // its value before this step
};

// A wake-up owed: to which carrier, for which of its waits (wait.hpp of the floor above gives the meaning of `wait`).
struct RingDebt {
    Field<std::uint64_t> whom;   // index of the sleeper's wait record, 0 is no debt
    Field<std::uint64_t> epoch;
};

struct alignas(64) CarrierRecord {
    std::atomic<std::uint32_t> life{0};        // see above; 0: free slot
    std::atomic<std::uint32_t> generation{0};
    std::atomic<std::uint64_t> mender{0};      // who undoes this carrier's log, named like a lock's holder
    Field<std::uint64_t> process;              // index of the process this thread belongs to
    Field<std::uint64_t> in_hand;              // a message under preparation or being copied out, or a spare record
    Field<std::uint64_t> memory_in_hand;       // a region on its way out of the stock or the pool, or into the pool
    Field<std::uint64_t> put_aside;            // an ended thread's message, which this carrier gives back
    Field<std::uint64_t> owed_admission;       // a port that may have room for a blocked sender
    Field<std::uint64_t> owed_work;            // a task with ports that are dying
    Field<std::uint64_t> thread;               // index of the thread of control; of fibers: of the OS thread's own
    std::array<RingDebt, most_rings> owed_rings;
    std::array<Field<Pair>, most_stocks> stock;   // first: head of a list of free records, second: how many
    std::atomic<std::uint64_t> looking{0};     // 1: it looks for its ring before it sleeps, and yields
    alignas(64) DoorbellRecord doorbell;
    std::atomic<std::uint64_t> asleep{0};        // not 0: it sleeps at its doorbell, or is about to
    std::atomic<std::uint64_t> sleepers{0};      // 1: it carries several threads of control, who look at the next word
    std::atomic<std::uint64_t> rung_classes{0};  // bit n: a thread whose index is n modulo 64 was rung from elsewhere
    alignas(64) std::atomic<std::uint64_t> log_length{0};   // 0: no step under way; storing 0 commits
    std::array<LogEntry, log_entries> log;
};

// Several threads of control on one carrier. One of them that is rung by another is told here, without any doorbell.
class LocalSleepers {
public:
    virtual void rung(std::uint32_t whom) = 0;

protected:
    ~LocalSleepers() = default;
};

// The calling OS thread's hands on its own record.
class Carrier {
public:
    Carrier(CarrierRecord& record, std::uint32_t slot);

    CarrierName name() const { return name_; }
    CarrierRecord& record() { return *record_; }

    // Lets the operating system mark the life word at this thread's death. To be called at the start of every trap: a
    // program's own robust mutexes clear the pointer.
    void arm() { point_at(record_->life); }
    // Lets the operating system wake the doorbell's sleeper if this thread dies before it has done so itself.
    void arm_for_ring(DoorbellRecord& bell);

    // Marks this thread dead, as the operating system would.
    void mark_dead();
    // Gives the slot up: this thread is no carrier any more.
    void leave();

    LocalSleepers* sleepers = nullptr;

private:
    void point_at(std::atomic<std::uint32_t>& word);

    CarrierRecord* record_;
    CarrierName name_;
    robust_list_head* robust_list_;
    long futex_offset_;
};

bool is_dead(const CarrierRecord& record);

}  // namespace umach::runtime
