// SPDX-License-Identifier: BSL-1.0
#include "ports/wait.hpp"

#include "ports/queue.hpp"
#include "ports/spin.hpp"
#include "ports/thread.hpp"

#include <algorithm>
#include <optional>
#include <unistd.h>

namespace umach::ports {

void (*slice_hook)(Kernel& kernel) = nullptr;
void (*unwind_hook)(Caller& caller) = nullptr;

std::uint32_t begin_wait(KernelStep& s, std::uint32_t thread, WaitKind kind, PortRef at) {
    ThreadRecord& record = s.k.thread(thread);
    if (record.wait.get().state == WaitState::waiting) withdraw_wait(s, thread);
    const std::uint32_t epoch = record.wait.get().epoch + 1;
    s.set(record.wait_at, at);   // first: who reads the wait and then this finds what belongs to it
    s.set(record.wait, Wait{epoch, kind, WaitState::waiting, 0});
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

bool several_cores() {
    static const bool several = sysconf(_SC_NPROCESSORS_ONLN) > 1;
    return several;
}

namespace {

// Known from the start: a fork in the middle of a first call's
// initialisation would leave the child waiting for it for ever.
[[maybe_unused]] const bool known_at_load = several_cores();

// Locks what guards the wait.
// returns: the port waited at; nullptr for a set or nothing
PortRecord* lock_wait(KernelStep& s, Caller& caller) {
    const ThreadRecord& self = s.k.thread(caller.thread.index);
    const WaitKind kind = self.wait.get().kind;
    if (kind != WaitKind::receive_set && !waits_alone(kind)) return s.lock_root(self.wait_at);
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

bool owes(const runtime::CarrierRecord& carrier, std::uint32_t thread, const ThreadRecord& sleeper) {
    if (sleeper.wait.get().kind == WaitKind::send)
        if (std::bit_cast<PortRef>(carrier.owed_admission.get()) == sleeper.wait_at.get()) return true;
    return std::ranges::any_of(carrier.owed_rings, [&](const auto& debt) { return debt.whom.get() == thread; });
}

// Who was woken for what stands there, and has yet to run.
bool is_on_its_way(const ThreadRecord& other, const ThreadRecord& sleeper) {
    const Wait wait = other.wait;
    return wait.state == WaitState::done && wait.kind == sleeper.wait.get().kind &&
           other.wait_at.get() == sleeper.wait_at.get() && other.inside.load() == 0;
}

// Is the work somebody's who is only slow? A carrier that still owes for it, or whose repairer does, or one that
// another thread was woken for. On a machine with much to do that can take longer than two slices.
bool is_spoken_for(Kernel& k, std::uint32_t thread) {
    const ThreadRecord& self = k.thread(thread);
    for (std::uint32_t slot = 1; slot < k.machine().carriers(); ++slot)
        if (owes(k.machine().carrier(slot), thread, self)) return true;
    if (self.wait.get().state == WaitState::done || self.wait.get().kind == WaitKind::send) return false;
    for (std::uint32_t index = 1; index < k.zone(zone_threads).fresh(); ++index)
        if (index != thread && is_on_its_way(k.thread(index), self)) return true;
    return false;
}

}  // namespace

bool rescued(Caller& caller, std::optional<Glance>& before) {
    bool helped = false;
    bool lost = false;
    const auto look = [&](KernelStep& s) {
        PortRecord* port = lock_wait(s, caller);
        const Glance now = glance(s, caller, port);
        helped = now.work && before == now;
        lost = helped && !is_spoken_for(caller.k, caller.thread.index);
        before = now.work ? std::optional(now) : std::nullopt;
        return s.keep(helped && help_oneself(s, caller, port));
    };
    bool over = false;
    try {
        over = caller.step_until(runtime::Deadline::in(std::chrono::seconds(0)), look);
    } catch (const runtime::HeldUp&) {
        return false;   // who waited on for the lock would neither see its deadline nor that it was rung
    }
    if (lost) caller.k.machine().header().rescued_wakeups.fetch_add(1);
    return over;
}

namespace {

unsigned carriers_that_look(runtime::Machine& machine) {
    unsigned count = 0;
    for (std::uint32_t slot = 1; slot < machine.carriers(); ++slot) {
        const runtime::CarrierRecord& record = machine.carrier(slot);
        count += record.looking.load(std::memory_order_relaxed) != 0 && !runtime::is_dead(record) ? 1 : 0;
    }
    return count;
}

Parked park_carrier(Caller& caller, std::uint32_t epoch, runtime::Deadline deadline, bool interruptible) {
    thread_local Spin spin;
    const auto rung = [&] { return is_rung(caller.k, caller.thread.index, epoch); };
    std::atomic<std::uint64_t>& looking = caller.carrier.record().looking;
    looking.store(1, std::memory_order_relaxed);
    const bool seen = spin.until(rung, [&] { return carriers_that_look(caller.k.machine()); });
    looking.store(0, std::memory_order_relaxed);
    if (seen) return Parked::rung;
    const runtime::Instant asleep = runtime::MonotonicClock::now();
    for (std::optional<Glance> before;;) {
        const auto woken = doze(caller, deadline, rung);
        if (rung()) return spin.slept(runtime::MonotonicClock::now() - asleep), Parked::rung;
        if (woken == runtime::WaitEnd::interrupted && interruptible) return Parked::interrupted;
        if (deadline.passed()) return Parked::timed_out;
        if (woken != runtime::WaitEnd::deadline) continue;
        if (slice_hook != nullptr) slice_hook(caller.k);
        if (rescued(caller, before)) return Parked::rung;
    }
}

}  // namespace

// Who terminates a thread waits until it does not run in the kernel (thread.hpp).
Parked park(Caller& caller, std::uint32_t epoch, runtime::Deadline deadline, bool interruptible) {
    ThreadRecord& self = caller.k.thread(caller.thread.index);
    const auto until = deadline.instant().time_since_epoch();   // for who looks on
    self.until.store(deadline.is_never() ? 0 : static_cast<std::uint64_t>(until.count()), std::memory_order_relaxed);
    go_outside(self);
    const Parked end = caller.parker != nullptr ? caller.parker->park(caller, epoch, deadline, interruptible)
                                                : park_carrier(caller, epoch, deadline, interruptible);
    come_inside(self);
    if (is_terminated(caller.k, caller.thread) && unwind_hook != nullptr) unwind_hook(caller);
    return end;
}

}  // namespace umach::ports
