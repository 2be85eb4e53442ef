// SPDX-License-Identifier: BSL-1.0
// What a process has of its host after fork, exec and the end of a thread.
#include "processes.hpp"

#include "ports/calls.hpp"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <pthread.h>
#include <unistd.h>
#include <atomic>
#include <thread>

namespace umach::tests {
namespace {

TEST(Fork, ChildIsATaskOfItsParentsHostAndHasItsRegisteredPorts) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        leave_for_children(port);
        const pid_t child = start([] { MUST(send_plain(left_by_parent(), 7) == SEND_SUCCESS); });
        MUST(receive(port).id == 7);
        MUST(ended_well(child));
    }));
}

TEST(Fork, ChildsSpaceHoldsNothingOfItsParents) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        MUST(runs_well([port] {
            port_type_t type = PORT_TYPE_NONE;
            port_name_t own = new_port();
            MUST(own == port || port_type(task_self(), port, &type) == KERN_INVALID_ARGUMENT);
            MUST(tasks_of(getpid()) == 1);
        }));
    }));
}

TEST(Fork, ChildWhoseParentAndHostAreGoneMakesAHostOfItsOwn) {
    EXPECT_TRUE(runs_well([] {
        Signal orphaned, done;
        const pid_t parent = start([&] {
            MUST(new_port() != PORT_NULL);
            start([&] {
                orphaned.await();
                MUST(new_port() != PORT_NULL);
                MUST(live_tasks() == 1);
                MUST(tasks::current_host()->kernel().header().keeper.get() == 0);
                done.give();
            });
        });
        MUST(ended_well(parent));
        orphaned.give();
        done.await();
    }));
}

TEST(Fork, ProcessThatForkedBeforeItsFirstCallSharesNoHostWithItsChild) {
    EXPECT_TRUE(runs_well([] {
        Signal called;
        const pid_t child = start([&] {
            called.await();
            MUST(new_port() != PORT_NULL && live_tasks() == 1);
        });
        MUST(new_port() != PORT_NULL);
        called.give();
        MUST(ended_well(child));
        MUST(live_tasks() == 1);
    }));
}

TEST(Fork, ChildMadeByABareSystemCallBecomesATaskOfItsOwn) {
    EXPECT_TRUE(runs_well([] {
        const task_t own = task_self();
        MUST(runs_well([] { MUST(task_self() != PORT_NULL); }));  // from now on the host has a keeper
        const auto child = static_cast<pid_t>(syscall(SYS_fork));
        if (child == 0) {
            MUST(new_port() != PORT_NULL);
            MUST(tasks_of(getpid()) == 1 && live_tasks() >= 2);
            _exit(0);
        }
        MUST(ended_well(child));
        MUST(task_self() == own);
        MUST(becomes_true([child] { return tasks_of(child) == 0; }));
    }));
}

TEST(Fork, ThousandChildrenComeAndGoAndLeaveTheHostAsItWas) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        leave_for_children(port);
        MUST(runs_well([] { MUST(task_self() != PORT_NULL); }));
        MUST(becomes_true([] { return live_tasks() == 2; }));  // ours and the name service's
        for (int round = 0; round < 50; ++round) {
            std::vector<pid_t> children;
            for (int i = 0; i < 20; ++i)
                children.push_back(start([i] { MUST(send_plain(left_by_parent(), i) == SEND_SUCCESS); }));
            for (int i = 0; i < 20; ++i) MUST(receive(port).code == RCV_SUCCESS);
            for (const pid_t child : children) MUST(ended_well(child));
        }
        MUST(becomes_true([] { return live_tasks() == 2; }));
        MUST(violations().empty());
    }));
}

TEST(Exec, MemberThatExecsIsDeadToItsPeersAlthoughItsPidLives) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        leave_for_children(port);
        Signal exec;
        const pid_t child = start([&] {
            MUST(send_right(left_by_parent(), 1, new_port()) == SEND_SUCCESS);
            exec.await();
            execlp("sleep", "sleep", "1000", nullptr);
            _exit(127);
        });
        const Got got = receive(port);
        MUST(got.right != PORT_NULL);
        exec.give();
        const Got news = receive(task_notify());
        MUST(news.id == NOTIFY_PORT_DELETED && news.right == got.right);
        MUST(becomes_true([child] { return tasks_of(child) == 0; }));
        MUST(kill(child, 0) == 0 && waitpid(child, nullptr, WNOHANG) == 0);
        kill_and_reap(child);
        MUST(violations().empty());
    }));
}

