// SPDX-License-Identifier: BSL-1.0
// Doorbells: how a carrier sleeps and is woken. One doorbell a carrier, in shared memory; three mechanisms.
//
// The bell's state is one word: bit 31 is "rung", all other bits are 0 (so its owner part is that of a free
// robust futex). The mechanism only makes the sleeper look at the word:
//
//   futex  sleeps on the word itself. A ringer that has pointed its robust list at the word and dies between
//          setting and waking is finished by the operating system.
//   posix  sem_clockwait on a semaphore beside the word. A ringer that dies between the two is paid for by
//          `ring_again`.
//   sysv   one set a host, one semaphore a slot; as posix. A set that somebody removes under the host's feet
//          is no harm: from then on the bells sleep on their words.
//
// Who wakes looks at its own records and never trusts the bell: `rung` may be an old ring.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "runtime/descriptor.hpp"
#include "runtime/fault.hpp"
#include "runtime/wait.hpp"

namespace umach::runtime {

enum class DoorbellKind : std::uint32_t { futex, posix, sysv };

// Lies in shared memory. All zero is a silent bell of kind futex and sysv; `prepare` makes one of any kind.
struct DoorbellRecord {
    static constexpr std::uint32_t rung = 0x8000'0000;

    std::atomic<std::uint32_t> word;  // at offset 0: a robust list may point here
    std::uint32_t unused;
    alignas(8) unsigned char semaphore[32];  // a sem_t, for kind posix
};
static_assert(sizeof(DoorbellRecord) == 40 && alignof(DoorbellRecord) == 8);

class DoorbellMechanism;

// A process's hand on the doorbells of one host.
class Doorbells {
public:
    // For the maker of a host with `slots` carriers.
    // returns: a fault if the system grants no semaphore set of that size (`sysv` only: ENOSPC, or EINVAL
    // above the `kernel.sem` limit, 32,000 by default).
    //
    // A System V set outlives its users, and the kernel cannot be told to remove it with the last of them. So
    // `sysv` starts a small process, the set's *warden*, which waits at the end of a pipe, the *lifeline*:
    // when the last holder of the lifeline has ended, however it ended, the warden removes the set and ends.
    // It is nobody's child, so no wait() sees it and no SIGCHLD tells of it. It holds nothing else of this
    // process open, but it is a copy of it, made as fork makes one: best made by a small program, before it
    // has grown.
    static Outcome<Doorbells> create(DoorbellKind kind, std::uint32_t slots);

    // For a member that joins. `sysv` needs the set's id and a duplicate of the lifeline, which the member
    // holds from now on; the other kinds need neither (-1 and an empty descriptor).
    static Outcome<Doorbells> attach(DoorbellKind kind, int sysv_id, Descriptor lifeline);

    Doorbells(Doorbells&&) noexcept;
    Doorbells& operator=(Doorbells&&) noexcept;
    // Lets go of the lifeline, and so of the set if this was its last holder.
    ~Doorbells();

    DoorbellKind kind() const noexcept { return kind_; }
    int sysv_id() const noexcept;    // -1 unless sysv
    int lifeline() const noexcept;   // to be handed to members that join; -1 unless sysv; stays ours

    // Removes the set at once, for everybody; the warden ends with the last holder of the lifeline. The
    // keeper's last act. Harmless twice, and for the other kinds.
    void remove() noexcept;

    // Makes the bell of a slot that is given out: silent. Nobody may be waiting at it.
    void prepare(DoorbellRecord& bell, std::uint32_t slot) noexcept;

    // Sets the bell and wakes its one sleeper. Does nothing if it is rung already.
    void ring(DoorbellRecord& bell, std::uint32_t slot) noexcept;

    // Sets the bell and wakes its sleeper even if it is rung already: for whoever pays the ring of a dead
    // carrier, which may have set the bell and not lived to wake.
    void ring_again(DoorbellRecord& bell, std::uint32_t slot) noexcept;

    // Silences the bell. For its own carrier, before it looks at what it may have been rung for.
    void clear(DoorbellRecord& bell, std::uint32_t slot) noexcept;

    // Sleeps until the bell is rung; at once if it is.
    // waits: until rung, until `deadline`, or until a signal. Only one thread may wait at a bell.
    // returns: `rung` leaves the bell rung. `sysv` says `interrupted` also when the process was stopped and
    // continued.
    WaitEnd wait(DoorbellRecord& bell, std::uint32_t slot, Deadline deadline) noexcept;

private:
    Doorbells(DoorbellKind kind, std::unique_ptr<DoorbellMechanism> mechanism) noexcept;

    DoorbellKind kind_;
    std::unique_ptr<DoorbellMechanism> mechanism_;
};

}  // namespace umach::runtime
