// SPDX-License-Identifier: BSL-1.0
#include "runtime/fault_handler.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/bug.hpp"
#include "runtime/checked_copy_machine.hpp"

namespace umach::runtime {

constinit thread_local FaultHook fault_hook [[gnu::tls_model("initial-exec")]] = nullptr;
constinit std::atomic<FaultOffer> fault_offer{nullptr};

namespace {

using SigAction = struct sigaction;

// Who had a signal before us: at the first installation, and at the latest one.
struct Earlier {
    SigAction first;
    SigAction latest;
};

struct Passing {
    const void* context;
    std::uintptr_t frame;
};

constexpr std::array<int, 2> signals_of_copies{SIGSEGV, SIGBUS};
constexpr std::array<int, 5> our_signals{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
std::array<Earlier, our_signals.size()> earlier{};
enum class Installed : int { no, under_way, yes };
std::atomic<Installed> installed{Installed::no};

constinit thread_local bool armed [[gnu::tls_model("initial-exec")]] = false;
constinit thread_local Passing passing [[gnu::tls_model("initial-exec")]] = {nullptr, 0};

Earlier& earlier_of(int signal) noexcept {
    std::size_t number = 0;
    while (our_signals[number] != signal) ++number;
    return earlier[number];
}

bool is_plain(const SigAction& action, void (*handler)(int)) noexcept {
    return (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == handler;
}

// Returning to a faulting instruction faults again, which gives the core its true place; a signal that was
// sent must be sent again. It is blocked here and so arrives when the handler returns.
void end_by_default(int signal, bool sent) noexcept {
    SigAction action{};
    action.sa_handler = SIG_DFL;
    ::sigaction(signal, &action, nullptr);
    if (sent) syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), signal);
}

// The mask that the earlier handler would have run under. The kernel's part of uc_sigmask is its first 8
// bytes.
void take_mask_of(const SigAction& action, int signal, const void* context) noexcept {
    sigset_t mask;
    sigemptyset(&mask);
    std::memcpy(&mask, &static_cast<const ucontext_t*>(context)->uc_sigmask, 8);
    for (int other = 1; other < NSIG; ++other) {
        if (sigismember(&action.sa_mask, other) == 1) sigaddset(&mask, other);
    }
    if ((action.sa_flags & SA_NODEFER) == 0) sigaddset(&mask, signal);
    pthread_sigmask(SIG_SETMASK, &mask, nullptr);
}

void pass_on(SigAction& stored, int signal, siginfo_t* info, void* context) noexcept {
    const bool sent = info->si_code <= 0;
    if (sent && is_plain(stored, SIG_IGN)) return;
    if (is_plain(stored, SIG_DFL) || is_plain(stored, SIG_IGN)) return end_by_default(signal, sent);
    const SigAction action = stored;
    if ((action.sa_flags & static_cast<int>(SA_RESETHAND)) != 0) {
        stored = SigAction{};
        stored.sa_handler = SIG_DFL;
    }
    take_mask_of(action, signal, context);
    if ((action.sa_flags & SA_SIGINFO) != 0) {
        action.sa_sigaction(signal, info, context);
    } else {
        action.sa_handler(signal);
    }
}

// Whether an earlier handler, which we have called with this very context, has called us in turn. A handler
// that left by siglongjmp leaves `passing` behind; a new delivery then stands no deeper on its stack than
// that one did.
bool called_back(const void* context, std::uintptr_t frame) noexcept {
    return passing.context == context && frame < passing.frame;
}

}  // namespace

bool offer_fault(int signal, const siginfo_t* info, void* context) {
    const FaultOffer offer = fault_offer.load();
    if (fault_hook != nullptr || offer == nullptr) return false;
    const bool was_offered = called_back(context, reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)));
    return !was_offered && offer(signal, info, context);
}

namespace {

// May be left by an unwinding, when the offer ends the thread.
void on_fault(int signal, siginfo_t* info, void* context) {
    const int kept = errno;
    if (info->si_code > 0 && machine::divert_copy(context)) return;
    const auto frame = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    Earlier& before = earlier_of(signal);
    if (called_back(context, frame)) {
        pass_on(before.first, signal, info, context);
    } else if (!offer_fault(signal, info, context)) {
        const bool ends = info->si_code > 0 || is_plain(before.latest, SIG_DFL);
        if (fault_hook != nullptr && ends) fault_hook(signal);
        passing = {context, frame};
        pass_on(before.latest, signal, info, context);
        passing = {nullptr, 0};
    }
    errno = kept;
}

bool is_ours(const SigAction& action) noexcept {
    return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == on_fault;
}

// Who comes after us in the chain must be known before the first fault can arrive.
void take_signal(int signal, bool first_time) noexcept {
    SigAction present{};
    ::sigaction(signal, nullptr, &present);
    if (is_ours(present)) return;
    if (first_time) earlier_of(signal).first = present;
    earlier_of(signal).latest = present;
    SigAction ours{};
    ours.sa_sigaction = on_fault;
    ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    sigemptyset(&ours.sa_mask);
    UMACH_ASSERT(::sigaction(signal, &ours, nullptr) == 0);
}

void install_once() noexcept {
    Installed expected = Installed::no;
    if (installed.compare_exchange_strong(expected, Installed::under_way)) {
        for (const int signal : our_signals) take_signal(signal, true);
        installed.store(Installed::yes);
    }
    while (installed.load() != Installed::yes) {
        // Another thread is between its two calls.
    }
}

void arm_thread() noexcept {
    // No handler of the program may come in between: it might call us and wait here for the thread it
    // interrupted.
    sigset_t all;
    sigset_t mask;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &mask);
    install_once();
    for (const int signal : signals_of_copies) sigdelset(&mask, signal);
    pthread_sigmask(SIG_SETMASK, &mask, nullptr);
    armed = true;
}

}  // namespace

void arm_fault_handler() noexcept {
    if (!armed) [[unlikely]] arm_thread();
}

bool handler_is_ours() noexcept {
    for (const int signal : signals_of_copies) {
        SigAction present{};
        ::sigaction(signal, nullptr, &present);
        if (!is_ours(present)) return false;
    }
    return true;
}

void reinstall_fault_handler() noexcept {
    arm_fault_handler();
    for (const int signal : our_signals) take_signal(signal, false);
}

}  // namespace umach::runtime
