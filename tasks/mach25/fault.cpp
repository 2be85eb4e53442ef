// SPDX-License-Identifier: BSL-1.0
// For programs with their own handler of a fault's signal: what ours would have done first.
#include "runtime/checked_copy_machine.hpp"
#include "runtime/fault_handler.hpp"

#include <umach.h>
#include <csignal>

extern "C" boolean_t umach_fault(int signal_number, void* information, void* context) {
    const auto* cause = static_cast<const siginfo_t*>(information);
    if (cause == nullptr || context == nullptr) return FALSE;
    if (cause->si_code > 0) {
        if (umach::runtime::machine::divert_copy(context)) return TRUE;
        if (umach::runtime::fault_hook != nullptr) umach::runtime::fault_hook(signal_number);
    }
    return umach::runtime::offer_fault(signal_number, cause, context) ? TRUE : FALSE;
}