TEST(Exec, ProgramThatClosesAllItsDescriptorsLivesOn) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        leave_for_children(port);
        Signal told;
        const pid_t child = start([] {
            const port_name_t own = new_port();
            MUST(send_right(left_by_parent(), 1, own) == SEND_SUCCESS);
            close_range(3, ~0U, 0);
            MUST(receive(own).id == 2);
            MUST(send_plain(left_by_parent(), 3) == SEND_SUCCESS);
        });
        const Got got = receive(port);
        // Three slices of the keeper's
        MUST(receive(task_notify(), RCV_TIMEOUT, 300).code == RCV_TIMED_OUT);
        MUST(send_plain(got.right, 2) == SEND_SUCCESS);
        MUST(receive(port).id == 3);
        MUST(ended_well(child));
    }));
}

TEST(Thread, EndedThreadsGiveTheirCarriersBack) {
    EXPECT_TRUE(runs_well([] {
        MUST(task_self() != PORT_NULL);
        const std::uint32_t carriers = kernel().machine().carriers();
        for (std::uint32_t i = 0; i < 3 * carriers; ++i) {
            std::thread thread([] { MUST(task_self() != PORT_NULL); });
            thread.join();
        }
        MUST(violations().empty());
    }));
}

TEST(Thread, ThreadThatEndsWithoutItsDestructorsIsCleanedUpByTheKeeper) {
    EXPECT_TRUE(runs_well([] {
        MUST(task_self() != PORT_NULL);
        Signal leave;
        const pid_t child = start([&] {
            MUST(task_self() != PORT_NULL);
            leave.await();
        });
        std::thread([] {
            MUST(task_self() != PORT_NULL);
            syscall(SYS_exit, 0);
        }).detach();
        const auto one_thread = [] {
            return kernel().task(tasks::current_host()->task().index).threads.get() == 1;
        };
        MUST(becomes_true([] { return tasks::current_host()->keeper_is_alive(); }));
        MUST(becomes_true(one_thread));
        leave.give();
        MUST(ended_well(child));
    }));
}

// The operating system ends the thread alone, in the middle of a step; its process lives on.
TEST(Thread, ThreadThatEndsInTheMiddleOfAStepLeavesItUndoneAndItsLockIsHadAtOnce) {
    EXPECT_TRUE(runs_well([] {
        static_cast<void>(new_port());
        const ports::TaskRef task = tasks::enter()->caller.task;
        const auto names = [&] { return kernel().task(task.index).names.get(); };
        const std::uint64_t before = names();
        std::thread([&] {
            ports::Caller& caller = tasks::enter()->caller;
            caller.step([&](ports::KernelStep& s) {
                s.lock(task);
                s.set(s.k.task(task.index).names, 4711);
                syscall(SYS_exit, 0);
                return s.keep(0);
            });
        }).detach();
        MUST(becomes_true([&] { return names() == 4711 || kernel().machine().header().mended.load() != 0; }));
        const auto begin = runtime::MonotonicClock::now();
        const port_name_t port = new_port();
        MUST(runtime::MonotonicClock::now() - begin < std::chrono::milliseconds(250));   // a busy machine
        MUST(port_deallocate(task_self(), port) == KERN_SUCCESS);
        MUST(kernel().machine().header().mended.load() == 1 && names() == before);
    }));
}

// A call is no point of cancellation: what it was to do is done, and then the thread ends.
TEST(Thread, ThreadThatIsCancelledInACallEndsOnceItsCallIsOver) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        std::atomic<bool> received{false};
        std::thread receiver([&] {
            MUST(receive(port, MSG_OPTION_NONE, 0).id == 7);
            received = true;
            pthread_testcancel();
            give_up(__FILE__, __LINE__, "it was not cancelled");
        });
        MUST(becomes_true([] { return waits(getpid(), ports::WaitKind::receive); }));
        MUST(pthread_cancel(receiver.native_handle()) == 0);
        MUST(send_plain(port, 7) == SEND_SUCCESS);
        receiver.join();
        MUST(received);
        MUST(becomes_true([] { return kernel().task(tasks::current_host()->task().index).threads.get() == 1; }));
        MUST(violations().empty());
    }));
}

}  // namespace
}  // namespace umach::tests
