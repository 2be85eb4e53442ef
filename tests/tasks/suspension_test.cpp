// SPDX-License-Identifier: BSL-1.0
// Who is suspended stands still: at once, or at the end of the call that it is in.
#include "counting.hpp"

#include "tasks/suspension.hpp"

#include <mach/task_interface.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <csignal>

namespace umach::tests {
namespace {

// A thread that receives one message and then says which.
struct Receiving {
    port_name_t port = PORT_NULL;
    msg_option_t option = MSG_OPTION_NONE;
    std::atomic<int> got{0};
    std::atomic<int> code{1};
};

void receive_one(void* argument) {
    auto& mine = *static_cast<Receiving*>(argument);
    const Got got = receive(mine.port, mine.option, 0);
    mine.got.store(got.id);
    mine.code.store(got.code);
}

TEST(Suspension, ThreadThatComputesStopsAtOnceAndGoesOnWhenItIsResumed) {
    EXPECT_TRUE(runs_well([] {
        Counting counting;
        const thread_t thread = start_counting(counting);
        for (int round = 0; round < 100; ++round) {
            MUST(thread_suspend(thread) == KERN_SUCCESS);
            MUST(is_stopped(thread));
            if (round % 10 == 0) MUST(stands_still(counting));
            MUST(thread_resume(thread) == KERN_SUCCESS);
            MUST(counting.goes_on());
        }
        MUST(ends(counting));
    }));
}

TEST(Suspension, ThreadThatWaitsStopsAfterItsWaitAndItsMessageIsNotLost) {
    EXPECT_TRUE(runs_well([] {
        Receiving receiving{new_port()};
        const thread_t thread = start_thread(receive_one, &receiving);
        MUST(becomes_true([&] { return waits_in(thread, ports::WaitKind::receive); }));
        MUST(thread_suspend(thread) == KERN_SUCCESS);
        MUST(!is_stopped(thread));
        MUST(send_plain(receiving.port, 77) == SEND_SUCCESS);
        MUST(becomes_true([&] { return is_stopped(thread); }));
        MUST(receiving.got.load() == 0);
        MUST(thread_resume(thread) == KERN_SUCCESS);
        MUST(becomes_true([&] { return receiving.got.load() == 77; }));
    }));
}

TEST(Suspension, ThreadThatWaitsToBeSignalledIsNotInterruptedByASuspension) {
    EXPECT_TRUE(runs_well([] {
        Receiving receiving{new_port(), RCV_INTERRUPT};
        const thread_t thread = start_thread(receive_one, &receiving);
        MUST(becomes_true([&] { return waits_in(thread, ports::WaitKind::receive); }));
        MUST(thread_suspend(thread) == KERN_SUCCESS && thread_resume(thread) == KERN_SUCCESS);
        MUST(send_plain(receiving.port, 78) == SEND_SUCCESS);
        MUST(becomes_true([&] { return receiving.got.load() == 78; }));
    }));
}

TEST(Suspension, ThreadThatIsSuspendedTwiceGoesOnAtTheSecondResume) {
    EXPECT_TRUE(runs_well([] {
        Counting counting;
        const thread_t thread = start_counting(counting);
        MUST(thread_suspend(thread) == KERN_SUCCESS && thread_suspend(thread) == KERN_SUCCESS);
        MUST(thread_resume(thread) == KERN_SUCCESS);
        MUST(is_stopped(thread) && stands_still(counting));
        MUST(thread_resume(thread) == KERN_SUCCESS);
        MUST(counting.goes_on() && ends(counting));
    }));
}

TEST(Suspension, ResumeOfAThreadThatIsNotSuspendedFails) {
    EXPECT_TRUE(runs_well([] {
        Counting counting;
        const thread_t thread = start_counting(counting);
        MUST(thread_resume(thread) == KERN_FAILURE);
        MUST(thread_suspend(thread) == KERN_SUCCESS && thread_resume(thread) == KERN_SUCCESS);
        MUST(thread_resume(thread) == KERN_FAILURE);
        MUST(counting.goes_on() && ends(counting));
    }));
}

TEST(Suspension, ThreadOfASuspendedTaskGoesOnWhenBothAreResumed) {
    EXPECT_TRUE(runs_well([] {
        task_t task = TASK_NULL;
        MUST(task_create(task_self(), FALSE, &task) == KERN_SUCCESS);
        Counting counting;
        thread_t thread = THREAD_NULL;
        MUST(umach_thread_create(task, UMACH_OS_THREAD, count_on, &counting, &thread) == KERN_SUCCESS);
        MUST(counting.goes_on());
        MUST(task_suspend(task) == KERN_SUCCESS);
        MUST(is_stopped(thread));
        MUST(thread_suspend(thread) == KERN_SUCCESS && task_resume(task) == KERN_SUCCESS);
        MUST(is_stopped(thread) && stands_still(counting));
        MUST(thread_resume(thread) == KERN_SUCCESS);
        MUST(counting.goes_on() && ends(counting));
    }));
}

void suspend_oneself(void* argument) {
    auto& counting = *static_cast<Counting*>(argument);
    MUST(thread_suspend(thread_self()) == KERN_SUCCESS);
    counting.run();
}

TEST(Suspension, ThreadThatSuspendsItselfStopsThereUntilAnotherResumesIt) {
    EXPECT_TRUE(runs_well([] {
        Counting counting;
        const thread_t thread = start_thread(suspend_oneself, &counting);
        MUST(becomes_true([&] { return is_stopped(thread); }));
        MUST(counting.count.load() == 0);
        MUST(thread_resume(thread) == KERN_SUCCESS);
        MUST(counting.goes_on() && ends(counting));
    }));
}

struct Blocking {
    Counting before, after;
};

void block_the_signal(void* argument) {
    auto& mine = *static_cast<Blocking*>(argument);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, tasks::suspension_signal);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    mine.before.run();
    static_cast<void>(task_self());
    mine.after.run();
}

TEST(Suspension, ThreadThatBlocksTheSignalStopsAtTheEndOfItsNextCall) {
    EXPECT_TRUE(runs_well([] {
        Blocking blocking;
        const thread_t thread = start_thread(block_the_signal, &blocking);
        MUST(blocking.before.goes_on());
        MUST(thread_suspend(thread) == KERN_SUCCESS);
        MUST(!is_stopped(thread) && blocking.before.goes_on());
        MUST(ends(blocking.before));
        MUST(becomes_true([&] { return waits_in(thread, ports::WaitKind::suspended); }));
        MUST(blocking.after.count.load() == 0);
        MUST(thread_resume(thread) == KERN_SUCCESS);
        MUST(blocking.after.goes_on() && ends(blocking.after));
    }));
}

TEST(Suspension, FiberStopsAtTheEndOfItsCallAndItsSiblingsGoOn) {
    EXPECT_TRUE(runs_well([] {
        Receiving first{new_port()}, second{new_port()};
        const thread_t stopped = start_thread(receive_one, &first, UMACH_FIBER);
        start_thread(receive_one, &second, UMACH_FIBER);
        umach_thread_yield();
        MUST(waits_in(stopped, ports::WaitKind::receive));
        MUST(thread_suspend(stopped) == KERN_SUCCESS);
        MUST(send_plain(first.port, 1) == SEND_SUCCESS && send_plain(second.port, 2) == SEND_SUCCESS);
        umach_thread_yield();
        MUST(second.got.load() == 2 && first.got.load() == 0);
        MUST(thread_resume(stopped) == KERN_SUCCESS);
        umach_thread_yield();
        MUST(first.got.load() == 1);
    }));
}

// Sends itself messages and receives them, in order.
struct Messaging {
    Counting counting;
    port_name_t port = PORT_NULL;
};

void message_oneself(void* argument) {
    auto& mine = *static_cast<Messaging*>(argument);
    for (int id = 0; !mine.counting.over.load(); ++id) {
        MUST(send_plain(mine.port, id) == SEND_SUCCESS);
        MUST(receive(mine.port, MSG_OPTION_NONE, 0).id == id);
        mine.counting.count.fetch_add(1);
    }
    mine.counting.ended.store(true);
}

TEST(Suspension, ThreadThatSendsAndReceivesStopsEachTimeAndLosesNoMessage) {
    EXPECT_TRUE(runs_well([] {
        Messaging messaging{{}, new_port()};
        const thread_t thread = start_thread(message_oneself, &messaging);
        MUST(messaging.counting.goes_on());
        for (int round = 0; round < 1000; ++round) {
            MUST(thread_suspend(thread) == KERN_SUCCESS);
            MUST(becomes_true([&] { return is_stopped(thread); }));
            MUST(thread_resume(thread) == KERN_SUCCESS);
            if (round % 10 == 0) MUST(messaging.counting.goes_on());
        }
        MUST(ends(messaging.counting) && violations().empty());
    }));
}

void fork_again_and_again(void* argument) {
    auto& counting = *static_cast<Counting*>(argument);
    while (!counting.over.load()) {
        MUST(runs_well([] { MUST(task_self() != PORT_NULL); }));
        counting.count.fetch_add(1);
    }
    counting.ended.store(true);
}

TEST(Suspension, ThreadThatForksStopsEachTimeAndItsChildrenDoNot) {
    EXPECT_TRUE(runs_well([] {
        Counting counting;
        const thread_t thread = start_thread(fork_again_and_again, &counting);
        MUST(counting.goes_on());
        for (int round = 0; round < 50; ++round) {
            MUST(thread_suspend(thread) == KERN_SUCCESS);
            MUST(becomes_true([&] { return is_stopped(thread); }));
            MUST(thread_resume(thread) == KERN_SUCCESS);
            if (round % 10 == 0) MUST(counting.goes_on());
        }
        MUST(ends(counting) && violations().empty());
    }));
}

struct Trapping {
    Counting counting;
    std::atomic<bool> trapped{false};
};

void trap_after_counting(void* argument) {
    auto& mine = *static_cast<Trapping*>(argument);
    mine.counting.run();
    static_cast<void>(receive(PORT_NULL));
    mine.trapped.store(true);
}

TEST(Suspension, ThreadThatIsTerminatedWhileItStandsStillEndsAtItsNextCall) {
    EXPECT_TRUE(runs_well([] {
        Trapping trapping;
        const thread_t thread = start_thread(trap_after_counting, &trapping);
        MUST(trapping.counting.goes_on());
        MUST(thread_suspend(thread) == KERN_SUCCESS && thread_terminate(thread) == KERN_SUCCESS);
        MUST(umach_thread_join(thread, UMACH_FOREVER) == KERN_SUCCESS);
        MUST(trapping.counting.goes_on() && ends(trapping.counting));
        const auto carriers = [] {
            unsigned alive = 0;
            for (std::uint32_t slot = 1; slot < kernel().machine().carriers(); ++slot)
                alive += kernel().machine().carrier(slot).life.load() != 0;
            return alive;
        };
        MUST(becomes_true([&] { return carriers() == 1; }));
        MUST(!trapping.trapped.load() && violations().empty());
    }));
}

// ---- the program's own use of the signal ------------------------------------------------------------------

std::atomic<int> seen{0};

TEST(Suspension, SignalThatTheProgramWasSentGoesToTheHandlerThatItHad) {
    EXPECT_TRUE(runs_well([] {
        signal(tasks::suspension_signal, [](int) { seen.fetch_add(1); });
        Counting counting;
        const thread_t thread = start_counting(counting);
        MUST(thread_suspend(thread) == KERN_SUCCESS && is_stopped(thread));
        MUST(thread_resume(thread) == KERN_SUCCESS && seen.load() == 0);
        raise(tasks::suspension_signal);
        MUST(seen.load() == 1);
        MUST(ends(counting));
    }));
}

TEST(Suspension, ThreadWhoseProgramTookTheSignalAwayStopsAtTheEndOfItsNextCall) {
    EXPECT_TRUE(runs_well([] {
        Trapping trapping;
        const thread_t thread = start_thread(trap_after_counting, &trapping);
        MUST(trapping.counting.goes_on());
        signal(tasks::suspension_signal, SIG_DFL);
        MUST(thread_suspend(thread) == KERN_SUCCESS);
        MUST(!is_stopped(thread) && ends(trapping.counting));
        MUST(becomes_true([&] { return waits_in(thread, ports::WaitKind::suspended); }));
        MUST(!trapping.trapped.load());
        MUST(thread_resume(thread) == KERN_SUCCESS);
        MUST(becomes_true([&] { return trapping.trapped.load(); }));
    }));
}

// ---- a resumer that dies ----------------------------------------------------------------------------------

struct Promising {
    Receiving receiving;
    Counting counting;
    std::atomic<pid_t> tid{0};
};

void receive_and_count(void* argument) {
    auto& mine = *static_cast<Promising*>(argument);
    mine.tid.store(static_cast<pid_t>(syscall(SYS_gettid)));
    receive_one(&mine.receiving);
    mine.counting.run();
}

// Its promise to stand still was given in its call; it kept it in a wait, since the signal did not come any more.
TEST(Suspension, ThreadTakesItsPromiseToStandStillBackWhenItsResumerDiedBeforeThat) {
    EXPECT_TRUE(runs_well([] {
        Promising promising;
        promising.receiving.port = new_port();
        const thread_t thread = start_thread(receive_and_count, &promising);
        MUST(becomes_true([&] { return waits_in(thread, ports::WaitKind::receive); }));
        MUST(thread_suspend(thread) == KERN_SUCCESS);
        syscall(SYS_tgkill, getpid(), promising.tid.load(), tasks::suspension_signal);
        MUST(becomes_true([&] { return record_of(thread).stopped.load() == ports::will_stand_still; }));
        signal(tasks::suspension_signal, SIG_DFL);
        MUST(send_plain(promising.receiving.port, 79) == SEND_SUCCESS);
        MUST(becomes_true([&] { return waits_in(thread, ports::WaitKind::suspended); }));
        {
            const tasks::Trap trap;  // the step alone, without what follows it
            MUST(ports::resume(trap.caller(), ports::thread_of_name(trap.caller(), thread)) == KERN_SUCCESS);
        }
        MUST(promising.counting.goes_on());
        MUST(record_of(thread).stopped.load() == 0 && ends(promising.counting));
    }));
}

}  // namespace
}  // namespace umach::tests
