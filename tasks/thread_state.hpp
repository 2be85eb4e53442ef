// SPDX-License-Identifier: BSL-1.0
// The registers of a thread of control. They are in its record while it stands still outside the kernel, suspended or
// for the answer to its exception, and before it begins. Who goes on from there takes what was put into them meanwhile.
#pragma once

#include "ports/caller.hpp"

#include <mach/kern_return.h>

#include <array>

namespace umach::tasks {

using Registers = std::array<std::uint64_t, ports::thread_registers>;  // as in x86_thread_state64

inline constexpr bool machine_has_registers =
#if defined(__x86_64__)
    true;
#else
    false;
#endif

// returns: KERN_FAILURE, and runtime::detail() says why, for a thread that runs, is in a call, or is one of several on
// its OS thread; KERN_INVALID_ARGUMENT for one that has ended, and on a machine whose registers are not known
kern_return_t get_registers(ports::Caller& caller, ports::ThreadRef thread, Registers* registers);
// limits: segment registers and privileged flags stay what they are
kern_return_t set_registers(ports::Caller& caller, ports::ThreadRef thread, const Registers& registers);

// ---- for the thread itself, in the handler of a signal ----------------------------------------------------

// From now on its registers are in its record, those of the context.
// standing: one of ports' words for it
void show_registers(ports::Caller& caller, const void* context, std::uint64_t standing);

// Goes on, unless it is suspended and must not: then nothing has changed.
// returns: whether the context is its own again, with what was put into it
bool take_registers(ports::Caller& caller, void* context, bool although_suspended);

}  // namespace umach::tasks
