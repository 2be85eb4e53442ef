// SPDX-License-Identifier: BSL-1.0
// How processes end that were made as tasks: before they begin, by their own hand, by another's, and the keeper's.
#include "counting.hpp"

#include "ports/task.hpp"
#include "tasks/termination.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <thread>

namespace umach::tests {
namespace {

std::string fresh_name() {
    static int count = 0;
    return "end." + std::to_string(getpid()) + "." + std::to_string(++count);
}

TEST(ProcessEnd, AProcessWhoseEndHasBegunGetsNoTask) {
    EXPECT_TRUE(runs_well([] {
        static_cast<void>(task_self());
        const tasks::Trap trap;
        runtime::Carrier& carrier = trap.caller().carrier;
        const std::uint32_t process = ports::add_process(kernel(), carrier, 1, 1, 0);
        const ports::ProcessRef earlier = ports::ref_of_process(kernel(), process);
        MUST(ports::create_task(kernel(), carrier, earlier, {}, "first"));
        ports::end_process(kernel(), carrier, process);
        MUST(!ports::create_task(kernel(), carrier, earlier, {}, "late"));
        MUST(ports::add_process(kernel(), carrier, 2, 2, 0) == process);  // the slot is another's now
        MUST(!ports::create_task(kernel(), carrier, earlier, {}, "late"));
        MUST(kernel().process(process).task.get() == 0);
        ports::end_process(kernel(), carrier, process);
    }));
}

// Kills each child of a thread as soon as it finds it.
void kill_children_of(pid_t thread, const std::atomic<bool>& stop, const std::atomic<unsigned>& patience) {
    const std::string path = "/proc/self/task/" + std::to_string(thread) + "/children";
    while (!stop.load()) {
        std::ifstream children(path);
        for (pid_t child = 0; children >> child;) {
            for (unsigned i = 0; i < patience.load(); ++i) sched_yield();
            kill(child, SIGKILL);
        }
    }
}

TEST(ProcessEnd, AChildKilledAtWhateverInstantOfItsStartIsCleanedUpAndItsMakerLives) {
    EXPECT_TRUE(runs_well([] {
        static_cast<void>(task_self());
        std::atomic<bool> stop{false};
        std::atomic<unsigned> patience{0};
        std::thread killer([&, self = gettid()] { kill_children_of(self, stop, patience); });
        for (unsigned round = 0; round < 100; ++round) {
            patience.store(round % 20);
            thread_t thread = THREAD_NULL;
            const auto wait = [](void*) {
                for (;;) pause();
            };
            const auto code = umach_thread_create(task_self(), UMACH_PROCESS, wait, nullptr, &thread);
            MUST(code == KERN_SUCCESS || code == KERN_RESOURCE_SHORTAGE);
            if (code == KERN_SUCCESS) MUST(umach_thread_join(thread, 5'000) == KERN_SUCCESS);
        }
        stop.store(true);
        killer.join();
        MUST(becomes_true([] { return live_tasks() <= 2; }));
        MUST(violations().empty());
    }));
}

struct Said {
    int ends[2];
    std::FILE* stream;
};

void say_and_exit_thread(void* argument) {
    std::fputs("x", static_cast<Said*>(argument)->stream);
    pthread_exit(nullptr);
}

void expect_good_end_of_one_that_exits_its_thread() {
    Said said;
    MUST(pipe(said.ends) == 0);
    said.stream = fdopen(said.ends[1], "w");
    start_thread(say_and_exit_thread, &said, UMACH_PROCESS);
    int status = 0;
    MUST(wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    char one = 0;
    MUST(read(said.ends[0], &one, 1) == 1 && one == 'x');
}

TEST(ProcessEnd, PthreadExitOfTheOnlyThreadEndsTheProcessWellAndWritesItsBuffers) {
    EXPECT_TRUE(runs_well(expect_good_end_of_one_that_exits_its_thread));
}

TEST(ProcessEnd, PthreadExitEndsWellAProcessThatAFiberMade) {
    EXPECT_TRUE(runs_well([] {
        const auto body = [](void*) { expect_good_end_of_one_that_exits_its_thread(); };
        const thread_t fiber = start_thread(body, nullptr, UMACH_FIBER);
        MUST(umach_thread_join(fiber, 5'000) == KERN_SUCCESS);
    }));
}

bool first_thread_has_ended() {
    std::ifstream file("/proc/self/task/" + std::to_string(getpid()) + "/stat");
    std::string line;
    std::getline(file, line);
    const auto end_of_name = line.rfind(") ");
    return end_of_name != std::string::npos && line[end_of_name + 2] == 'Z';
}

// The second thread has the process end with a status of its own.
void be_terminated_by_another(void*) {
    const thread_t self = thread_self();
    std::thread([self] {
        MUST(thread_terminate(self) == KERN_SUCCESS);
        MUST(becomes_true(first_thread_has_ended));
        _exit(7);
    }).detach();
    for (;;) umach_thread_park(UMACH_FOREVER);
}

// Its parent's hidden threads are not in it: with them it would count as having but one thread.
TEST(ProcessEnd, AChildOfTheKeeperWhoseFirstThreadIsTerminatedGoesOnInItsOthers) {
    EXPECT_TRUE(runs_well([] {
        static_cast<void>(task_self());
        MUST(runs_well([] {}));  // so this one is the keeper
        start_thread(be_terminated_by_another, nullptr, UMACH_PROCESS);
        int status = 0;
        MUST(wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 7);
    }));
}

ports::TaskRef task_of_process(pid_t pid) {
    for (std::uint32_t i = 1; i < kernel().capacity(ports::zone_tasks); ++i) {
        const auto process = static_cast<std::uint32_t>(kernel().task(i).process.get());
        const bool live = kernel().task(i).identity.get().life == ports::Life::live;
        if (live && kernel().process(process).pid.get() == static_cast<std::uint64_t>(pid))
            return kernel().ref_of_task(i);
    }
    return {};
}

TEST(ProcessEnd, TerminatingATaskThatHasEndedKillsNobodyWhoHasItsRecordNow) {
    EXPECT_TRUE(runs_well([] {
        static_cast<void>(task_self());
        Signal called, over;
        const pid_t child = start([&] {
            static_cast<void>(task_self());
            called.give();
            over.await();
        });
        called.await();
        ports::TaskRef task = task_of_process(child);
        MUST(task);
        task.generation -= 1;
        {
            const tasks::Trap trap;
            MUST(tasks::terminate(trap.caller(), task) == KERN_INVALID_ARGUMENT);
        }
        over.give();
        MUST(ended_well(child));
    }));
}

struct Terminated {
    std::atomic<bool> done{false};
    kern_return_t code = KERN_FAILURE;
};

TEST(ProcessEnd, WhoTerminatesTheKeepersTaskSucceedsItAndCleansUp) {
    const std::string name = fresh_name();
    EXPECT_TRUE(runs_well([&] {
        Terminated& terminated = shared<Terminated>();
        const pid_t keeper = start([&] {
            MUST(tasks::make_named_host(name, {}));
            leave_for_children(task_self());
            const auto terminate_parent = [](void* argument) {
                auto* result = static_cast<Terminated*>(argument);
                result->code = task_terminate(left_by_parent());
                result->done.store(true);
            };
            start_thread(terminate_parent, &terminated, UMACH_PROCESS);
            for (;;) pause();
        });
        int status = 0;
        MUST(waitpid(keeper, &status, 0) == keeper && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        MUST(becomes_true([&] { return terminated.done.load(); }));
        MUST(terminated.code == KERN_SUCCESS);
    }));
    EXPECT_TRUE(becomes_true([&] { return !name_is_taken(name); }));
}

struct Late {
    Signal may_call;
    Signal is_one_task;
};

void call_late(void* argument) {
    auto* late = static_cast<Late*>(argument);
    late->may_call.await();
    static_cast<void>(task_self());
    if (tasks_of(getpid()) == 1) late->is_one_task.give();
}

TEST(ProcessEnd, AProcessThatHasNotCalledInWhenTheKeeperEndsTakesUpItsTaskUnderTheNext) {
    const std::string name = fresh_name();
    EXPECT_TRUE(runs_well([&] {
        Signal made;
        const pid_t keeper = start([&] {
            MUST(tasks::make_named_host(name, {}));
            made.give();
            for (;;) pause();
        });
        made.await();
        setenv("UMACH_HOST", name.c_str(), 1);
        static_cast<void>(task_self());
        Late late;
        const thread_t thread = start_thread(call_late, &late, UMACH_PROCESS);
        kill_and_reap(keeper);
        MUST(becomes_true(
            [] { return thread_self() != THREAD_NULL && tasks::current_host()->is_well_kept(); }));
        late.may_call.give();
        late.is_one_task.await();
        MUST(umach_thread_join(thread, 5'000) == KERN_SUCCESS);
    }));
    EXPECT_TRUE(becomes_true([&] { return !name_is_taken(name); }));
}

}  // namespace
}  // namespace umach::tests
