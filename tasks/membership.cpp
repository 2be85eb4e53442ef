// SPDX-License-Identifier: BSL-1.0
#include "tasks/membership.hpp"

#include "ports/wait.hpp"
#include "runtime/detail.hpp"
#include "tasks/exception.hpp"
#include "tasks/fiber/scheduler.hpp"
#include "tasks/fiber_threads.hpp"
#include "tasks/hidden_thread.hpp"
#include "tasks/keeper.hpp"
#include "tasks/process_state.hpp"
#include "tasks/service.hpp"
#include "tasks/suspension.hpp"

#include <pthread.h>
#include <unistd.h>
#include <cerrno>
#include <cstdlib>
#include <exception>
#include <mutex>

namespace umach::tasks {

constinit thread_local Seat* own_seat [[gnu::tls_model("initial-exec")]] = nullptr;

namespace {

using namespace std::chrono_literals;
constexpr auto patience_of_a_stranger = 300ms;  // a keeper may be succeeding another
constexpr auto patience_of_a_child = 1200ms;    // its parent may have died, and been the keeper

// ---- threads ------------------------------------------------------------------------------------------

void give_up(Host& host, runtime::Carrier& carrier) {
    carrier.arm();
    ports::end_carrier(host.kernel(), carrier, carrier.name().slot);
    disarm();
}

void forget_seat(Process& p, Seat* seat) {
    const std::lock_guard guard(p.lock);
    p.seats.erase(seat);
    delete seat;
}

void end_of_thread(void* argument) {
    Process& p = process();
    notice_unseen_fork(p);
    const Unstoppable at_work;
    Seat* seat = static_cast<Seat*>(argument);
    if (seat != own_seat) return;
    if (seat->fibers != nullptr) end_fibers(*seat);
    give_up(seat->host, seat->carrier);
    own_seat = nullptr;
    forget_seat(p, seat);
}

// Out of a wait of a thread that was terminated: unwinds it, or only its call.
void end_call(ports::Caller&) {
    if (may_unwind(*own_seat)) unwind(*own_seat);
    throw FiberEnds{};
}

// returns: false, with the reason said, when the system has no memory for it
bool set_up_once(Process& p) {
    if (p.unforked.load() != nullptr) return true;
    if (!prepare_for_fork(p)) return runtime::set_detail("no memory for what a process needs to call in"), false;
    UMACH_ASSERT(pthread_key_create(&p.thread_end, end_of_thread) == 0);
    ports::slice_hook = look_after;
    ports::unwind_hook = end_call;
    prepare_suspension();
    prepare_exceptions();
    return true;
}

std::optional<runtime::Carrier> claim_carrier(Host& host) {
    auto carrier = host.claim_carrier();
    if (!carrier) runtime::set_detail("the host %s has no carrier free for another thread", host.name().c_str());
    return carrier;
}

Seat* add_seat(Process& p, Host& host, runtime::Carrier carrier, ports::TaskRef task, ports::ThreadRef thread) {
    Seat* seat = new Seat(host, carrier, task, thread);
    p.seats.insert(seat);
    return seat;
}

Seat* sit_down(Process& p, Host& host, runtime::Carrier carrier, ports::TaskRef task, ports::ThreadRef thread) {
    if (!thread) {
        give_up(host, carrier);
        return nullptr;
    }
    own_seat = add_seat(p, host, carrier, task, thread);
    pthread_setspecific(p.thread_end, own_seat);
    return own_seat;
}

Seat* sit_down(Process& p, Host& host, runtime::Carrier carrier, ports::TaskRef task) {
    return sit_down(p, host, carrier, task, ports::begin_thread(host.kernel(), carrier, task));
}

// The first thread of a process that was made for a thread of control.
Seat* sit_down_first(Process& p, Host& host, runtime::Carrier carrier) {
    const std::uint32_t first = host.kernel().task(host.task().index).thread_list.get().first;
    const ports::ThreadRef thread = host.kernel().ref_of_thread(first);
    if (first != 0 && ports::take_up(host.kernel(), carrier, thread)) return sit_down(p, host, carrier, host.task(), thread);
    return sit_down(p, host, carrier, host.task());
}

// ---- hosts --------------------------------------------------------------------------------------------

runtime::Outcome<std::unique_ptr<Host>> find_host(Process& p) {
    if (!p.inherited_name.empty()) {
        auto joined = Host::join(p.inherited_name, patience_of_a_child);
        const bool gone =
            !joined && joined.fault().error == ECONNREFUSED && p.inherited_name.starts_with('#');
        if (!gone) return joined;
        p.inherited_parent = {};
        return Host::make("", sizes_of_environment());
    }
    const char* named = std::getenv("UMACH_HOST");
    if (named != nullptr && *named != '\0') return Host::join(named, patience_of_a_stranger);
    return Host::make("", sizes_of_environment());
}

// Makes this process a member: its task, on the calling thread's carrier.
Seat* move_in(Process& p, std::unique_ptr<Host> host) {
    auto carrier = claim_carrier(*host);
    if (!carrier) return nullptr;
    if (!host->make_task(*carrier, p.inherited_parent)) {
        give_up(*host, *carrier);
        return nullptr;
    }
    Seat* seat = sit_down_first(p, *host, *carrier);
    if (seat == nullptr) return nullptr;
    Host& entered = *host.release();
    p.host.store(&entered);
    if (entered.keeper()) start_service(entered);
    return seat;
}

Seat* enter_first() {
    const Unstoppable at_work;
    Process& p = process();
    notice_unseen_fork(p);
    const std::lock_guard guard(p.lock);
    runtime::clear_detail();
    if (!set_up_once(p)) return nullptr;
    if (Host* host = p.host.load()) {
        auto carrier = claim_carrier(*host);
        return carrier ? sit_down(p, *host, *carrier, host->task()) : nullptr;
    }
    auto found = find_host(p);
    if (found) return move_in(p, std::move(found).value());
    runtime::set_detail("%s", found.fault().what.c_str());
    return nullptr;
}

using FindHost = runtime::Outcome<std::unique_ptr<Host>>(const std::string&, const HostSizes&);

runtime::Outcome<Host*> become_member(FindHost* find, const std::string& name, const HostSizes& sizes) {
    const Unstoppable at_work;
    Process& p = process();
    notice_unseen_fork(p);
    const std::lock_guard guard(p.lock);
    if (!set_up_once(p)) return runtime::Fault{ENOMEM, runtime::detail()};
    if (p.host.load() != nullptr) return runtime::Fault{EBUSY, "this process is in a host already"};
    auto found = find(name, sizes);
    if (!found) return found.fault();
    // The parent's task, in another host, is nobody's there, or somebody else's.
    if (name != p.inherited_name) p.inherited_parent = {};
    if (move_in(p, std::move(found).value()) == nullptr) return runtime::Fault{ENOSPC, runtime::detail()};
    return p.host.load();
}

void on_fault_in_trap(int) {
    if (own_seat != nullptr) own_seat->carrier.mark_dead();
}

}  // namespace

Seat* enter() {
    Seat* seat = own_seat;
    if (seat == nullptr || is_unseen_child()) [[unlikely]] return enter_first();
    seat->carrier.arm();
    if (!seat->host.is_well_kept()) [[unlikely]] {
        const Unstoppable at_work;
        look_after(seat->caller.k);
    }
    return seat;
}

Seat* enter_as_server(Host& host, const char* program) {
    Process& p = process();
    auto carrier = claim_carrier(host);
    if (!carrier) return nullptr;
    const auto task = ports::create_task(host.kernel(), *carrier, host.process(), {}, program);
    const std::lock_guard guard(p.lock);
    if (task) host.kernel().task(task.index).serves.put(1);
    if (task) return sit_down(p, host, *carrier, task);
    give_up(host, *carrier);
    return nullptr;
}

Seat* enter_as(Host& host, ports::ThreadRef thread) {
    const Unstoppable at_work;  // it may be suspended as soon as it is known
    Process& p = process();
    auto carrier = claim_carrier(host);
    if (!carrier) return nullptr;
    const ports::TaskRef task = host.kernel().thread(thread.index).task;
    const std::lock_guard guard(p.lock);
    if (ports::take_up(host.kernel(), *carrier, thread)) return sit_down(p, host, *carrier, task, thread);
    runtime::set_detail("the thread was terminated before it began");
    give_up(host, *carrier);
    return nullptr;
}

Seat* seat_of_fiber(Seat& beside, ports::ThreadRef thread) {
    Host& host = beside.host;
    const ports::TaskRef task = host.kernel().thread(thread.index).task;
    if (!ports::take_up(host.kernel(), beside.carrier, thread)) return nullptr;
    Process& p = process();
    const std::lock_guard guard(p.lock);
    Seat* seat = add_seat(p, host, beside.carrier, task, thread);
    seat->is_fiber = true;
    seat->fibers = beside.fibers;
    return seat;
}

void leave_seat_of_fiber(Seat* seat) {
    seat->carrier.arm();
    ports::end_thread(seat->host.kernel(), seat->carrier, seat->caller.thread);
    own_seat = nullptr;  // until the next fiber's turn: a signal may come
    forget_seat(process(), seat);
}

Seat* seated() {
    return own_seat != nullptr && !is_unseen_child() ? own_seat : nullptr;
}

void sit(Seat* seat) {
    own_seat = seat;
}

Host* current_host() {
    Host* host = process().host.load();
    return host != nullptr && !is_unseen_child() ? host : nullptr;
}

bool may_unwind(const Seat& seat) {
    return seat.held == 0 && !(seat.unwinding && (!seat.is_fiber || std::uncaught_exceptions() > 0));
}

void unwind(Seat& seat) {
    ports::go_outside(seat.record());
    runtime::fault_hook = nullptr;
    seat.unwinding = true;
    if (seat.is_fiber) unwind_fiber(seat);
    if (is_last_thread_of_program()) std::exit(EXIT_SUCCESS);
    pthread_exit(nullptr);
}

Trap::Trap() : seat_(enter()) {
    if (seat_ == nullptr) return;
    runtime::fault_hook = on_fault_in_trap;
    ports::come_inside(seat_->record());
    if (!seat_->is_terminated()) [[likely]] return;
    if (may_unwind(*seat_)) unwind(*seat_);
    leave();
    is_without_thread_ = true;
    if (seat_->held != 0 && is_of_live_task()) return;
    runtime::set_detail("the calling thread was terminated");
    seat_ = nullptr;
}

Trap::~Trap() {
    if (seat_ != nullptr && !is_without_thread_) leave();
    runtime::fault_hook = nullptr;
}

bool Trap::is_of_live_task() const {
    return seat_->host.kernel().ref_of_task(seat_->caller.task.index) == seat_->caller.task;
}

void Trap::leave() {
    ports::go_outside(seat_->record());
}

namespace {

// Nothing is thrown, and no other fiber runs, since that might end this one. What is being unwound does not stand still.
void after_held_trap(Seat& seat) {
    if (seat.unwinding || seat.is_terminated() || !seat.is_suspended()) return;
    try {
        stand_still(seat);
    } catch (const FiberEnds&) {
    }
}

}  // namespace

void after_trap() {
    Seat* seat = own_seat;
    if (seat == nullptr) return;
    if (!may_unwind(*seat)) return after_held_trap(*seat);
    if (seat->is_terminated()) [[unlikely]] unwind(*seat);
    if (seat->is_suspended()) [[unlikely]] stand_still(*seat);
    if (seat->fibers != nullptr) switch_to_rung(*seat);
}

void look_after(ports::Kernel& kernel) {
    Process& p = process();
    const std::unique_lock guard(p.lock, std::try_to_lock);
    Host* host = p.host.load();
    if (!guard || host == nullptr || &host->kernel() != &kernel) return;
    if (!host->keeper()) {
        if (own_seat != nullptr) host->sweep_own_dead(own_seat->carrier);
    } else if (host->keeper_is_alive()) {
        if (!host->is_connected()) host->rejoin();
    } else if (!host->has_name() && std::getenv("UMACH_NO_KEEPER") == nullptr && host->take_name()) {
        static_cast<void>(host->start_keeping().ok());
    }
}

runtime::Outcome<void> make_named_host(const std::string& name, const HostSizes& sizes) {
    if (name.empty()) return runtime::Fault{EINVAL, "a host to be found needs a name"};
    auto host = become_member(Host::make, name, sizes);
    return host ? host.value()->start_keeping() : runtime::Outcome<void>(host.fault());
}

runtime::Outcome<ports::Kernel*> attach_for_looking(const std::string& name) {
    const auto join = [](const auto& of, const HostSizes&) { return Host::join(of, patience_of_a_stranger); };
    auto host = become_member(join, name, {});
    if (!host) return host.fault();
    return &host.value()->kernel();
}

}  // namespace umach::tasks
