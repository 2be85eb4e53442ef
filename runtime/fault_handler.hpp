// SPDX-License-Identifier: BSL-1.0
// The one handler of SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT. A fault inside a checked copy makes the copy return
// its error. Any other fault calls this thread's hook, if it set one; without a hook it is offered to whoever asked for
// that, who may deal with it. What nobody has dealt with goes to the handler that was there before, or, without one,
// ends the process as if there were no handler (the core shows the faulting instruction).
#pragma once

#include <atomic>

#include <signal.h>

namespace umach::runtime {

// Called in the handler for a fault outside the checked copy, before the signal is passed on. It may run on
// an alternate stack and must be async-signal-safe. A signal that was merely sent (kill) comes here only if
// it is about to end the process.
using FaultHook = void (*)(int signal);
extern constinit thread_local FaultHook fault_hook [[gnu::tls_model("initial-exec")]];

// Offered every signal that would be passed on and for which the thread has no hook, sent ones included.
// returns: true when it is dealt with: the thread goes on as `context`, a ucontext_t, says
using FaultOffer = bool (*)(int signal, const siginfo_t* info, void* context);
extern constinit std::atomic<FaultOffer> fault_offer;   // nullptr: nobody asks

// Makes the offer.
bool offer_fault(int signal, const siginfo_t* info, void* context);

// Sees to it that the handler was installed once in this process and that this thread blocks neither signal of a
// checked copy, SIGSEGV and SIGBUS. Costs one thread-local load after the first time; the checked copy calls it itself.
void arm_fault_handler() noexcept;

// returns: whether both of these still go to our handler: false before the first arming, and after the program
// has installed its own.
bool handler_is_ours() noexcept;

// Takes the signals back. The handler found there becomes the one that faults are passed on to; if that one
// calls ours in turn, the signal goes on to the handler of the first installation, so there is no circle.
void reinstall_fault_handler() noexcept;

}  // namespace umach::runtime
