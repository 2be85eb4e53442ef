// SPDX-License-Identifier: BSL-1.0
// Threads of control: one contract, one text, three carriers. What only fibers promise is in fiber_test.cpp.
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <stdexcept>

#include "carriers.hpp"

namespace umach::test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

class ThreadOn : public OnEachCarrier {};
UMACH_ON_EACH_CARRIER(ThreadOn);

// ---- beginning and end ------------------------------------------------------------------------------------

TEST_P(ThreadOn, CallableRunsAndItsThreadIsJoined) {
    Thread worker = spawn([] { tell(7); });
    EXPECT_EQ(heard(), 7);
    EXPECT_TRUE(worker.join(long_enough));
    EXPECT_FALSE(worker.joinable());
}

TEST_P(ThreadOn, JoinLetsTheThreadRunToItsEnd) {
    Thread worker = spawn([] { tell(1); });
    EXPECT_TRUE(worker.join(long_enough));
    EXPECT_EQ(heard(), 1);
}

TEST_P(ThreadOn, JoinTimesOutWhileTheThreadWaitsAndLeavesItJoinable) {
    Thread worker = spawn([] { tell(wait_for_good()); });
    EXPECT_EQ(worker.join(a_moment).code(), KERN_FAILURE);
    EXPECT_TRUE(worker.joinable());
    ASSERT_TRUE(worker.unpark());
    EXPECT_TRUE(worker.join(long_enough));
    EXPECT_EQ(heard(), KERN_SUCCESS);
}

TEST_P(ThreadOn, EndedThreadIsJoinedAtOnceAndAgain) {
    const ThreadPort worker = spawn([] {}).detach();
    ASSERT_TRUE(worker.join(long_enough));
    EXPECT_TRUE(worker.join(0ms));
}

TEST_P(ThreadOn, ThreadWhoseDeathHasBeenNotifiedIsJoinedAtOnce) {
    Thread worker = spawn([] {});
    const Notification told = receive_notification(WhenEmpty::wait_for(long_enough)).value();
    EXPECT_EQ(std::get<PortDeleted>(told).name, worker.name());
    EXPECT_TRUE(worker.join(0ms));
}

TEST_P(ThreadOn, JoiningOneselfIsInvalidArgument) {
    const Thread worker = spawn([] { tell(this_thread::self().value().join().code()); });
    EXPECT_EQ(heard(), KERN_INVALID_ARGUMENT);
}

TEST_P(ThreadOn, EndOfTheObjectWaitsForTheEndOfTheThread) {
    ThreadPort port;
    {
        const Thread worker = spawn([] { tell(wait_for_good()); });
        port = ThreadPort(static_cast<const SendRight&>(worker).duplicate().value().release());
        ASSERT_TRUE(worker.unpark());
    }
    EXPECT_TRUE(port.join(0ms));
    EXPECT_EQ(heard(), KERN_SUCCESS);
}

TEST_P(ThreadOn, AssignmentWaitsForTheThreadThatWasThere) {
    Thread worker = spawn([] { tell(1); });
    worker = Thread();
    EXPECT_EQ(heard(), 1);
}

TEST_P(ThreadOn, DetachedThreadGoesOn) {
    const ThreadPort worker = spawn([] { tell(wait_for_good()); }).detach();
    EXPECT_EQ(worker.join(a_moment).code(), KERN_FAILURE);
    ASSERT_TRUE(worker.unpark());
    EXPECT_EQ(heard(), KERN_SUCCESS);
    EXPECT_TRUE(worker.join(long_enough));
}

TEST_P(ThreadOn, CallableEndsBeforeItsThreadIsJoined) {
    const auto owned = std::make_shared<int>(0);
    Thread worker = spawn([owned] { wait_for_good(); });
    EXPECT_EQ(owned.use_count(), shares_memory() ? 2 : 1);
    ASSERT_TRUE(worker.unpark());
    ASSERT_TRUE(worker.join(long_enough));
    EXPECT_EQ(owned.use_count(), 1);
}

TEST_P(ThreadOn, ManyThreadsAllRunAndAreJoined) {
    const int many = shares_memory() ? 64 : 12;
    std::vector<Thread> workers;
    for (int i = 1; i <= many; ++i) workers.push_back(spawn([i] { tell(i); }));
    int sum = 0;
    for (int i = 0; i < many; ++i) sum += heard();
    EXPECT_EQ(sum, many * (many + 1) / 2);
    for (Thread& worker : workers) EXPECT_TRUE(worker.join(long_enough));
}

TEST_P(ThreadOn, ThreadSpawnsAnother) {
    const Thread worker = spawn([carrier = GetParam()] {
        Thread second = Thread::spawn(carrier, [] { tell(2); }).value();
        tell(second.join(long_enough).code());
    });
    EXPECT_EQ(heard(), 2);
    EXPECT_EQ(heard(), KERN_SUCCESS);
}

