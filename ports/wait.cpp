// SPDX-License-Identifier: BSL-1.0
#include "ports/wait.hpp"

#include "runtime/nap.hpp"

#include <unistd.h>

namespace umach::ports {

void (*slice_hook)(Kernel& kernel) = nullptr;

std::uint32_t begin_wait(KernelStep& s, std::uint32_t thread, WaitKind kind, PortRef at) {
    ThreadRecord& record = s.k.thread(thread);
    const std::uint32_t epoch = record.wait.get().epoch + 1;
    s.set(record.wait, Wait{epoch, kind, WaitState::waiting, 0});
    s.set(record.wait_at, at);
    return epoch;
}

void end_wait(KernelStep& s, std::uint32_t thread, int result) {
    ThreadRecord& record = s.k.thread(thread);
    Wait wait = record.wait;
    UMACH_ASSERT(wait.state == WaitState::waiting);
    wait.state = WaitState::done;
    wait.result = static_cast<std::int16_t>(result);
    s.set(record.wait, wait);
    const bool owed = s.step().owe_ring(thread, wait.epoch);
    UMACH_ASSERT(owed);
}

void cancel_wait(KernelStep& s, std::uint32_t thread) {
    ThreadRecord& record = s.k.thread(thread);
    Wait wait = record.wait;
    wait.kind = WaitKind::none;
    wait.state = WaitState::idle;
    s.set(record.wait, wait);
}

namespace {

bool several_cores() {
    static const bool several = sysconf(_SC_NPROCESSORS_ONLN) > 1;
    return several;
}

// Looks for the ring before sleeping. A spin that found nothing halves the next one; now and then a full one tries
// again. Two yields in between let a partner on the same core run.
class Spin {
public:
    template <class Rung>
    bool until(Rung rung) {
        if (look(rung, shortest)) return true;
        for (int i = 0; i < 2; ++i) {
            sched_yield();
            if (rung()) return true;
        }
        if (!several_cores()) return false;
        if (look(rung, budget_)) {
            budget_ = longest;
            return true;
        }
        budget_ = ++failures_ % 64 == 0 ? longest : budget_ / 2;
        return false;
    }

private:
    template <class Rung>
    static bool look(Rung rung, unsigned pauses) {
        for (unsigned i = 0; i < pauses; ++i) {
            if (rung()) return true;
            runtime::cpu_pause();
        }
        return false;
    }
    static constexpr unsigned shortest = 30;    // about a microsecond
    static constexpr unsigned longest = 600;    // about what a sleep and a wake cost
    unsigned budget_ = longest;
    unsigned failures_ = 0;
};

// Whether the end of the wait is true: looked at under the lock that guards it.
bool is_committed(Caller& caller) {
    return caller.k.step(caller.carrier, [&](KernelStep& s) {
        ThreadRecord& self = s.k.thread(caller.thread.index);
        const WaitKind kind = self.wait.get().kind;
        if (kind == WaitKind::receive_set || kind == WaitKind::watch) s.lock(caller.task);
        else s.lock_root(self.wait_at);
        return s.undo(self.wait.get().state == WaitState::done);
    });
}

// At the end of a slice: is there a result that nobody has rung for, in two slices running?
bool rescued(Caller& caller, std::uint32_t epoch, bool& suspected) {
    Kernel& k = caller.k;
    ThreadRecord& self = k.thread(caller.thread.index);
    const Wait wait = self.wait;
    const bool found = wait.epoch == epoch && wait.state == WaitState::done && self.rung.load() != epoch;
    if (found && suspected && is_committed(caller)) {
        k.machine().header().rescued_wakeups.fetch_add(1);
        return true;
    }
    suspected = found;
    return false;
}

}  // namespace

Parked park(Caller& caller, std::uint32_t epoch, runtime::Deadline deadline, bool interruptible) {
    thread_local Spin spin;
    ThreadRecord& self = caller.k.thread(caller.thread.index);
    const auto rung = [&] { return self.rung.load(std::memory_order_acquire) == epoch; };
    if (spin.until(rung)) return Parked::rung;
    runtime::Doorbells& doorbells = caller.k.machine().doorbells();
    runtime::DoorbellRecord& bell = caller.carrier.record().doorbell;
    const std::uint32_t slot = caller.carrier.name().slot;
    Parked end = Parked::rung;
    for (bool suspected = false;;) {
        doorbells.clear(bell, slot);
        self.asleep.store(1);
        if (rung()) break;
        const auto next = runtime::Deadline::earlier(deadline, runtime::Deadline::in(slice));
        const runtime::WaitEnd woken = doorbells.wait(bell, slot, next);
        if (rung()) break;
        if (woken == runtime::WaitEnd::interrupted && interruptible) { end = Parked::interrupted; break; }
        if (deadline.passed()) { end = Parked::timed_out; break; }
        if (woken != runtime::WaitEnd::deadline) continue;
        if (slice_hook != nullptr) slice_hook(caller.k);
        if (rescued(caller, epoch, suspected)) break;
    }
    self.asleep.store(0);
    return end;
}

}  // namespace umach::ports
