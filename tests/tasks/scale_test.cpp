// SPDX-License-Identifier: BSL-1.0
// Many: fibers with a port each, tasks in one process, processes in one host.
#include "processes.hpp"

#include "tasks/fiber/stack.hpp"

#include <mach/thread_interface.h>
#include <umach_threads.h>

#include <fstream>
#include <memory>
#include <vector>

namespace umach::tests {
namespace {

bool is_sanitized() {
    return UMACH_ADDRESS_SANITIZER || UMACH_THREAD_SANITIZER;
}

std::size_t resident_kib() {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;)
        if (word == "VmRSS:") {
            std::size_t kib = 0;
            status >> kib;
            return kib;
        }
    return 0;
}

double seconds_since(runtime::Instant began) {
    return std::chrono::duration<double>(runtime::MonotonicClock::now() - began).count();
}

// Passes what it receives on its own port to the next in the ring.
struct Link {
    port_name_t own = PORT_NULL;
    port_name_t next = PORT_NULL;
    thread_t thread = THREAD_NULL;
};

void pass_on(void* argument) {
    const auto* link = static_cast<Link*>(argument);
    const Got token = receive(link->own, MSG_OPTION_NONE);
    MUST(token.code == RCV_SUCCESS);
    MUST(send_plain(link->next, token.id + 1) == SEND_SUCCESS);
}

// A ring of fibers in one OS thread, each with a port, round which one message goes once.
void send_token_round(std::size_t fibers) {
    setenv("UMACH_PORTS", std::to_string(2 * fibers + 1'000).c_str(), 1);
    setenv("UMACH_THREADS", std::to_string(fibers + 100).c_str(), 1);
    const port_name_t home = new_port();
    std::vector<Link> ring(fibers);
    const std::size_t before = resident_kib();
    const auto began = runtime::MonotonicClock::now();
    for (Link& link : ring) link.own = new_port();
    for (std::size_t i = 0; i < fibers; ++i) ring[i].next = i + 1 < fibers ? ring[i + 1].own : home;
    for (Link& link : ring)
        MUST(umach_thread_create(task_self(), UMACH_FIBER, pass_on, &link, &link.thread) == KERN_SUCCESS);
    umach_thread_yield();  // all of them wait now
    const double made = seconds_since(began);
    const std::size_t kib = resident_kib() - before;
    const auto sent = runtime::MonotonicClock::now();
    MUST(send_plain(ring[0].own, 0) == SEND_SUCCESS);
    const Got token = receive(home, RCV_TIMEOUT, 60'000);
    std::printf("[ figures  ] %zu fibers, guard: %s; made %.2f s, %.1f KiB each; round %.2f s\n", fibers,
                umach_fiber_guard(), made, static_cast<double>(kib) / static_cast<double>(fibers), seconds_since(sent));
    std::fflush(stdout);
    MUST(token.code == RCV_SUCCESS && token.id == static_cast<int>(fibers));
    for (const Link& link : ring) MUST(umach_thread_join(link.thread, 60'000) == KERN_SUCCESS);
    MUST(violations().empty());
}

TEST(Scale, ATokenGoesRoundAHundredThousandFibersOfOneThread) {
    const bool light = tasks::StackPool().guard() == tasks::Guard::light;
    const std::size_t fibers = is_sanitized() ? 1'000 : light ? 100'000 : 16'000;
    EXPECT_TRUE(runs_well([fibers] { send_token_round(fibers); }));
}

// A fiber of another task of this process: the names are that task's.
void greet_and_wait(void* argument) {
    const auto* link = static_cast<Link*>(argument);
    MUST(send_plain(link->next, 1) == SEND_SUCCESS);
    static_cast<void>(receive(link->own, MSG_OPTION_NONE));
    give_up(__FILE__, __LINE__, "the thread was terminated");
}

TEST(Scale, AThousandTasksOfOneProcessGreetAndAreTerminatedWhileTheyWait) {
    EXPECT_TRUE(runs_well([] {
        setenv("UMACH_TASKS", "1100", 1);
        constexpr port_name_t home_of_child = 77;
        const port_name_t home = new_port();
        std::vector<task_t> tasks(1'000);
        std::vector<Link> links(tasks.size());
        const auto began = runtime::MonotonicClock::now();
        for (std::size_t i = 0; i < tasks.size(); ++i) {
            MUST(task_create(task_self(), FALSE, &tasks[i]) == KERN_SUCCESS);
            MUST(port_allocate(tasks[i], &links[i].own) == KERN_SUCCESS);
            MUST(port_insert_send(tasks[i], home, home_of_child) == KERN_SUCCESS);
            links[i].next = home_of_child;
            MUST(umach_thread_create(tasks[i], UMACH_FIBER, greet_and_wait, &links[i], &links[i].thread) == KERN_SUCCESS);
        }
        for (std::size_t i = 0; i < tasks.size(); ++i) MUST(receive(home, RCV_TIMEOUT, 60'000).code == RCV_SUCCESS);
        std::printf("[ figures  ] 1000 tasks made, each with a fiber that greets, in %.3f s\n", seconds_since(began));
        std::fflush(stdout);
        MUST(violations().empty());
        for (const task_t task : tasks) MUST(task_terminate(task) == KERN_SUCCESS);
        for (const Link& link : links) MUST(umach_thread_join(link.thread, 10'000) == KERN_SUCCESS);
        umach_thread_yield();
        MUST(live_tasks() <= 2);
        MUST(violations().empty());
    }));
}

void say_hello(void* argument) {
    const port_name_t home = left_by_parent();
    MUST(send_plain(home, *static_cast<int*>(argument)) == SEND_SUCCESS);
}

TEST(Scale, FiveHundredProcessesOfOneHostSendAndEndAndLeaveNothing) {
    const int processes = is_sanitized() ? 50 : 500;
    EXPECT_TRUE(runs_well([processes] {
        setenv("UMACH_TASKS", "600", 1);
        const port_name_t home = new_port();
        leave_for_children(home);
        const auto began = runtime::MonotonicClock::now();
        std::vector<thread_t> threads(static_cast<std::size_t>(processes));
        std::vector<int> numbers(threads.size());
        for (std::size_t i = 0; i < threads.size(); ++i) {
            numbers[i] = static_cast<int>(i);
            MUST(umach_thread_create(task_self(), UMACH_PROCESS, say_hello, &numbers[i], &threads[i]) == KERN_SUCCESS);
        }
        std::vector<bool> heard(threads.size());
        for (std::size_t i = 0; i < threads.size(); ++i) {
            const Got got = receive(home, RCV_TIMEOUT, 60'000);
            MUST(got.code == RCV_SUCCESS && !heard[static_cast<std::size_t>(got.id)]);
            heard[static_cast<std::size_t>(got.id)] = true;
        }
        for (const thread_t thread : threads) MUST(umach_thread_join(thread, 60'000) == KERN_SUCCESS);
        std::printf("[ figures  ] %d processes made, heard and ended in %.2f s\n", processes, seconds_since(began));
        std::fflush(stdout);
        MUST(becomes_true([] { return live_tasks() <= 2; }));
        MUST(violations().empty());
    }));
}

}  // namespace
}  // namespace umach::tests
