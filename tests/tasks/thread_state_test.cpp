// SPDX-License-Identifier: BSL-1.0
// The registers of a thread that stands still: they can be looked at, and changed.
#include "counting.hpp"

#include "runtime/detail.hpp"
#include "tasks/thread_state.hpp"

#include <mach/thread_status.h>
#include <cstring>

namespace umach::tests {
namespace {

using tasks::Registers;

static_assert(sizeof(Registers) == sizeof(x86_thread_state64_t));

kern_return_t get(thread_t thread, x86_thread_state64_t* state) {
    const tasks::Trap trap;
    Registers registers{};
    const kern_return_t code =
        tasks::get_registers(trap.caller(), ports::thread_of_name(trap.caller(), thread), &registers);
    std::memcpy(state, registers.data(), sizeof *state);
    return code;
}

kern_return_t set(thread_t thread, const x86_thread_state64_t& state) {
    const tasks::Trap trap;
    Registers registers{};
    std::memcpy(registers.data(), &state, sizeof state);
    return tasks::set_registers(trap.caller(), ports::thread_of_name(trap.caller(), thread), registers);
}

std::string cause_of_failure(thread_t thread) {
    x86_thread_state64_t state{};
    MUST(get(thread, &state) == KERN_FAILURE && set(thread, state) == KERN_FAILURE);
    return runtime::detail();
}

#if defined(__x86_64__)

// Runs on a thread's own registers alone: rbx is what it counts in, r12 where it says that it runs, r13 what it does
// not touch.
extern "C" void count_in_registers(std::uint64_t* runs);
extern "C" const char end_of_count_in_registers[];
asm(R"(
    .text
    .type count_in_registers, @function
count_in_registers:
    xor %ebx, %ebx
    mov %rdi, %r12
    mov $4711, %r13d
1:  inc %rbx
    mov %rbx, (%r12)
    jmp 1b
end_of_count_in_registers:
    .size count_in_registers, . - count_in_registers
)");

struct Elsewhere {
    std::uint64_t runs = 0;
    std::atomic<std::uint64_t> came{0};
    std::atomic<bool> left{false};
};

void begin_counting(void* argument) {
    count_in_registers(&static_cast<Elsewhere*>(argument)->runs);
}

[[noreturn]] void come_elsewhere(Elsewhere* elsewhere, std::uint64_t with) {
    elsewhere->came.store(with);
    // Nobody called this: here the stack ends for whoever unwinds it.
    *(static_cast<void**>(__builtin_frame_address(0)) + 1) = nullptr;
    pthread_exit(nullptr);
}

std::uint64_t runs_of(Elsewhere& elsewhere) {
    return std::atomic_ref(elsewhere.runs).load();
}

thread_t start_in_registers(Elsewhere& elsewhere) {
    const thread_t thread = start_thread(begin_counting, &elsewhere);
    MUST(becomes_true([&] { return runs_of(elsewhere) != 0; }));
    return thread;
}

TEST(ThreadState, RegistersOfAThreadThatStandsStillAreThoseThatItComputesWith) {
    EXPECT_TRUE(runs_well([] {
        Elsewhere elsewhere;
        const thread_t thread = start_in_registers(elsewhere);
        x86_thread_state64_t state{};
        MUST(thread_suspend(thread) == KERN_SUCCESS && get(thread, &state) == KERN_SUCCESS);
        MUST(state.rip >= reinterpret_cast<std::uint64_t>(count_in_registers));
        MUST(state.rip < reinterpret_cast<std::uint64_t>(end_of_count_in_registers));
        MUST(state.rbx - runs_of(elsewhere) <= 1);
        MUST(state.r12 == reinterpret_cast<std::uint64_t>(&elsewhere.runs) && state.r13 == 4711);
        MUST(state.cs != 0 && state.rsp != 0 && (state.rflags & 2) != 0);
    }));
}

TEST(ThreadState, ThreadGoesOnWithTheRegistersThatItWasGiven) {
    EXPECT_TRUE(runs_well([] {
        Elsewhere elsewhere;
        const thread_t thread = start_in_registers(elsewhere);
        x86_thread_state64_t state{};
        MUST(thread_suspend(thread) == KERN_SUCCESS && get(thread, &state) == KERN_SUCCESS);
        state.rbx = std::uint64_t{1} << 60;
        MUST(set(thread, state) == KERN_SUCCESS && thread_resume(thread) == KERN_SUCCESS);
        MUST(becomes_true([&] { return runs_of(elsewhere) > std::uint64_t{1} << 60; }));
    }));
}

TEST(ThreadState, ThreadThatIsGivenAnotherPlaceRunsThere) {
    EXPECT_TRUE(runs_well([] {
        Elsewhere elsewhere;
        const thread_t thread = start_in_registers(elsewhere);
        x86_thread_state64_t state{};
        MUST(thread_suspend(thread) == KERN_SUCCESS && get(thread, &state) == KERN_SUCCESS);
        state.rip = reinterpret_cast<std::uint64_t>(come_elsewhere);
        state.rdi = reinterpret_cast<std::uint64_t>(&elsewhere);
        state.rsi = 99;
        state.rsp = ((state.rsp - 256) & ~std::uint64_t{15}) - 8;
        MUST(set(thread, state) == KERN_SUCCESS && elsewhere.came.load() == 0);
        MUST(thread_resume(thread) == KERN_SUCCESS);
        MUST(umach_thread_join(thread, UMACH_FOREVER) == KERN_SUCCESS && elsewhere.came.load() == 99);
    }));
}

TEST(ThreadState, ThreadOfAnotherProcessHasRegistersToo) {
    EXPECT_TRUE(runs_well([] {
        auto& elsewhere = shared<Elsewhere>();
        const port_name_t home = new_port();
        leave_for_children(home);
        const pid_t child = start([&] {
            MUST(send_right(left_by_parent(), 1, thread_self()) == SEND_SUCCESS);
            begin_counting(&elsewhere);
        });
        const thread_t thread = receive(home).right;
        MUST(becomes_true([&] { return runs_of(elsewhere) != 0; }));
        x86_thread_state64_t state{};
        MUST(thread_suspend(thread) == KERN_SUCCESS && get(thread, &state) == KERN_SUCCESS && state.r13 == 4711);
        state.rbx = std::uint64_t{1} << 60;
        MUST(set(thread, state) == KERN_SUCCESS && thread_resume(thread) == KERN_SUCCESS);
        MUST(becomes_true([&] { return runs_of(elsewhere) > std::uint64_t{1} << 60; }));
        kill_and_reap(child);
    }));
}

void wait_for_ever(void* port) {
    static_cast<void>(receive(*static_cast<port_name_t*>(port), MSG_OPTION_NONE));
}

TEST(ThreadState, ThreadThatRunsHasNoneAndTheDetailSaysSo) {
    EXPECT_TRUE(runs_well([] {
        Elsewhere elsewhere;
        const thread_t thread = start_in_registers(elsewhere);
        MUST(cause_of_failure(thread).find("thread_suspend") != std::string::npos);
        MUST(cause_of_failure(thread_self()).find("runs") != std::string::npos);
    }));
}

TEST(ThreadState, ThreadInACallHasNoneUntilItsWaitIsAborted) {
    EXPECT_TRUE(runs_well([] {
        port_name_t port = new_port();
        const thread_t thread = start_thread(wait_for_ever, &port);
        MUST(becomes_true([&] { return waits_in(thread, ports::WaitKind::receive); }));
        MUST(thread_suspend(thread) == KERN_SUCCESS);
        MUST(cause_of_failure(thread).find("thread_abort") != std::string::npos);
        MUST(thread_abort(thread) == KERN_SUCCESS);
        x86_thread_state64_t state{};
        MUST(becomes_true([&] { return get(thread, &state) == KERN_SUCCESS; }) && state.rsp != 0);
    }));
}

void yield_for_ever(void*) {
    for (;;) umach_thread_yield();
}

[[noreturn]] void come_and_yield(Elsewhere* elsewhere, std::uint64_t with) {
    elsewhere->came.store(with);
    yield_for_ever(nullptr);
    std::abort();
}

TEST(ThreadState, FiberThatStandsStillHasRegistersAndGoesOnWhereItIsTold) {
    EXPECT_TRUE(runs_well([] {
        Elsewhere elsewhere;
        const thread_t thread = start_thread(yield_for_ever, nullptr, UMACH_FIBER);
        umach_thread_yield();
        MUST(thread_suspend(thread) == KERN_SUCCESS);
        umach_thread_yield();
        x86_thread_state64_t state{};
        MUST(get(thread, &state) == KERN_SUCCESS && state.rip != 0);
        state.rip = reinterpret_cast<std::uint64_t>(come_and_yield);
        state.rdi = reinterpret_cast<std::uint64_t>(&elsewhere);
        state.rsi = 99;
        state.rsp = ((state.rsp - 256) & ~std::uint64_t{15}) - 8;
        MUST(set(thread, state) == KERN_SUCCESS);
        umach_thread_yield();
        MUST(elsewhere.came.load() == 0 && thread_resume(thread) == KERN_SUCCESS);
        umach_thread_yield();
        MUST(elsewhere.came.load() == 99);
    }));
}

TEST(ThreadState, FiberGoesOnWhereItWasWhenNothingIsChanged) {
    EXPECT_TRUE(runs_well([] {
        int turns = 0;
        const auto count = [](void* into) { for (;;) ++*static_cast<int*>(into), umach_thread_yield(); };
        const thread_t thread = start_thread(count, &turns, UMACH_FIBER);
        for (int round = 0; round < 100; ++round) {
            MUST(thread_suspend(thread) == KERN_SUCCESS);
            umach_thread_yield();
            const int before = turns;
            x86_thread_state64_t state{};
            if (round > 0) MUST(get(thread, &state) == KERN_SUCCESS && set(thread, state) == KERN_SUCCESS);
            umach_thread_yield();
            MUST(turns == before && thread_resume(thread) == KERN_SUCCESS);
            umach_thread_yield();
            MUST(turns > before);
        }
    }));
}

TEST(ThreadState, FiberThatHasNotBegunHasNone) {
    EXPECT_TRUE(runs_well([] {
        const thread_t thread = start_thread(yield_for_ever, nullptr, UMACH_FIBER);
        MUST(thread_suspend(thread) == KERN_SUCCESS);
        MUST(cause_of_failure(thread).find("not begun") != std::string::npos);
    }));
}

void come(void* argument) {
    static_cast<Elsewhere*>(argument)->came.store(1);
}

TEST(ThreadState, ThreadThatHasNotBegunBeginsWithTheStateThatItWasGiven) {
    EXPECT_TRUE(runs_well([] {
        Elsewhere elsewhere;
        thread_t thread = THREAD_NULL;
        MUST(thread_create(task_self(), &thread) == KERN_SUCCESS);
        x86_thread_state64_t state{};
        MUST(get(thread, &state) == KERN_SUCCESS && state.rip == 0);
        state.rip = reinterpret_cast<std::uint64_t>(come);
        state.rdi = reinterpret_cast<std::uint64_t>(&elsewhere);
        MUST(set(thread, state) == KERN_SUCCESS && thread_resume(thread) == KERN_SUCCESS);
        MUST(umach_thread_join(thread, UMACH_FOREVER) == KERN_SUCCESS && elsewhere.came.load() == 1);
        MUST(get(thread, &state) == KERN_INVALID_ARGUMENT);
    }));
}

#else

TEST(ThreadState, MachineWhoseRegistersAreNotKnownHasNone) {
    EXPECT_TRUE(runs_well([] {
        x86_thread_state64_t state{};
        MUST(get(thread_self(), &state) == KERN_INVALID_ARGUMENT);
    }));
}

#endif

}  // namespace
}  // namespace umach::tests