TEST_P(ThreadOn, KernelPortDiesWithTheThreadAndWhoAskedIsTold) {
    const ReceiveRight notify = ReceiveRight::allocate().value();
    const ThreadPort worker = spawn([] { wait_for_good(); }).detach();
    ASSERT_TRUE(request_notification(worker, NOTIFY_PORT_DELETED, notify));
    EXPECT_EQ(notify.receive(WhenEmpty::wait_for(a_moment)).code(), RCV_TIMED_OUT);
    ASSERT_TRUE(worker.unpark());
    Message message = notify.receive(WhenEmpty::wait_for(long_enough)).value();
    EXPECT_EQ(std::get<PortDeleted>(decode_notification(message).value()).name, worker.name());
}

/// returns: the signal that ended a forked child which runs `body`, or 0.
int signal_that_ends(const std::function<void()>& body) {
    const pid_t child = fork();
    if (child == 0) {
        static_cast<void>(freopen("/dev/null", "w", stderr));
        body();
        _exit(0);
    }
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

TEST_P(ThreadOn, ExceptionThatLeavesTheCallableEndsItsProcess) {
    const auto body = [this] {
        Thread worker = spawn([] { throw std::runtime_error("nobody catches this"); });
        _exit(worker.join(long_enough).ok() ? 0 : 1);
    };
    EXPECT_EQ(signal_that_ends(body), shares_memory() ? SIGABRT : 0);
}

TEST_P(ThreadOn, ExceptionDoesNotReachWhoSpawnedTheThread) {
    const auto body = [this] {
        try {
            Thread worker = spawn([] { throw std::runtime_error("nobody catches this"); });
            _exit(worker.join(long_enough).ok() ? 0 : 1);
        } catch (const std::exception&) {
            tell(1);
        }
    };
    EXPECT_EQ(signal_that_ends(body), shares_memory() ? SIGABRT : 0);
}

TEST_P(ThreadOn, ExceptionThatIsCaughtInTheCallableEndsNothing) {
    const Thread worker = spawn([] {
        try {
            throw 5;
        } catch (int number) {
            tell(number);
        }
    });
    EXPECT_EQ(heard(), 5);
}

// ---- tokens -----------------------------------------------------------------------------------------------

TEST_P(ThreadOn, ParkTimesOutAtItsDeadlineAndNotBefore) {
    const Thread worker = spawn([] {
        const auto begun = Clock::now();
        tell(this_thread::park(20ms).code());
        tell(Clock::now() - begun >= 20ms ? 1 : 0);
    });
    EXPECT_EQ(heard(), KERN_FAILURE);
    EXPECT_EQ(heard(), 1);
}

TEST_P(ThreadOn, UnparkEndsAPark) {
    const Thread worker = spawn([] { tell(wait_for_good()); });
    EXPECT_FALSE(hears_something());
    ASSERT_TRUE(worker.unpark());
    EXPECT_EQ(heard(), KERN_SUCCESS);
}

TEST_P(ThreadOn, TwoUnparksBeforeAParkAreOneToken) {
    const Thread worker = spawn([] {
        const ThreadPort self = this_thread::self().value();
        self.unpark().value();
        self.unpark().value();
        tell(this_thread::park(0ms).code());
        tell(this_thread::park(0ms).code());
    });
    EXPECT_EQ(heard(), KERN_SUCCESS);
    EXPECT_EQ(heard(), KERN_FAILURE);
}

TEST_P(ThreadOn, UnparkOfAThreadThatHasEndedIsInvalidArgument) {
    const ThreadPort worker = spawn([] {}).detach();
    ASSERT_TRUE(worker.join(long_enough));
    EXPECT_EQ(worker.unpark().code(), KERN_INVALID_ARGUMENT);
}

TEST_P(ThreadOn, YieldComesBack) {
    const Thread worker = spawn([] {
        for (int i = 0; i < 100; ++i) this_thread::yield();
        tell(1);
    });
    EXPECT_EQ(heard(), 1);
}

TEST(ThreadObject, EmptyOneIsNotJoinableAndItsCallsAreInvalidArgument) {
    Thread none;
    EXPECT_FALSE(none.joinable());
    EXPECT_EQ(none.join().code(), KERN_INVALID_ARGUMENT);
    EXPECT_EQ(none.unpark().code(), KERN_INVALID_ARGUMENT);
}

TEST(ThreadObject, SpawnInWhatIsNoTaskIsInvalidArgumentAndTheCallableEnds) {
    const auto owned = std::make_shared<int>(0);
    const ReceiveRight port = ReceiveRight::allocate().value();
    EXPECT_EQ(Thread::spawn(port, Carrier::os_thread, [owned] {}).code(), KERN_INVALID_ARGUMENT);
    EXPECT_EQ(owned.use_count(), 1);
}

}  // namespace
}  // namespace umach::test
