// SPDX-License-Identifier: BSL-1.0
#include "tasks/fiber_threads.hpp"

#include "ports/wait.hpp"
#include "runtime/detail.hpp"
#include "runtime/nap.hpp"
#include "tasks/fiber/scheduler.hpp"

#include <sched.h>
#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace umach::tasks {
namespace {

// A thread of control that waits; it stands on its own stack.
struct Sleeper {
    ports::Caller& caller;
    Fiber& fiber;
    std::uint32_t epoch;
    bool interruptible;
    bool interrupted = false;
    bool rescued = false;  // it found its work itself
    std::optional<ports::Glance> glance = std::nullopt;
    Sleeper* next = nullptr;
    Sleeper** back = nullptr;  // what points to it

    std::uint32_t thread() const { return caller.thread.index; }
    bool is_rung() const { return ports::is_rung(caller.k, thread(), epoch); }
};

constexpr unsigned classes = 64;       // as rung_classes has bits
constexpr unsigned looks_a_slice = 64; // at most so many sleepers look for forgotten work at the end of a slice

// Those who wait: found by their thread, and listed by class.
class Sleepers {
public:
    void add(Sleeper& sleeper) {
        if (sleeper.thread() >= by_thread_.size()) by_thread_.resize(2 * std::size_t{sleeper.thread()} + 1);
        by_thread_[sleeper.thread()] = &sleeper;
        Sleeper*& head = heads_[sleeper.thread() % classes];
        sleeper.next = head;
        sleeper.back = &head;
        if (head != nullptr) head->back = &sleeper.next;
        head = &sleeper;
    }
    void remove(Sleeper& sleeper) {
        by_thread_[sleeper.thread()] = nullptr;
        *sleeper.back = sleeper.next;
        if (sleeper.next != nullptr) sleeper.next->back = sleeper.back;
    }
    Sleeper* find(std::uint32_t thread) const { return thread < by_thread_.size() ? by_thread_[thread] : nullptr; }
    template <class Visit>
    void each(unsigned of_class, Visit visit) {
        for (Sleeper* at = heads_[of_class]; at != nullptr; at = at->next) visit(*at);
    }

private:
    std::array<Sleeper*, classes> heads_{};
    std::vector<Sleeper*> by_thread_;
};

}  // namespace

namespace {

// The thread of control of a fiber; it ends here if the fiber is dropped before it has begun.
struct Beginning {
    Seat& beside;
    ports::ThreadRef thread;
    bool begun = false;
    Beginning(Seat& own, ports::ThreadRef made) : beside(own), thread(made) {}
    Beginning(const Beginning&) = delete;
    Beginning& operator=(const Beginning&) = delete;
    ~Beginning() {
        if (!begun) ports::end_thread(beside.host.kernel(), beside.carrier, thread);
    }
};

}  // namespace

class FiberThreads final : public ports::Parker, public runtime::LocalSleepers, private FiberOwner {
public:
    explicit FiberThreads(Seat& own);
    void end();

    bool start(ports::ThreadRef thread, std::function<void()> work);
    ports::Parked park(ports::Caller& caller, std::uint32_t epoch, runtime::Deadline deadline, bool interruptible) override;
    void rung(std::uint32_t whom) override;
    void switch_to_rung();
    Scheduler& scheduler() { return *scheduler_; }

private:
    void terminate(Seat& fiber);
    void run(ports::ThreadRef thread, const std::function<void()>& work);
    ports::Parked wait(Sleeper& here, runtime::Deadline deadline);
    Woken park_fiber(runtime::Deadline deadline);
    bool collect_rung();
    void interrupt_all();
    void look_for_forgotten_work();
    void idle() noexcept override;
    void look() noexcept override;
    void on_switch(Fiber& from, Fiber& to) noexcept override;
    runtime::CarrierRecord& carrier() { return own_.carrier.record(); }

    Seat& own_;
    Scheduler* scheduler_;  // works until it is gone: its fibers unwind then
    Sleepers sleepers_;
    Fiber* rung_ = nullptr;  // by the thread of control that runs
    unsigned next_look_ = 0; // at this class, at the end of the next slice
    const unsigned longest_spin_ = runtime::longest_spin();
    unsigned spins_ = longest_spin_;
};

