// SPDX-License-Identifier: BSL-1.0
#include "ports/wait.hpp"

#include "ports/queue.hpp"
#include "runtime/nap.hpp"

#include <optional>
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
// Known from the start: a fork in the middle of a first call's
// initialisation would leave the child waiting for it for ever.
[[maybe_unused]] const bool known_at_load = several_cores();

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

// What a waiting thread sees at the end of a slice. Nothing may have moved since the slice before for it to act.
struct Glance {
    bool work = false;              // there is something to do that nobody seems to do
    std::uint32_t sequence = 0;     // messages received at the port so far
    bool operator==(const Glance&) const = default;
};

// Locks what guards the wait.
// returns: the port waited at; nullptr for a set or nothing
PortRecord* lock_wait(KernelStep& s, Caller& caller) {
    const ThreadRecord& self = s.k.thread(caller.thread.index);
    const WaitKind kind = self.wait.get().kind;
    if (kind != WaitKind::receive_set && kind != WaitKind::watch) return s.lock_root(self.wait_at);
    s.lock(caller.task);
    return nullptr;
}

Glance glance_at_port(PortRecord& port, WaitKind kind) {
    const std::uint32_t sequence = port.tally.get().sequence;
    if (kind == WaitKind::send) return {port.line.get().first != 0 && has_room(port), sequence};
    return {kind != WaitKind::reply && has_news(port), sequence};
}

Glance glance(KernelStep& s, Caller& caller, PortRecord* port) {
    const ThreadRecord& self = s.k.thread(caller.thread.index);
    const Wait wait = self.wait;
    if (wait.state == WaitState::done) return {self.rung.load() != wait.epoch, 0};
    if (port != nullptr) return glance_at_port(*port, wait.kind);
    if (wait.kind != WaitKind::receive_set) return {};
    const std::uint32_t ready = s.k.set(self.wait_at.get().index).ready.get().first;
    return {ready != 0, ready};
}

// Does what others should have done: looks for a receiver's news itself, or admits the head of a sender's line.
// returns: true when the wait is over
bool help_oneself(KernelStep& s, Caller& caller, PortRecord* port) {
    ThreadRecord& self = s.k.thread(caller.thread.index);
    const Wait wait = self.wait;
    if (wait.state == WaitState::done) return true;
    if (wait.kind == WaitKind::send) {
        owe_admission(s, self.wait_at.get().index);
        return false;
    }
    Field<Pair>& receivers = port != nullptr ? port->receivers : s.k.set(self.wait_at.get().index).receivers;
    s.unlink(receivers, caller.thread.index, s.k.wait_links());
    s.set(self.wait, Wait{wait.epoch, wait.kind, WaitState::done, 0});
    return true;
}

// At the end of a slice: is there work that stood there, untouched, at the end of the slice before as well? It is
// counted, since nobody rang for it.
// returns: true when the wait is over
bool rescued(Caller& caller, std::optional<Glance>& before) {
    bool helped = false;
    const bool over = caller.step([&](KernelStep& s) {
        PortRecord* port = lock_wait(s, caller);
        const Glance now = glance(s, caller, port);
        helped = now.work && before == now;
        before = now.work ? std::optional(now) : std::nullopt;
        return s.keep(helped && help_oneself(s, caller, port));
    });
    if (helped) caller.k.machine().header().rescued_wakeups.fetch_add(1);
    return over;
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
    for (std::optional<Glance> before;;) {
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
        if (rescued(caller, before)) break;
    }
    self.asleep.store(0);
    return end;
}

}  // namespace umach::ports
