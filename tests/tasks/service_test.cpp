// SPDX-License-Identifier: BSL-1.0
// What a holder of another process's task port has done there by its service thread.
#include "counting.hpp"

#include "ports/calls.hpp"
#include "runtime/detail.hpp"
#include "tasks/service.hpp"

#include <mach/thread_status.h>
#include <signal.h>

namespace umach::tests {
namespace {

struct Seen {
    std::atomic<std::uint64_t> came{0};
    std::atomic<pid_t> process{0};
    std::atomic<bool> blocks_signals{true};
    std::atomic<bool> is_of_its_task{false};
};

void come(Seen* seen) {
    sigset_t mask;
    pthread_sigmask(SIG_BLOCK, nullptr, &mask);
    seen->blocks_signals.store(sigismember(&mask, SIGTERM) == 1);
    seen->process.store(getpid());
    seen->is_of_its_task.store(task_self() != TASK_NULL);
    seen->came.fetch_add(1);
}

struct Other {
    pid_t pid = 0;
    task_t task = TASK_NULL;
};

// A process that only waits; it shares with us what shared() gives.
Other start_other() {
    const port_name_t home = new_port();
    leave_for_children(home);
    Other other;
    other.pid = start([&] {
        MUST(send_right(left_by_parent(), 1, task_self()) == SEND_SUCCESS);
        static_cast<void>(receive(new_port(), MSG_OPTION_NONE));
    });
    other.task = receive(home).right;
    return other;
}

thread_t create_there(const Other& other, void (*what)(Seen*), Seen* seen) {
    thread_t thread = THREAD_NULL;
    MUST(thread_create(other.task, &thread) == KERN_SUCCESS);
    x86_thread_state64_t state{};
    state.rip = reinterpret_cast<std::uint64_t>(what);
    state.rdi = reinterpret_cast<std::uint64_t>(seen);
    MUST(thread_set_state(thread, x86_THREAD_STATE64, reinterpret_cast<thread_state_t>(&state), x86_THREAD_STATE64_COUNT) == KERN_SUCCESS);
    return thread;
}

#if defined(__x86_64__)

TEST(Service, AThreadMadeInAnotherProcessRunsThereOnceItIsResumed) {
    EXPECT_TRUE(runs_well([] {
        Seen& seen = shared<Seen>();
        const Other other = start_other();
        for (std::uint64_t round = 1; round <= 20; ++round) {
            const thread_t thread = create_there(other, come, &seen);
            MUST(seen.came.load() == round - 1 && thread_resume(thread) == KERN_SUCCESS);
            MUST(umach_thread_join(thread, UMACH_FOREVER) == KERN_SUCCESS && seen.came.load() == round);
        }
        MUST(seen.process.load() == other.pid && !seen.blocks_signals.load() && seen.is_of_its_task.load());
        kill_and_reap(other.pid);
    }));
}

TEST(Service, AThreadWithoutAStateIsNotStartedAndStaysSuspended) {
    EXPECT_TRUE(runs_well([] {
        const Other other = start_other();
        thread_t thread = THREAD_NULL;
        MUST(thread_create(other.task, &thread) == KERN_SUCCESS && thread_resume(thread) == KERN_FAILURE);
        MUST(thread_terminate(thread) == KERN_SUCCESS);
        kill_and_reap(other.pid);
    }));
}

TEST(Service, ManyProcessesOrderFromOneAtATime) {
    EXPECT_TRUE(runs_well([] {
        Seen& seen = shared<Seen>();
        const Other other = start_other();
        const port_name_t home = new_port();
        leave_for_children(home);
        std::vector<pid_t> orderers;
        for (int i = 0; i < 8; ++i)
            orderers.push_back(start([&] {
                const port_name_t answers = new_port();
                MUST(send_right(left_by_parent(), 1, answers) == SEND_SUCCESS);
                const Other same{other.pid, static_cast<task_t>(receive(answers).right)};
                for (int round = 0; round < 10; ++round) {
                    const thread_t thread = create_there(same, come, &seen);
                    MUST(thread_resume(thread) == KERN_SUCCESS && umach_thread_join(thread, UMACH_FOREVER) == KERN_SUCCESS);
                }
            }));
        for (std::size_t i = 0; i < orderers.size(); ++i)
            MUST(send_right(static_cast<port_name_t>(receive(home).right), 1, other.task) == SEND_SUCCESS);
        for (const pid_t orderer : orderers) MUST(ended_well(orderer));
        MUST(seen.came.load() == 80);
        kill_and_reap(other.pid);
    }));
}

TEST(Service, WhoDiesWithAnOrderGivenLeavesTheRecordToTheNext) {
    EXPECT_TRUE(runs_well([] {
        Seen& seen = shared<Seen>();
        const Other other = start_other();
        const port_name_t home = new_port();
        leave_for_children(home);
        for (int round = 0; round < 20; ++round) {
            const pid_t orderer = start([&] {
                const port_name_t answers = new_port();
                MUST(send_right(left_by_parent(), 1, answers) == SEND_SUCCESS);
                const Other same{other.pid, static_cast<task_t>(receive(answers).right)};
                for (;;) MUST(thread_resume(create_there(same, come, &seen)) == KERN_SUCCESS);
            });
            const std::uint64_t before = seen.came.load();
            MUST(send_right(static_cast<port_name_t>(receive(home).right), 1, other.task) == SEND_SUCCESS);
            MUST(becomes_true([&] { return seen.came.load() > before + 3; }));
            kill_and_reap(orderer);
        }
        const thread_t last = create_there(other, come, &seen);
        MUST(thread_resume(last) == KERN_SUCCESS && umach_thread_join(last, UMACH_FOREVER) == KERN_SUCCESS);
        kill_and_reap(other.pid);
    }));
}

#endif

TEST(Service, AnOrderToAProcessThatHasEndedFailsAndSaysSo) {
    EXPECT_TRUE(runs_well([] {
        const Other other = start_other();
        const tasks::Trap trap;
        const auto process = static_cast<std::uint32_t>(
            trap.caller().k.task(ports::task_of_name(trap.caller(), other.task).index).process.get());
        kill_and_reap(other.pid);
        tasks::OrderWords words{};
        MUST(tasks::order(trap.caller(), process, tasks::Order::start_thread, words) == KERN_FAILURE);
        MUST(std::string(runtime::detail()).find("which has to do that itself") != std::string::npos);
    }));
}

TEST(Service, AHostOfOneProcessHasNoServiceThread) {
    EXPECT_TRUE(runs_well([] {
        MUST(task_self() != TASK_NULL);
        MUST(!tasks::current_host()->service_runs.load());
    }));
}

}  // namespace
}  // namespace umach::tests
