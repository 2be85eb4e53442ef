// SPDX-License-Identifier: BSL-1.0
#include "tasks/thread_state.hpp"

#include "ports/thread.hpp"
#include "ports/thread_calls.hpp"
#include "runtime/detail.hpp"

#include <ucontext.h>

namespace umach::tasks {
namespace {

using ports::Caller;
using ports::KernelStep;
using ports::ThreadRecord;
using ports::ThreadRef;

// ---- the machine's ----------------------------------------------------------------------------------------

#if defined(__x86_64__)

constexpr std::array<int, 18> order{REG_RAX, REG_RBX, REG_RCX, REG_RDX, REG_RDI, REG_RSI, REG_RBP, REG_RSP, REG_R8,
                                    REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP, REG_EFL};

Registers registers_of(const void* context) {
    const auto& machine = static_cast<const ucontext_t*>(context)->uc_mcontext.gregs;
    Registers registers{};
    for (std::size_t i = 0; i < order.size(); ++i) registers[i] = static_cast<std::uint64_t>(machine[order[i]]);
    const auto selectors = static_cast<std::uint64_t>(machine[REG_CSGSFS]);
    registers[18] = selectors & 0xffff;
    registers[19] = selectors >> 32 & 0xffff;
    registers[20] = selectors >> 16 & 0xffff;
    return registers;
}

// The operating system lets no privileged flag through.
void put_into(void* context, const Registers& registers) {
    auto& machine = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
    for (std::size_t i = 0; i < order.size(); ++i) machine[order[i]] = static_cast<greg_t>(registers[i]);
}

#else

Registers registers_of(const void*) { return {}; }
void put_into(void*, const Registers&) {}

#endif

constexpr std::size_t general_registers = 18;  // the segment registers are behind them

// ---- who has registers ------------------------------------------------------------------------------------

bool is_fiber(const ThreadRecord& thread) {
    return thread.identity.get().kind == static_cast<std::uint8_t>(ports::CarrierKind::fiber);
}

// returns: why the thread's registers cannot be had; nullptr when they can
const char* refusal(KernelStep& s, ThreadRef ref, const ThreadRecord& thread) {
    const std::uint64_t stopped = thread.stopped.load();
    const bool has_begun = thread.carrier.get() != 0;
    const bool needs_process = thread.identity.get().kind == static_cast<std::uint8_t>(ports::CarrierKind::of_process);
    if (has_begun && stopped == ports::stands_in_exception) return nullptr;
    if (!has_begun && is_fiber(thread)) return "the fiber has not begun, and what it runs is its maker's to say";
    if (!has_begun && needs_process) return "the thread's process has not begun to call";
    if (!ports::is_suspended(s.k, ref)) return "the thread runs: thread_suspend() it first";
    if (!has_begun || stopped == ports::stands_still) return nullptr;
    return "the thread is in a call: thread_abort() ends the wait that it is in";
}

// Runs a body on the record of a thread that has registers, as one step of the caller.
template <class Body>
kern_return_t on_registers(Caller& caller, ThreadRef ref, Body&& body) {
    if (!machine_has_registers) return KERN_INVALID_ARGUMENT;
    return caller.step([&](KernelStep& s) {
        ThreadRecord& thread = s.k.thread(ref.index);
        const bool there = s.lock(thread.task) && s.k.ref_of_thread(ref.index) == ref && !ports::is_terminated(s.k, ref);
        if (!there) {
            runtime::set_detail("the thread has ended");
            return s.undo(KERN_INVALID_ARGUMENT);
        }
        if (const char* why = refusal(s, ref, thread); why != nullptr) {
            runtime::set_detail("%s", why);
            return s.undo(KERN_FAILURE);
        }
        body(s, thread);
        return s.keep(KERN_SUCCESS);
    });
}

Registers registers_in(const ThreadRecord& thread) {
    Registers registers{};
    for (std::size_t i = 0; i < registers.size(); ++i) registers[i] = thread.registers[i];
    return registers;
}

}  // namespace

kern_return_t get_registers(Caller& caller, ThreadRef ref, Registers* registers) {
    return on_registers(caller, ref, [&](KernelStep&, ThreadRecord& thread) { *registers = registers_in(thread); });
}

kern_return_t set_registers(Caller& caller, ThreadRef ref, const Registers& registers) {
    return on_registers(caller, ref, [&](KernelStep& s, ThreadRecord& thread) {
        for (std::size_t i = 0; i < general_registers; ++i) s.set(thread.registers[i], registers[i]);
        s.set(thread.registers_set, 1);
    });
}

// ---- the thread's own side --------------------------------------------------------------------------------

void show_registers(Caller& caller, const void* context, std::uint64_t standing) {
    ThreadRecord& self = caller.k.thread(caller.thread.index);
    const Registers now = registers_of(context);
    for (std::size_t i = 0; i < now.size(); ++i) self.registers[i].put(now[i]);
    self.registers_set.put(0);
    self.stopped.store(standing);
}

// Under the lock of its task, under which others look whether it stands still, and change its registers.
bool take_registers(Caller& caller, void* context, bool although_suspended) {
    ThreadRecord& self = caller.k.thread(caller.thread.index);
    return caller.k.step(caller.carrier, [&](KernelStep& s) {
        const bool there = s.lock(caller.task) && !ports::is_terminated(s.k, caller.thread);
        if (there && !although_suspended && ports::is_suspended(s.k, caller.thread)) return s.undo(false);
        if (there && self.registers_set.get() != 0) put_into(context, registers_in(self));
        self.stopped.store(0);
        return s.undo(true);
    });
}

}  // namespace umach::tasks
