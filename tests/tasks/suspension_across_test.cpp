// SPDX-License-Identifier: BSL-1.0
// Suspension across processes: who suspends, who is suspended, and what is left when either is killed.
#include "counting.hpp"

#include <mach/task_interface.h>
#include <unistd.h>
#include <csignal>

namespace umach::tests {
namespace {

// What a child's main thread tells home: itself.
thread_t introduce_and(port_name_t home, const std::function<void()>& then, pid_t* child) {
    *child = start([&] {
        MUST(send_right(left_by_parent(), 1, thread_self()) == SEND_SUCCESS);
        then();
    });
    return receive(home).right;
}

TEST(SuspensionAcrossProcesses, ThreadOfAnotherProcessStopsAndGoesOn) {
    EXPECT_TRUE(runs_well([] {
        auto& counting = shared<Counting>();
        const port_name_t home = new_port();
        leave_for_children(home);
        pid_t child = -1;
        const thread_t thread = introduce_and(home, [&] { counting.run(); }, &child);
        MUST(counting.goes_on());
        for (int round = 0; round < 20; ++round) {
            MUST(thread_suspend(thread) == KERN_SUCCESS);
            MUST(is_stopped(thread) && stands_still(counting));
            MUST(thread_resume(thread) == KERN_SUCCESS);
            MUST(counting.goes_on());
        }
        MUST(ends(counting) && ended_well(child));
    }));
}

struct Pair {
    Counting counting;
    std::atomic<int> code{1};
};

TEST(SuspensionAcrossProcesses, InterruptsNoneOfTheProcesssOtherThreads) {
    EXPECT_TRUE(runs_well([] {
        auto& pair = shared<Pair>();
        const port_name_t home = new_port();
        leave_for_children(home);
        const pid_t child = start([&] {
            const thread_t counter = start_counting(pair.counting);
            const port_name_t port = new_port();
            const port_name_t to = left_by_parent();
            MUST(send_right(to, 1, counter) == SEND_SUCCESS && send_right(to, 2, port) == SEND_SUCCESS);
            pair.code.store(receive(port, RCV_INTERRUPT, 0).code);
            MUST(becomes_true([&] { return pair.counting.ended.load(); }));
        });
        const thread_t counter = receive(home).right;
        const port_name_t port = receive(home).right;
        MUST(becomes_true([&] { return waits(child, ports::WaitKind::receive); }));
        for (int round = 0; round < 20; ++round) {
            MUST(thread_suspend(counter) == KERN_SUCCESS && is_stopped(counter));
            MUST(thread_resume(counter) == KERN_SUCCESS && pair.counting.goes_on());
        }
        MUST(waits(child, ports::WaitKind::receive));
        MUST(send_plain(port, 3) == SEND_SUCCESS);
        MUST(becomes_true([&] { return pair.code.load() == RCV_SUCCESS; }));
        MUST(ends(pair.counting) && ended_well(child));
    }));
}

struct Both {
    Counting main, other;
};

TEST(SuspensionAcrossProcesses, TaskOfAnotherProcessStopsWithAllOfItsThreads) {
    EXPECT_TRUE(runs_well([] {
        auto& both = shared<Both>();
        const port_name_t home = new_port();
        leave_for_children(home);
        const pid_t child = start([&] {
            start_counting(both.other);
            MUST(send_right(left_by_parent(), 1, task_self()) == SEND_SUCCESS);
            both.main.run();
        });
        const task_t task = receive(home).right;
        MUST(both.main.goes_on());
        MUST(task_suspend(task) == KERN_SUCCESS);
        MUST(stands_still(both.other) && stands_still(both.main));
        MUST(task_resume(task) == KERN_SUCCESS);
        MUST(both.other.goes_on() && both.main.goes_on());
        MUST(ends(both.other) && ends(both.main) && ended_well(child));
    }));
}

TEST(SuspensionAcrossProcesses, ThreadStaysSuspendedWhenItsSuspenderIsKilledAndAnybodyMayResumeIt) {
    EXPECT_TRUE(runs_well([] {
        Counting counting;
        const port_name_t home = new_port();
        leave_for_children(home);
        const thread_t thread = start_counting(counting);
        const pid_t child = start([&] {
            const port_name_t own = new_port();
            MUST(send_right(left_by_parent(), 1, own) == SEND_SUCCESS);
            MUST(thread_suspend(receive(own).right) == KERN_SUCCESS);
            for (;;) pause();
        });
        MUST(send_right(receive(home).right, 2, thread) == SEND_SUCCESS);
        MUST(becomes_true([&] { return is_stopped(thread); }));
        kill_and_reap(child);
        MUST(becomes_true([&] { return tasks_of(child) == 0; }));
        MUST(is_stopped(thread) && stands_still(counting));
        MUST(thread_resume(thread) == KERN_SUCCESS);
        MUST(counting.goes_on() && ends(counting));
    }));
}

TEST(SuspensionAcrossProcesses, ProcessThatIsKilledWhileItStandsStillLeavesNothing) {
    EXPECT_TRUE(runs_well([] {
        auto& counting = shared<Counting>();
        const port_name_t home = new_port();
        leave_for_children(home);
        pid_t child = -1;
        const thread_t thread = introduce_and(home, [&] { counting.run(); }, &child);
        MUST(counting.goes_on() && thread_suspend(thread) == KERN_SUCCESS && is_stopped(thread));
        kill_and_reap(child);
        MUST(becomes_true([&] { return tasks_of(child) == 0; }));
        MUST(becomes_true([&] { return thread_resume(thread) == KERN_INVALID_ARGUMENT; }));
        MUST(violations().empty());
    }));
}

}  // namespace
}  // namespace umach::tests
