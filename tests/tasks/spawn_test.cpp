// SPDX-License-Identifier: BSL-1.0
// Processes that are tasks before they begin.
#include "processes.hpp"

#include <mach/thread_interface.h>
#include <sys/wait.h>
#include <umach_threads.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

namespace umach::tests {
namespace {

task_t spawn(const char* path) {
    char* const words[] = {const_cast<char*>(path), nullptr};
    task_t task = TASK_NULL;
    MUST(umach_task_spawn(path, words, nullptr, &task) == KERN_SUCCESS);
    return task;
}

TEST(Spawn, ATaskIsThereBeforeItsProgramCallsAndGoesWithAProgramThatNeverDoes) {
    EXPECT_TRUE(runs_well([] {
        static_cast<void>(task_self());
        int input[2];
        MUST(pipe(input) == 0 && dup2(input[0], STDIN_FILENO) == STDIN_FILENO);
        const task_t task = spawn("/bin/cat");  // waits for its input
        port_name_t port = PORT_NULL;
        MUST(port_allocate(task, &port) == KERN_SUCCESS);
        MUST(task_terminate(task) == KERN_SUCCESS);
        MUST(umach_task_join(task, 5'000) == KERN_SUCCESS);
        MUST(becomes_true([] { return live_tasks() <= 2; }));
        MUST(violations().empty());
    }));
}

TEST(Spawn, AProgramThatCannotBeRunIsInvalidAndLeavesNoTask) {
    EXPECT_TRUE(runs_well([] {
        char name[] = "/nowhere/nothing";
        char* const words[] = {name, nullptr};
        task_t task = TASK_NULL;
        MUST(umach_task_spawn(name, words, nullptr, &task) == KERN_INVALID_ARGUMENT);
        MUST(std::string(mach_error_detail()).find(name) != std::string::npos);
        MUST(becomes_true([] { return live_tasks() <= 2; }));
        MUST(waitpid(-1, nullptr, WNOHANG) == -1);
    }));
}

// Each process that is forked while a program is being started would hold a copy of the pipe that says that it runs.
TEST(Spawn, APipeOfAStartIsInNoProcessForkedMeanwhile) {
    EXPECT_TRUE(runs_well([] {
        static_cast<void>(task_self());
        std::atomic<bool> stop{false};
        std::vector<pid_t> forked;
        std::thread forker([&] {
            while (!stop.load() && forked.size() < 200) {
                const pid_t child = fork();
                if (child == 0)
                    for (;;) pause();
                forked.push_back(child);
            }
        });
        for (int i = 0; i < 20; ++i) {
            const task_t task = spawn("/bin/true");  // would not come back before those have ended
            MUST(umach_task_join(task, 5'000) == KERN_SUCCESS);
        }
        stop.store(true);
        forker.join();
        for (const pid_t child : forked) kill_and_reap(child);
    }));
}

TEST(Spawn, AChildWhoseMakerDiesBeforeItIsLetGoEnds) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t home = new_port();
        leave_for_children(home);
        for (int round = 0; round < 20; ++round) {
            const pid_t maker = start([] {
                MUST(send_plain(left_by_parent(), 1) == SEND_SUCCESS);
                for (;;) spawn("/bin/true");
            });
            MUST(receive(home).id == 1);
            kill_and_reap(maker);
        }
        MUST(becomes_true([] { return live_tasks() <= 2; }));
        MUST(violations().empty());
    }));
}

}  // namespace
}  // namespace umach::tests
