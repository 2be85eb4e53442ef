// SPDX-License-Identifier: BSL-1.0
// Tasks: several in one process, programs as tasks, and what a holder of a task's kernel port can do to it.
#include <unistd.h>

#include <algorithm>

#include "carriers.hpp"

namespace umach::test {
namespace {

using namespace std::chrono_literals;

class TaskOf : public WithBoard {};

/// Threads of another task of this process.
class TaskOn : public WithBoard, public ::testing::WithParamInterface<Carrier> {
protected:
    void TearDown() override {
        static_cast<void>(task_.terminate());
        task_.reset();
        WithBoard::TearDown();
    }
    template <Callable F>
    Thread spawn(F&& callable) {
        return Thread::spawn(task_, GetParam(), tracked(std::forward<F>(callable))).value();
    }

    Task task_;
};

/// Made when the board is registered, so that it is inherited.
class MadeTaskOn : public TaskOn {
protected:
    void SetUp() override {
        TaskOn::SetUp();
        task_ = Task::create().value();
    }
};
INSTANTIATE_TEST_SUITE_P(Carriers, MadeTaskOn, ::testing::Values(Carrier::fiber, Carrier::os_thread),
                         [](const auto& tested) { return name_of(tested.param); });

TEST_P(MadeTaskOn, ThreadOfItHasASpaceOfItsOwn) {
    Thread worker = spawn([] {
        const ReceiveRight own = ReceiveRight::allocate().value();
        tell_port(own);
        static_cast<void>(own.receive());
        tell(type_of(own.name()));
    });
    const SendRight to_worker = heard_port();
    EXPECT_EQ(type_of(to_worker.name()), PORT_TYPE_SEND);
    MessageWriter go;
    to_worker.send(go).value();
    EXPECT_EQ(heard(), PORT_TYPE_RECEIVE_OWN);
    EXPECT_TRUE(worker.join(long_enough));
}

TEST_P(MadeTaskOn, ItsThreadsAreListedWhileTheyRun) {
    EXPECT_TRUE(task_.threads().value().empty());
    Thread worker = spawn([] { wait_for_good(); });
    const auto threads = task_.threads().value();
    ASSERT_EQ(threads.size(), 1U);
    EXPECT_EQ(threads[0].name(), worker.name());
    ASSERT_TRUE(worker.unpark());
    ASSERT_TRUE(worker.join(long_enough));
    EXPECT_TRUE(task_.threads().value().empty());
}

TEST_P(MadeTaskOn, TerminatedTaskTakesItsThreadsAndPortsWithIt) {
    Thread worker = spawn([] {
        const port_t own = ReceiveRight::allocate().value().release();
        MessageWriter message;
        message.copy(PortName(own));
        registered_port(0).value().send(message).value();
        wait_for_good();
        tell(1);
    });
    const SendRight port = heard_port();
    ASSERT_TRUE(task_.terminate());
    EXPECT_TRUE(task_.join(long_enough));
    EXPECT_TRUE(worker.join(long_enough));
    EXPECT_FALSE(is_alive(port));
    EXPECT_FALSE(hears_something());
    EXPECT_EQ(task_.names().code(), KERN_INVALID_ARGUMENT);
}

TEST_P(MadeTaskOn, ThreadThatTerminatesItsTaskEndsWithItAndTheProcessLives) {
    Thread worker = spawn([] {
        tell(0);
        task_terminate(task_self());
        tell(1);
    });
    EXPECT_TRUE(worker.join(long_enough));
    EXPECT_TRUE(task_.join(long_enough));
    EXPECT_EQ(heard(), 0);
    EXPECT_FALSE(hears_something());
}

TEST_P(MadeTaskOn, SuspendedTaskGoesOnWhenItIsResumed) {
    const Thread worker = spawn([] { tell(wait_for_good()); });
    EXPECT_FALSE(hears_something());
    ASSERT_TRUE(task_.suspend());
    ASSERT_TRUE(worker.unpark());
    EXPECT_FALSE(hears_something());
    ASSERT_TRUE(task_.resume());
    EXPECT_EQ(heard(), KERN_SUCCESS);
}

TEST_P(MadeTaskOn, ThreadIsStoppedWhileItselfOrItsTaskIsSuspended) {
    const Thread worker = spawn([] { tell(wait_for_good()); });
    ASSERT_TRUE(task_.suspend());
    ASSERT_TRUE(worker.suspend());
    ASSERT_TRUE(worker.unpark());
    ASSERT_TRUE(task_.resume());
    EXPECT_FALSE(hears_something());
    ASSERT_TRUE(worker.resume());
    EXPECT_EQ(heard(), KERN_SUCCESS);
}

TEST_P(MadeTaskOn, RightInsertedUnderANameIsFoundThere) {
    constexpr port_name_t his_name = 4711;
    const ReceiveRight port = ReceiveRight::allocate().value();
    ASSERT_TRUE(task_.insert_send(port, his_name));
    Thread worker = spawn([] {
        MessageWriter message(5);
        tell(message.send_to(PortName(his_name)).code());
    });
    EXPECT_EQ(heard(), KERN_SUCCESS);
    EXPECT_EQ(port.receive(WhenEmpty::never_wait()).value().id(), 5);
    EXPECT_EQ(task_.insert_send(board_, his_name).code(), KERN_NAME_EXISTS);
    const auto names = task_.names().value();
    const auto held =
        std::find_if(names.begin(), names.end(), [](auto& name) { return name.name == his_name; });
    ASSERT_NE(held, names.end());
    EXPECT_EQ(held->type, PORT_TYPE_SEND);
    EXPECT_EQ(task_.extract_send(his_name).value().name(), port.name());
    EXPECT_EQ(task_.extract_send(his_name).code(), KERN_INVALID_ARGUMENT);
}

TEST_P(MadeTaskOn, DeathOfThePortsOfOneTaskIsNotifiedToTheOther) {
    const ReceiveRight port = ReceiveRight::allocate().value();
    ASSERT_TRUE(task_.insert_send(port, 99));
    ReceiveRight dying = ReceiveRight::allocate().value();
    ASSERT_TRUE(task_.insert_send(dying, 98));
    dying.reset();
    Thread worker = spawn([] {
        const Notification told = receive_notification(WhenEmpty::wait_for(long_enough)).value();
        tell(static_cast<int>(std::get<PortDeleted>(told).name));
    });
    EXPECT_EQ(heard(), 98);
}

TEST_F(TaskOf, ItselfIsNamedByItsKernelPort) {
    const Task self = Task::self().value();
    EXPECT_EQ(self.name(), task_self());
    EXPECT_EQ(self.join().code(), KERN_INVALID_ARGUMENT);
    const auto names = self.names().value();
    EXPECT_TRUE(
        std::any_of(names.begin(), names.end(), [&](auto& held) { return held.name == board_.name(); }));
}

TEST_F(TaskOf, ThreadsOfItselfIncludeTheCaller) {
    const auto threads = Task::self().value().threads().value();
    EXPECT_TRUE(
        std::any_of(threads.begin(), threads.end(), [](auto& one) { return one.name() == thread_self(); }));
}

TEST_F(TaskOf, HundredTasksInOneProcessEachHaveAFiber) {
    constexpr int many = 100;
    std::vector<Task> tasks;
    std::vector<Thread> fibers;
    for (int i = 0; i < many; ++i) {
        tasks.push_back(Task::create().value());
        fibers.push_back(Thread::spawn(tasks.back(), Carrier::fiber, [i] { tell(i); }).value());
    }
    int sum = 0;
    for (int i = 0; i < many; ++i) sum += heard();
    EXPECT_EQ(sum, many * (many - 1) / 2);
    for (Thread& fiber : fibers) EXPECT_TRUE(fiber.join(long_enough));
    for (const Task& task : tasks) {
        EXPECT_TRUE(task.terminate());
        EXPECT_TRUE(task.join(long_enough));
    }
}

TEST_F(TaskOf, CallsBetweenTwoTasksOfOneOsThreadAreAnswered) {
    const Task task = Task::create().value();
    Thread server = Thread::spawn(task, Carrier::fiber, [] {
                        Server serving;
                        const PortName port = serving.add_port().value();
                        serving.handle<int, int>(1, [&](int n) {
                            if (n == 0) serving.stop();
                            return n + 1;
                        });
                        MessageWriter message;
                        message.copy(port);
                        registered_port(0).value().send(message).value();
                        serving.run().value();
                    }).value();
    const SendRight port = heard_port();
    for (int n = 10; n >= 0; --n) EXPECT_EQ((call<int, int>(port, 1, n, long_enough).value()), n + 1);
    EXPECT_TRUE(server.join(long_enough));
    EXPECT_TRUE(task.terminate());
}

TEST_F(TaskOf, RegisteredPortsOfAnotherTaskCanBeSetAndRead) {
    const Task task = Task::create().value();
    EXPECT_EQ(task.registered_port(0).value().name(), board_.name());
    const ReceiveRight port = ReceiveRight::allocate().value();
    ASSERT_TRUE(task.register_ports({PortName(), port}));
    EXPECT_FALSE(task.registered_port(0).value());
    EXPECT_EQ(task.registered_port(1).value().name(), port.name());
    EXPECT_TRUE(task.terminate());
}

TEST_F(TaskOf, SpecialPortsOfAnotherTaskCanBeSetAndRead) {
    const Task task = Task::create().value();
    const ReceiveRight port = ReceiveRight::allocate().value();
    ASSERT_TRUE(task.set_special_port(TASK_BOOTSTRAP_PORT, port));
    EXPECT_EQ(task.special_port(TASK_BOOTSTRAP_PORT).value().name(), port.name());
    EXPECT_EQ(task.special_port(TASK_KERNEL_PORT).value().name(), task.name());
    EXPECT_TRUE(task.terminate());
}

TEST_F(TaskOf, ProgramThatEndsIsJoined) {
    const Task program = Task::spawn("/bin/true").value();
    EXPECT_TRUE(program.join(long_enough));
}

TEST_F(TaskOf, ProgramThatIsNotThereIsInvalidArgumentAndLeavesNoProcess) {
    EXPECT_EQ(Task::spawn("/no/such/program").code(), KERN_INVALID_ARGUMENT);
}

TEST_F(TaskOf, ProgramGetsItsArguments) {
    const Task program =
        Task::spawn("/bin/sh", {"-c", "test \"$1\" = two && exec sleep 1000", "one", "two"}).value();
    EXPECT_EQ(program.join(a_moment).code(), KERN_FAILURE);
    EXPECT_TRUE(program.terminate());
}

TEST_F(TaskOf, TerminatedProgramIsKilledAndJoined) {
    const Task program = Task::spawn("/bin/sleep", {"1000"}).value();
    EXPECT_EQ(program.join(0ms).code(), KERN_FAILURE);
    ASSERT_TRUE(program.terminate());
    EXPECT_TRUE(program.join(long_enough));
}

TEST_F(TaskOf, RightsCanBePutIntoAProgramBeforeItCalls) {
    const Task program = Task::spawn("/bin/sleep", {"1000"}).value();
    const ReceiveRight port = ReceiveRight::allocate().value();
    ASSERT_TRUE(program.insert_send(port, 7));
    const auto names = program.names().value();
    EXPECT_TRUE(std::any_of(names.begin(), names.end(), [](auto& held) { return held.name == 7; }));
    ASSERT_TRUE(request_notification(port, NOTIFY_NO_MORE_SENDERS, board_));
    ASSERT_TRUE(program.terminate());
    Message told = board_.receive(WhenEmpty::wait_for(long_enough)).value();
    EXPECT_TRUE(std::holds_alternative<NoMoreSenders>(decode_notification(told).value()));
}

TEST_F(TaskOf, ForkedChildIsATaskWhoseHolderEndsIt) {
    const pid_t child = fork();
    if (child == 0) {
        MessageWriter message;
        message.copy(PortName(task_self()));
        registered_port(0).value().send(message).value();
        wait_for_good();
        _exit(0);
    }
    const Task task(heard_port().release());
    ASSERT_TRUE(task.terminate());
    EXPECT_EQ(exit_code(child), -1);
    EXPECT_TRUE(task.join(long_enough));
}

}  // namespace
}  // namespace umach::test
