// SPDX-License-Identifier: BSL-1.0
// Threads of control that others stop, wake and end, on each carrier.
#include <atomic>

#include "carriers.hpp"

namespace umach::test {
namespace {

using namespace std::chrono_literals;

class ThreadStoppedOn : public OnEachCarrier {};
UMACH_ON_EACH_CARRIER(ThreadStoppedOn);

TEST_P(ThreadStoppedOn, SuspendedThreadGoesOnOnlyWhenItIsResumed) {
    const Thread worker = spawn([] { tell(wait_for_good()); });
    EXPECT_FALSE(hears_something());
    ASSERT_TRUE(worker.suspend());
    ASSERT_TRUE(worker.unpark());
    EXPECT_FALSE(hears_something());
    ASSERT_TRUE(worker.resume());
    EXPECT_EQ(heard(), KERN_SUCCESS);
}

TEST_P(ThreadStoppedOn, SuspensionsAreCounted) {
    const Thread worker = spawn([] { tell(wait_for_good()); });
    EXPECT_EQ(worker.resume().code(), KERN_FAILURE);
    ASSERT_TRUE(worker.suspend());
    ASSERT_TRUE(worker.suspend());
    ASSERT_TRUE(worker.resume());
    ASSERT_TRUE(worker.unpark());
    EXPECT_FALSE(hears_something());
    ASSERT_TRUE(worker.resume());
    EXPECT_EQ(heard(), KERN_SUCCESS);
}

TEST_P(ThreadStoppedOn, AbortLeavesAThreadThatDoesNotWaitAsItIs) {
    const Thread worker = spawn([] {
        this_thread::self().value().abort().value();
        tell(this_thread::park(0ms).code());
    });
    EXPECT_EQ(heard(), KERN_FAILURE);
}

TEST_P(ThreadStoppedOn, TerminatedThreadIsJoinedAndDoesNotComeBackFromItsWait) {
    Thread worker = spawn([] {
        tell(0);
        wait_for_good();
        tell(1);
    });
    EXPECT_EQ(heard(), 0);
    ASSERT_TRUE(worker.terminate());
    EXPECT_TRUE(worker.join(long_enough));
    EXPECT_FALSE(hears_something());
    EXPECT_EQ(worker.terminate().code(), KERN_INVALID_ARGUMENT);
}

TEST_P(ThreadStoppedOn, ThreadThatTerminatesItselfIsJoined) {
    Thread worker = spawn([] {
        tell(0);
        static_cast<void>(this_thread::self().value().terminate());
        tell(1);
    });
    EXPECT_TRUE(worker.join(long_enough));
    EXPECT_EQ(heard(), 0);
    EXPECT_FALSE(hears_something());
}

class FiberStopped : public WithBoard {};

TEST_F(FiberStopped, TerminatedBeforeItBeganItNeverRuns) {
    const Thread worker = Thread::spawn(Carrier::fiber, [] { tell(1); }).value();
    ASSERT_TRUE(worker.terminate());
    EXPECT_FALSE(hears_something());
}

// Of a process the last thread ends with it, and nothing is unwound.
class ThreadUnwoundOn : public OnEachCarrier {};
INSTANTIATE_TEST_SUITE_P(Carriers, ThreadUnwoundOn, ::testing::Values(Carrier::fiber, Carrier::os_thread),
                         [](const auto& tested) { return name_of(tested.param); });

TEST_P(ThreadUnwoundOn, TerminatedThreadIsUnwound) {
    struct Mark {
        std::atomic<bool>* set;
        ~Mark() { set->store(true); }
    };
    std::atomic<bool> unwound{false};
    const Thread worker = spawn([&unwound] {
        const Mark mark{&unwound};
        tell(0);
        wait_for_good();
    });
    EXPECT_EQ(heard(), 0);
    ASSERT_TRUE(worker.terminate());
    until_unwound();
    EXPECT_TRUE(unwound.load());
}

TEST_P(ThreadStoppedOn, UnwindingGivesBackTheRightsThatObjectsHeld) {
    Thread worker = spawn([] {
        const ReceiveRight port = ReceiveRight::allocate().value();
        const PortSet set = PortSet::allocate().value();
        set.add(port).value();
        tell_port(port);
        static_cast<void>(set.receive());
    });
    const SendRight port = heard_port();
    const ReceiveRight notify = ReceiveRight::allocate().value();
    ASSERT_TRUE(request_notification(port, NOTIFY_PORT_DELETED, notify));
    ASSERT_TRUE(worker.terminate());
    EXPECT_TRUE(worker.join(long_enough));
    EXPECT_TRUE(notify.receive(WhenEmpty::wait_for(long_enough)));
}

TEST_P(ThreadUnwoundOn, TerminatedThreadDoesNotWaitForTheThreadsThatItSpawned) {
    ThreadPort second;
    Thread worker = spawn([this, &second] {
        Thread own = spawn([] { wait_for_good(); });
        second = ThreadPort(static_cast<const SendRight&>(own).duplicate().value().release());
        tell(0);
        wait_for_good();
    });
    EXPECT_EQ(heard(), 0);
    ASSERT_TRUE(worker.terminate());
    EXPECT_TRUE(worker.join(long_enough));
    ASSERT_TRUE(second.unpark());
    EXPECT_TRUE(second.join(long_enough));
}

TEST_P(ThreadUnwoundOn, ThreadTerminatedWhileADestructorJoinsIsUnwound) {
    ThreadPort second;
    Thread worker = spawn([this, &second] {
        {
            const Thread own = spawn([] { wait_for_good(); });
            second = ThreadPort(static_cast<const SendRight&>(own).duplicate().value().release());
            tell(0);
        }
        tell(1);
    });
    EXPECT_EQ(heard(), 0);
    EXPECT_FALSE(hears_something());
    ASSERT_TRUE(worker.terminate());
    EXPECT_TRUE(worker.join(long_enough));
    ASSERT_TRUE(second.unpark());
    EXPECT_TRUE(second.join(long_enough));
    EXPECT_FALSE(hears_something());
}

// ---- the ends of waits ------------------------------------------------------------------------------------

struct AbortedWait {
    const char* name;
    int code;
    int (*wait)();
};

/// A port without a message, and one whose queue is full, in slot 1.
int receive_nothing() {
    return ReceiveRight::allocate().value().receive().code();
}
int receive_nothing_from_a_set() {
    return PortSet::allocate().value().receive().code();
}
int send_to_a_full_queue() {
    MessageWriter message;
    return registered_port(1).value().send(message).code();
}
int ask_who_does_not_answer() {
    const ReceiveRight nobody = ReceiveRight::allocate().value();
    return call<int, int>(nobody, 1, 1).code();
}
int join_the_parents_thread() {
    const SendRight port = registered_port(2).value();
    return umach_thread_join(port.name(), UMACH_FOREVER);
}

const AbortedWait aborted_waits[] = {
    {"Park", KERN_ABORTED, wait_for_good},
    {"Join", KERN_ABORTED, join_the_parents_thread},
    {"Receive", RCV_INTERRUPTED, receive_nothing},
    {"ReceiveFromASet", RCV_INTERRUPTED, receive_nothing_from_a_set},
    {"Send", SEND_INTERRUPTED, send_to_a_full_queue},
    {"Reply", RCV_INTERRUPTED, ask_who_does_not_answer},
};

class AbortOn : public WithBoard, public ::testing::WithParamInterface<std::tuple<Carrier, AbortedWait>> {
protected:
    void SetUp() override {
        WithBoard::SetUp();
        full_ = ReceiveRight::allocate().value();
        full_.set_backlog(1).value();
        MessageWriter message;
        full_.send(message).value();
        register_ports({board_, full_, PortName(thread_self())}).value();
    }
    void TearDown() override {
        full_.reset();
        WithBoard::TearDown();
    }