FiberThreads::FiberThreads(Seat& own) : own_(own), scheduler_(new Scheduler(*this)) {
    own.fibers = this;
    own.caller.parker = this;
    own.carrier.sleepers = this;
    carrier().sleepers.store(1);
    Scheduler::owned(scheduler_->main()) = &own;
}

// While it is unwound its destructors may call: what it waits for, and the message that it waits with, are taken back
// before. Whoever has begun to terminate it already does that instead.
void FiberThreads::terminate(Seat& fiber) {
    fiber.unwinding = true;
    if (ports::begin_termination(own_.caller, fiber.caller.thread) != KERN_SUCCESS) return;
    ports::end_thread(own_.host.kernel(), own_.carrier, fiber.caller.thread, true);
    own_.host.kernel().settle(own_.carrier);
}

void FiberThreads::end() {
    own_.carrier.arm();
    for (void* fiber : scheduler_->all_owned()) terminate(*static_cast<Seat*>(fiber));
    delete scheduler_;
    own_.caller.parker = nullptr;
    own_.carrier.sleepers = nullptr;
    own_.fibers = nullptr;
    delete this;
}

bool FiberThreads::start(ports::ThreadRef thread, std::function<void()> work) {
    const auto beginning = std::make_shared<Beginning>(own_, thread);
    const auto run_it = [this, beginning, body = std::move(work)] {
        beginning->begun = true;
        run(beginning->thread, body);
    };
    return scheduler_->spawn(run_it) != nullptr;
}

void FiberThreads::run(ports::ThreadRef thread, const std::function<void()>& work) {
    own_.carrier.arm();
    Seat* seat = seat_of_fiber(own_, thread);
    if (seat == nullptr) {
        ports::end_thread(own_.host.kernel(), own_.carrier, thread);
        return;
    }
    seat->caller.parker = this;
    Scheduler::owned(scheduler_->current()) = seat;
    sit(seat);
    struct Leave {
        Seat* seat;
        // After a fork the other threads of control are not here, this one's function is over, and so is the process.
        ~Leave() {
            if (seated() != seat) std::exit(EXIT_SUCCESS);
            leave_seat_of_fiber(seat);
        }
    } const leave{seat};
    work();
}

void FiberThreads::on_switch(Fiber&, Fiber& to) noexcept {
    sit(static_cast<Seat*>(Scheduler::owned(to)));
    rung_ = nullptr;
}

void FiberThreads::rung(std::uint32_t whom) {
    Sleeper* sleeper = sleepers_.find(whom);
    if (sleeper == nullptr) return;
    scheduler_->make_next(sleeper->fiber);
    rung_ = &sleeper->fiber;
}

// What the thread's last call said of its failure is its own, not its siblings'.
void FiberThreads::switch_to_rung() {
    if (rung_ == nullptr) return;
    Fiber& next = *std::exchange(rung_, nullptr);
    if (runtime::detail()[0] == 0) return scheduler_->hand_off(next);
    const std::string said = runtime::detail();
    scheduler_->hand_off(next);
    runtime::set_detail("%s", said.c_str());
}

ports::Parked FiberThreads::park(ports::Caller& caller, std::uint32_t epoch, runtime::Deadline deadline, bool interruptible) {
    Sleeper here{caller, scheduler_->current(), epoch, interruptible};
    if (here.is_rung()) return ports::Parked::rung;
    sleepers_.add(here);
    struct Standing {
        Sleepers& sleepers;
        Sleeper& sleeper;
        runtime::FaultHook hook = std::exchange(runtime::fault_hook, nullptr);  // siblings may be outside the kernel
        ~Standing() {
            sleepers.remove(sleeper);
            runtime::fault_hook = hook;
        }
    } const standing{sleepers_, here};
    return wait(here, deadline);
}

// One that is to end and may not be unwound yet gets its wait interrupted.
Woken FiberThreads::park_fiber(runtime::Deadline deadline) {
    try {
        return scheduler_->park_until(deadline);
    } catch (const FiberEnds&) {
        if (may_unwind(*seated())) throw;
        return Woken::ending;
    }
}

