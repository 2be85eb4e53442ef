// SPDX-License-Identifier: BSL-1.0
#include "kill_point.hpp"

#include "runtime/bug.hpp"
#include "runtime/fault_handler.hpp"
#include "runtime/machine.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include <csignal>
#include <utility>

namespace umach::torture {
namespace {

constexpr greg_t trap_flag = 0x100;

struct sigaction earlier {};  // who has the faults that are not ours
std::byte* base = nullptr;
std::size_t bytes = 0;
KillPoint wanted;
Progress* told = nullptr;
const std::byte* in_store = nullptr;
std::function<void()> look;

void protect(int access) {
    UMACH_ASSERT(mprotect(base, bytes, access) == 0);
}

// The operating system marks the life word, so it must be able to write.
void die() {
    protect(PROT_READ | PROT_WRITE);
    syscall(SYS_kill, getpid(), SIGKILL);
}

greg_t& flags_of(void* context) {
    return static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL];
}

// Whether the store of the point has been done, and its instruction is looked for.
bool looks_for_instruction() {
    return wanted.when == When::after_instruction && told->stores == wanted.store;
}

// Whether the store that was done has emptied a carrier's log.
bool ends_step(const std::byte* at) {
    const auto* first =
        reinterpret_cast<const runtime::CarrierRecord*>(base + sizeof(runtime::SegmentHeader));
    const auto carriers = reinterpret_cast<const runtime::SegmentHeader*>(base)->identity.carriers;
    const auto slot =
        static_cast<std::size_t>(at - reinterpret_cast<const std::byte*>(first)) / sizeof *first;
    return slot < carriers && at == reinterpret_cast<const std::byte*>(&first[slot].log_length) &&
           first[slot].log_length == 0;
}

void on_fault(int signal, siginfo_t* info, void* context) {
    const auto* at = static_cast<std::byte*>(info->si_addr);
    if (at < base || at >= base + bytes) return earlier.sa_sigaction(signal, info, context);
    const bool too_late = looks_for_instruction();
    ++told->stores;
    if (too_late || (wanted.when == When::before_store && told->stores == wanted.store)) die();
    in_store = at;
    protect(PROT_READ | PROT_WRITE);
    flags_of(context) |= trap_flag;
}

void on_trap(int, siginfo_t*, void* context) {
    if (in_store != nullptr) {
        if (ends_step(in_store)) ++told->steps;
        if (look) look();
        if (wanted.when == When::after_store && told->stores == wanted.store) die();
        protect(PROT_READ);
        in_store = nullptr;
    } else if (looks_for_instruction() && ++told->instructions == wanted.instruction) {
        die();
    }
    if (!looks_for_instruction()) flags_of(context) &= ~trap_flag;
}

void take(int signal, void (*handler)(int, siginfo_t*, void*), struct sigaction* before) {
    struct sigaction action {};
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO | SA_RESTART | SA_NODEFER;
    UMACH_ASSERT(sigaction(signal, &action, before) == 0);
}

// Below the red zone, where the compiler may keep what it likes.
void set_trap_flag() {
    asm volatile("leaq -128(%%rsp), %%rsp; pushfq; orq $0x100, (%%rsp); popfq; leaq 128(%%rsp), %%rsp" ::
                     : "memory", "cc");
}

}  // namespace

std::string text_of(KillPoint point) {
    const std::string store = "store " + std::to_string(point.store);
    switch (point.when) {
        case When::before_store: return "killed before " + store;
        case When::after_store: return "killed after " + store;
        case When::after_instruction:
            return "killed " + std::to_string(point.instruction) + " instructions after " + store;
        default: return "killed after the call";
    }
}

void begin_counting(runtime::Segment& segment, KillPoint point, Progress& progress, std::function<void()> after_store) {
    runtime::arm_fault_handler();  // comes after ours, so it must be there first
    base = static_cast<std::byte*>(segment.base());
    bytes = segment.bytes();
    wanted = point;
    told = &progress;
    look = std::move(after_store);
    take(SIGSEGV, on_fault, &earlier);
    take(SIGTRAP, on_trap, nullptr);
    protect(PROT_READ);
    if (looks_for_instruction()) set_trap_flag();
}

void end_counting() {
    wanted = {};
    protect(PROT_READ | PROT_WRITE);
}

}  // namespace umach::torture