    ReceiveRight full_;
};
INSTANTIATE_TEST_SUITE_P(
    Carriers, AbortOn,
    ::testing::Combine(::testing::Values(Carrier::fiber, Carrier::os_thread, Carrier::process),
                       ::testing::ValuesIn(aborted_waits)),
    [](const auto& tested) { return name_of(std::get<0>(tested.param)) + std::get<1>(tested.param).name; });

TEST_P(AbortOn, WaitEndsWithItsCodeAndTheThreadGoesOn) {
    const auto& [carrier, aborted] = GetParam();
    const Thread worker = Thread::spawn(carrier, tracked([wait = aborted.wait] { tell(wait()); })).value();
    Result<Message> told = board_.receive(WhenEmpty::wait_for(a_moment));
    for (int i = 0; !told && i < 1000; ++i) {
        ASSERT_TRUE(worker.abort());
        told = board_.receive(WhenEmpty::wait_for(a_moment));
    }
    EXPECT_EQ(told.value().reader().get<int>().value(), aborted.code);
}

TEST_P(AbortOn, WaitEndsWithTheThreadWhenItIsTerminated) {
    const auto& [carrier, aborted] = GetParam();
    Thread worker = Thread::spawn(carrier, tracked([wait = aborted.wait] {
                                      tell(0);
                                      tell(wait());
                                  }))
                        .value();
    EXPECT_EQ(heard(), 0);
    EXPECT_FALSE(hears_something());
    ASSERT_TRUE(worker.terminate());
    EXPECT_TRUE(worker.join(long_enough));
    EXPECT_FALSE(hears_something());
}

}  // namespace
}  // namespace umach::test