ports::Parked FiberThreads::wait(Sleeper& here, runtime::Deadline deadline) {
    for (;;) {
        const Woken woken = park_fiber(deadline);
        here.caller.carrier.arm();
        if (here.is_rung() || here.rescued) return ports::Parked::rung;
        if (woken == Woken::ending || here.interrupted) return ports::Parked::interrupted;
        if (woken == Woken::timed_out) return ports::Parked::timed_out;
    }
}

// Those that were rung from other carriers.
// returns: whether there were any
bool FiberThreads::collect_rung() {
    if (carrier().rung_classes.load(std::memory_order_relaxed) == 0) return false;
    bool found = false;
    for (std::uint64_t rung = carrier().rung_classes.exchange(0); rung != 0; rung &= rung - 1) {
        sleepers_.each(static_cast<unsigned>(std::countr_zero(rung)), [&](Sleeper& sleeper) {
            if (!sleeper.is_rung()) return;
            scheduler_->make_ready(sleeper.fiber);
            found = true;
        });
    }
    return found;
}

void FiberThreads::look() noexcept {
    collect_rung();
    if (!scheduler_->earliest_deadline().is_never()) scheduler_->expire(runtime::MonotonicClock::now());
}

void FiberThreads::interrupt_all() {
    for (unsigned of_class = 0; of_class < classes; ++of_class)
        sleepers_.each(of_class, [&](Sleeper& sleeper) {
            if (!sleeper.interruptible) return;
            sleeper.interrupted = true;
            scheduler_->make_ready(sleeper.fiber);
        });
}

void FiberThreads::look_for_forgotten_work() {
    unsigned looks = 0;
    for (unsigned n = 0; n < classes && looks < looks_a_slice; ++n, ++next_look_)
        sleepers_.each(next_look_ % classes, [&](Sleeper& sleeper) {
            if (++looks > looks_a_slice || !ports::rescued(sleeper.caller, sleeper.glance)) return;
            sleeper.rescued = true;
            scheduler_->make_ready(sleeper.fiber);
        });
}

// Looks for a ring before it sleeps, as long as that has paid lately.
void FiberThreads::idle() noexcept {
    own_.carrier.arm();
    const auto rung = [this] { return ports::is_any_rung(carrier()); };
    const runtime::Deadline deadline = scheduler_->earliest_deadline();
    for (unsigned i = 0; i < spins_ && !rung(); ++i) runtime::cpu_pause();
    spins_ = rung() ? longest_spin_ : (spins_ + 1) / 2;
    const auto woken = ports::doze(own_.caller, deadline, rung);
    collect_rung();
    scheduler_->expire(runtime::MonotonicClock::now());
    if (woken == runtime::WaitEnd::interrupted) interrupt_all();
    if (woken != runtime::WaitEnd::deadline || deadline.passed()) return;
    if (ports::slice_hook != nullptr) ports::slice_hook(own_.host.kernel());
    look_for_forgotten_work();
}

// ---- for the others ---------------------------------------------------------------------------------------

namespace {

FiberThreads& fibers_of(Seat& own) {
    return own.fibers != nullptr ? *own.fibers : *new FiberThreads(own);
}

}  // namespace

bool start_fiber(Seat& own, ports::ThreadRef thread, std::function<void()> work) {
    return fibers_of(own).start(thread, std::move(work));
}

void end_fibers(Seat& own) {
    own.fibers->end();
}

void forget_siblings(Seat& own) {
    own.fibers->scheduler().forget_others();
}

void unwind_fiber(Seat& fiber) {
    fiber.fibers->scheduler().unwind_current();
}

void yield_to_siblings(Seat* own) {
    if (own != nullptr && own->fibers != nullptr && own->fibers->scheduler().fibers() != 0)
        own->fibers->scheduler().yield();
    else
        sched_yield();
}

void switch_to_rung(Seat& own) {
    own.fibers->switch_to_rung();
}

void seed_fibers(Seat& own, std::uint64_t seed) {
    fibers_of(own).scheduler().seed(seed);
}

std::uint64_t switches_of_fibers(const Seat& own) {
    return own.fibers != nullptr ? own.fibers->scheduler().switches() : 0;
}

const char* guard_of_fibers(const Seat& own) {
    return own.fibers != nullptr ? name(own.fibers->scheduler().stacks().guard()) : "none";
}

}  // namespace umach::tasks
