// SPDX-License-Identifier: BSL-1.0
// The one handler of SIGSEGV and SIGBUS. A fault inside a checked copy makes the copy return its error. Any
// other fault calls this thread's hook, if it set one, and then goes to the handler that was there before,
// or, without one, ends the process as if there were no handler (the core shows the faulting instruction).
#pragma once

namespace umach::runtime {

// Called in the handler for a fault outside the checked copy, before the signal is passed on. It may run on
// an alternate stack and must be async-signal-safe. A SIGSEGV that was merely sent (kill) comes here only if
// it is about to end the process.
using FaultHook = void (*)(int signal);
extern constinit thread_local FaultHook fault_hook [[gnu::tls_model("initial-exec")]];

// Sees to it that the handler was installed once in this process and that this thread blocks neither signal.
// Costs one thread-local load after the first time; the checked copy calls it itself.
void arm_fault_handler() noexcept;

// returns: whether both signals still go to our handler: false before the first arming, and after the program
// has installed its own.
bool handler_is_ours() noexcept;

// Takes the signals back. The handler found there becomes the one that faults are passed on to; if that one
// calls ours in turn, the signal goes on to the handler of the first installation, so there is no circle.
void reinstall_fault_handler() noexcept;

}  // namespace umach::runtime
