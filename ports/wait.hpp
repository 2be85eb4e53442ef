// SPDX-License-Identifier: BSL-1.0
// How a thread of control waits. A step begins the wait (under the lock of what it waits at); then, with no lock held,
// the thread parks. Whoever ends the wait writes its result in a step and owes a ring, which names the epoch of the
// wait: a late ring for an earlier wait is harmless, and a thread that has been rung knows that the step committed.
#pragma once

#include "ports/caller.hpp"
#include "runtime/clock.hpp"

#include <optional>

namespace umach::ports {

enum class Parked { rung, timed_out, interrupted };

// How a thread of control waits that shares its carrier with others: it makes way for them, and only when all of them
// wait does the carrier sleep at its doorbell.
class Parker {
public:
    // The contract of park(), below.
    virtual Parked park(Caller& caller, std::uint32_t epoch, runtime::Deadline deadline, bool interruptible) = 0;

protected:
    ~Parker() = default;
};

// The detail of a call that ran out of time like this.
inline constexpr const char* held_up = "somebody who holds a lock does not run: it is stopped, or very slow";

// A wait is cut into slices of at most this length; without a deadline, a handler with SA_RESTART would hide signals.
inline constexpr std::chrono::milliseconds slice{100};

// Called for a thread that was terminated while it waited; it must not go on in the kernel. Never returns; nullptr: nobody
// can terminate threads.
extern void (*unwind_hook)(Caller& caller);

// Called at the end of every slice by the thread that waits, with no lock held; nullptr: nothing. May end a slice only.
extern void (*slice_hook)(Kernel& kernel);

// Begins a wait of the caller's thread, as part of a step. One that it had to leave as it was, because somebody who does
// not run had the lock, is ended now.
// returns: its epoch
std::uint32_t begin_wait(KernelStep& s, std::uint32_t thread, WaitKind kind, PortRef at);

// Whether the thread has returned from its wait though it could not leave the list that it waits in.
inline bool has_given_up(const ThreadRecord& thread) { return thread.gave_up.load() == thread.wait.get().epoch; }

// Who gives up sets the mark and then looks (Field::look) at what it would be served in; who is about to serve it writes
// to that and then looks at the mark. So at least one of them sees the other.
inline void give_up_waiting(ThreadRecord& self, std::uint32_t epoch) { self.gave_up.store(epoch); }
inline bool has_given_up_meanwhile(const ThreadRecord& thread) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return has_given_up(thread);
}

// Ends a wait of another thread, as part of a step that may still owe a ring. The thread is in no list any more.
void end_wait(KernelStep& s, std::uint32_t thread, int result);

// The calling thread's own wait is over without anybody's help.
void cancel_wait(KernelStep& s, std::uint32_t thread);

// Whether the wait of this epoch was ended and its thread rung.
inline bool is_rung(Kernel& k, std::uint32_t thread, std::uint32_t epoch) {
    return k.thread(thread).rung.load() == epoch;
}

// Whether any thread of a carrier of several was rung from elsewhere.
inline bool is_any_rung(const runtime::CarrierRecord& carrier) { return carrier.rung_classes.load() != 0; }

// Sleeps at the doorbell of the caller's carrier, for a slice at most, unless `awake` says that there is work. Who rings
// says so first and then looks whether anybody is asleep here (Kernel::ring_bell): the look in `awake` has to be one of
// those above, which are sequentially consistent, as that one is.
template <class Awake>
std::optional<runtime::WaitEnd> doze(Caller& caller, runtime::Deadline deadline, Awake awake) {
    runtime::Doorbells& doorbells = caller.k.machine().doorbells();
    runtime::CarrierRecord& mine = caller.carrier.record();
    const std::uint32_t slot = caller.carrier.name().slot;
    doorbells.clear(mine.doorbell, slot);
    mine.asleep.store(1);
    const std::uint32_t quiet = runtime::quiet_interruptions.load(std::memory_order_relaxed);
    std::optional<runtime::WaitEnd> woken;
    if (!awake()) woken = doorbells.wait(mine.doorbell, slot, runtime::Deadline::earlier(deadline, runtime::Deadline::in(slice)));
    mine.asleep.store(0);
    const bool for_nobody = runtime::quiet_interruptions.load(std::memory_order_relaxed) != quiet;
    return for_nobody && woken == runtime::WaitEnd::interrupted ? runtime::WaitEnd::rung : woken;
}

// What a thread saw at the end of a slice. Nothing may have moved since the slice before for it to act.
struct Glance {
    bool work = false;              // there is something to do that nobody seems to do
    std::uint32_t sequence = 0;     // messages received at the port so far
    bool operator==(const Glance&) const = default;
};

// At the end of a slice: is there work that stood there, untouched, at the end of the slice before as well? It is done,
// and counted if nobody rang for it or owes a ring. Not when somebody who does not run has the lock.
// returns: true when the wait is over
bool rescued(Caller& caller, std::optional<Glance>& before);

// Waits until the wait of this epoch is ended, the deadline has passed or (if asked for) a signal has arrived. The
// latter two do not end the wait: the caller takes the lock, and finds the wait ended after all, or cancels it. What
// nobody rang for is found at the end of the second slice, done by this thread, and counted.
Parked park(Caller& caller, std::uint32_t epoch, runtime::Deadline deadline, bool interruptible);

}  // namespace umach::ports
