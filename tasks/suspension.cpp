// SPDX-License-Identifier: BSL-1.0
#include "tasks/suspension.hpp"

#include "ports/wait.hpp"
#include "runtime/bug.hpp"
#include "runtime/nap.hpp"
#include "tasks/process_identity.hpp"
#include "tasks/thread_state.hpp"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include <cerrno>

namespace umach::tasks {
namespace {

using ports::Kernel;
using ports::ThreadRecord;
using ports::ThreadRef;

// What becomes of signals that others send.
constinit struct sigaction earlier {};

// What the handler and the thread that it interrupts tell each other.
struct Told {
    volatile sig_atomic_t depth = 0;    // of what is unstoppable
    volatile sig_atomic_t missed = 0;   // a stop meanwhile
    volatile sig_atomic_t handled = 0;  // a signal came
};
constinit thread_local Told told [[gnu::tls_model("initial-exec")]];

// ---- the signal -------------------------------------------------------------------------------------------

// In si_errno, which the operating system hands on as it is: to a thread, or to any thread of a process.
constexpr int to_thread = 0x756d'6101;
constexpr int to_process = 0x756d'6102;

siginfo_t marked(int mark) {
    siginfo_t info{};
    info.si_signo = suspension_signal;
    info.si_errno = mark;
    info.si_code = SI_QUEUE;
    info.si_pid = getpid();
    info.si_uid = getuid();
    return info;
}

bool has_mark(const siginfo_t& info, int mark) {
    return info.si_code == SI_QUEUE && info.si_errno == mark;
}

void send_to_thread(pid_t tid) {
    siginfo_t info = marked(to_thread);
    syscall(SYS_rt_tgsigqueueinfo, getpid(), tid, suspension_signal, &info);
}

// Never by its pid, which may be another's by now.
void send_to_process(const ports::ProcessRecord& record) {
    siginfo_t info = marked(to_process);
    const auto pidfd = pidfd_of(identity_of(record));
    if (pidfd) syscall(SYS_pidfd_send_signal, pidfd.get(), suspension_signal, &info, 0);
}

bool blocks_signal() {
    sigset_t mask;
    pthread_sigmask(SIG_BLOCK, nullptr, &mask);
    return sigismember(&mask, suspension_signal) == 1;
}

pid_t own_tid() {
    return static_cast<pid_t>(syscall(SYS_gettid));
}

// ---- who is to stop ---------------------------------------------------------------------------------------

bool carries_several(const Seat& seat) {
    return seat.is_fiber || seat.fibers != nullptr;
}

bool is_to_stand(Kernel& k, ThreadRef thread) {
    return ports::is_suspended(k, thread) && !ports::is_terminated(k, thread);
}

// Whether it does not run, or will not get out of the call that it is in.
bool stands(Kernel& k, ThreadRef thread) {
    const ThreadRecord& record = k.thread(thread.index);
    return record.stopped.load() != 0 || record.wait.get().state == ports::WaitState::waiting;
}

// The carrier that runs a thread; nullptr when it runs no more.
runtime::CarrierRecord* carrier_of(Kernel& k, ThreadRef thread, std::uint32_t* slot) {
    const auto name = runtime::CarrierName::of(k.thread(thread.index).carrier);
    *slot = name.slot;
    return ports::is_carried(k, thread.index) ? &k.machine().carrier(name.slot) : nullptr;
}

pid_t tid_of(const runtime::CarrierRecord& carrier) {
    return static_cast<pid_t>(carrier.life.load() & FUTEX_TID_MASK);
}

// ---- the handler ------------------------------------------------------------------------------------------

// A process's signal reaches whichever of its threads the operating system likes.
void tell_others() {
    Host* host = current_host();
    if (host == nullptr) return;
    Kernel& k = host->kernel();
    for (std::uint32_t slot = 1; slot < k.machine().carriers(); ++slot) {
        const runtime::CarrierRecord& carrier = k.machine().carrier(slot);
        const auto index = static_cast<std::uint32_t>(carrier.thread.get());
        if (index == 0 || carrier.process.get() != host->process() || carrier.sleepers.load() != 0) continue;
        const ThreadRef thread = k.ref_of_thread(index);
        if (is_to_stand(k, thread) && !stands(k, thread) && tid_of(carrier) != own_tid()) send_to_thread(tid_of(carrier));
    }
}

// Its call will end by standing still.
void promise_to_stand(Seat& seat) {
    ports::promise_to_stand(seat.host.kernel(), seat.caller.thread);
    if (told.depth != 0) told.missed = 1;
}

// The thread is in the kernel only to look, with the lock held, whether it may go on.
bool goes_on(Seat& seat, void* context) {
    seat.carrier.arm();
    ports::come_inside(seat.record());
    const bool goes = take_registers(seat.caller, context, false);
    ports::go_outside(seat.record());
    return goes;
}

// Sleeps at its carrier's doorbell, which nobody else uses while the thread is outside the kernel.
void stand(Seat& seat, void* context) {
    Kernel& k = seat.host.kernel();
    const std::uint32_t slot = seat.carrier.name().slot;
    runtime::DoorbellRecord& bell = seat.carrier.record().doorbell;
    show_registers(seat.caller, context, ports::stands_still);
    do {
        k.machine().doorbells().clear(bell, slot);
        while (is_to_stand(k, seat.caller.thread) &&
               k.machine().doorbells().wait(bell, slot, runtime::Deadline::in(ports::slice)) != runtime::WaitEnd::rung) {
        }
    } while (!goes_on(seat, context));
}

void stop_here(void* context) {
    Seat* seat = seated();
    if (seat == nullptr || carries_several(*seat) || !is_to_stand(seat->host.kernel(), seat->caller.thread)) return;
    if (is_at_work()) promise_to_stand(*seat);
    else stand(*seat, context);
}

void pass_on(int signal, siginfo_t* info, void* context) {
    if ((earlier.sa_flags & SA_SIGINFO) != 0) earlier.sa_sigaction(signal, info, context);
    else if (earlier.sa_handler != SIG_DFL && earlier.sa_handler != SIG_IGN) earlier.sa_handler(signal);
}

void on_signal(int signal, siginfo_t* info, void* context) {
    const int kept = errno;
    told.handled = 1;
    const bool is_own = has_mark(*info, to_thread) || has_mark(*info, to_process);
    if (is_own) runtime::quiet_interruptions.store(runtime::quiet_interruptions.load() + 1);
    // One whose mark was lost for want of memory may have been ours as well.
    if (!has_mark(*info, to_thread)) tell_others();
    stop_here(context);
    errno = kept;
    if (!is_own) pass_on(signal, info, context);
}

// ---- the other side ---------------------------------------------------------------------------------------

void send_to(ports::Caller& caller, const runtime::CarrierRecord& carrier) {
    const auto process = static_cast<std::uint32_t>(carrier.process.get());
    if (process == caller.carrier.record().process.get()) return send_to_thread(tid_of(carrier));
    send_to_process(caller.k.process(process));
}

void wake(ports::Caller& caller, ThreadRef thread, runtime::CarrierRecord& carrier, std::uint32_t slot) {
    if (!ports::take_back_promise(caller.k, thread)) return;
    caller.carrier.arm_for_ring(carrier.doorbell);
    caller.k.machine().doorbells().ring(carrier.doorbell, slot);
    caller.carrier.arm();
}

void stop(ports::Caller& caller, ThreadRef thread, const runtime::CarrierRecord& carrier) {
    Kernel& k = caller.k;
    const auto patience = runtime::Deadline::in(std::chrono::milliseconds(100));
    if (stands(k, thread)) return;
    if (carrier.sleepers.load() == 0) send_to(caller, carrier);
    for (runtime::Nap nap; !stands(k, thread) && is_to_stand(k, thread) && !patience.passed(); nap.next()) {
    }
}

// ---- in a call --------------------------------------------------------------------------------------------

// The signal to itself comes at once, so the thread stands still with real registers, unless it blocks the signal or
// the program has taken the signal away.
// returns: whether it came
bool signal_oneself() {
    told.handled = 0;
    if (!blocks_signal()) send_to_thread(own_tid());
    return told.handled != 0;
}

// Stands still in a call, with the registers of the context, which may be changed meanwhile.
// returns: false when it may not go on standing, though it was not resumed
bool wait_in_call(ucontext_t* context) {
    const Trap trap;
    if (!trap) return false;
    show_registers(trap.caller(), context, ports::stands_still);
    const auto goes_on = [&](bool resumed) {
        take_registers(trap.caller(), context, true);
        return resumed;
    };
    try {
        return goes_on(ports::wait_until_resumed(trap.caller()));
    } catch (...) {
        goes_on(false);
        throw;
    }
}

// Goes on with other registers, if the thread was given some.
bool stand_in_call(const Seat& seat) {
    ucontext_t context;
    volatile bool has_stood = false;
    getcontext(&context);
    if (has_stood) return true;  // back here, with what was changed, but not where it goes on
    has_stood = true;
    const bool resumed = wait_in_call(&context);
    if (resumed && seat.host.kernel().thread(seat.caller.thread.index).registers_set.get() != 0) setcontext(&context);
    return resumed;
}

}  // namespace

void prepare_suspension() {
    struct sigaction ours {};
    ours.sa_sigaction = on_signal;
    ours.sa_flags = SA_SIGINFO | SA_RESTART;
    sigfillset(&ours.sa_mask);
    sigaction(suspension_signal, nullptr, &earlier);
    UMACH_ASSERT(sigaction(suspension_signal, &ours, nullptr) == 0);
}

void stand_still(Seat& seat) {
    while (is_to_stand(seat.host.kernel(), seat.caller.thread)) {
        if (!carries_several(seat) && signal_oneself()) continue;
        if (!stand_in_call(seat)) break;
    }
    if (seat.is_terminated() && may_unwind(seat)) unwind(seat);
}

void carry_out(ports::Caller& caller, ThreadRef thread) {
    std::uint32_t slot = 0;
    runtime::CarrierRecord* carrier = carrier_of(caller.k, thread, &slot);
    if (carrier == nullptr || slot == caller.carrier.name().slot) return;
    if (is_to_stand(caller.k, thread)) stop(caller, thread, *carrier);
    else wake(caller, thread, *carrier, slot);
}

void stand_still_in(Seat& seat, void* context) {
    if (!is_to_stand(seat.host.kernel(), seat.caller.thread)) return;
    if (carries_several(seat)) return stand_still(seat);
    sigset_t all, mask;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &mask);
    stand(seat, context);
    pthread_sigmask(SIG_SETMASK, &mask, nullptr);
}

void Unstoppable::begin() {
    told.depth = told.depth + 1;
}

void Unstoppable::end() {
    told.depth = told.depth - 1;
    if (told.depth != 0 || told.missed == 0) return;
    told.missed = 0;
    send_to_thread(own_tid());
}

bool is_at_work() {
    return runtime::fault_hook != nullptr || told.depth != 0;
}

}  // namespace umach::tasks
