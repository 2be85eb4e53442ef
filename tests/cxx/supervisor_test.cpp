// SPDX-License-Identifier: BSL-1.0
// Supervisor: restarts, limits, and what it leaves.
#include <poll.h>

#include "carriers.hpp"

namespace umach::test {
namespace {

using namespace std::chrono_literals;

constexpr WhenEmpty (*soon)(std::chrono::milliseconds) = WhenEmpty::wait_for;

class SupervisorOn : public OnEachCarrier {};
UMACH_ON_EACH_CARRIER(SupervisorOn);

TEST_P(SupervisorOn, ChildThatEndsIsStartedAgain) {
    Supervisor supervisor;
    ASSERT_TRUE(supervisor.start("worker", GetParam(), [] { tell(1); }));
    for (int restarts = 0; restarts < 3; ++restarts) {
        EXPECT_EQ(heard(), 1);
        EXPECT_TRUE(supervisor.step(soon(long_enough)));
    }
    EXPECT_EQ(heard(), 1);
    EXPECT_EQ(supervisor.children(), 1U);
}

TEST_P(SupervisorOn, GivesUpWhenAChildEndsTooOftenAndSaysWhich) {
    Supervisor supervisor({.restarts = 2, .within = long_enough});
    ASSERT_TRUE(supervisor.start("unlucky", GetParam(), [] { tell(1); }));
    const Result<void> ran = supervisor.run();
    EXPECT_EQ(ran.code(), KERN_ABORTED);
    EXPECT_NE(ran.error().detail().find("unlucky"), std::string::npos);
    EXPECT_EQ(supervisor.children(), 0U);
    for (int runs = 0; runs < 3; ++runs) EXPECT_EQ(heard(), 1);
}

TEST_P(SupervisorOn, EndsOutsideTheTimeDoNotCount) {
    Supervisor supervisor({.restarts = 0, .within = -1ms});
    int ends = 0;
    ASSERT_TRUE(supervisor.start("worker", GetParam(), [] { tell(1); }));
    for (; ends < 5; ++ends) ASSERT_TRUE(supervisor.step(soon(long_enough)));
    for (int runs = 0; runs <= ends; ++runs) EXPECT_EQ(heard(), 1);
}

TEST_P(SupervisorOn, EndThatIsRefusedARestartLeavesTheChildOutAndTheLastEndsRun) {
    int told = 0;
    Supervisor supervisor({}, [&](const std::string& name) {
        EXPECT_EQ(name, "worker");
        return ++told < 3;
    });
    ASSERT_TRUE(supervisor.start("worker", GetParam(), [] { tell(1); }));
    EXPECT_TRUE(supervisor.run());
    EXPECT_EQ(told, 3);
    EXPECT_EQ(supervisor.children(), 0U);
    for (int runs = 0; runs < 3; ++runs) EXPECT_EQ(heard(), 1);
}

TEST_P(SupervisorOn, TerminatedChildIsStartedAgainAndItsSiblingLeftAlone) {
    Supervisor supervisor;
    const auto worker = [] {
        tell(1);
        wait_for_good();
    };
    ASSERT_TRUE(supervisor.start("left alone", GetParam(), worker));
    ASSERT_TRUE(supervisor.start("terminated", GetParam(), worker));
    for (int runs = 0; runs < 2; ++runs) EXPECT_EQ(heard(), 1);
    const PortName first = supervisor.port_of("left alone");
    const PortName second = supervisor.port_of("terminated");
    ASSERT_EQ(thread_terminate(second.get()), KERN_SUCCESS);
    EXPECT_TRUE(supervisor.step(soon(long_enough)));
    EXPECT_EQ(heard(), 1);
    EXPECT_EQ(supervisor.port_of("left alone"), first);
    EXPECT_NE(supervisor.port_of("terminated").get(), second.get());
}

TEST_P(SupervisorOn, ItsEndTerminatesAndJoinsWhatRuns) {
    ThreadPort port;
    {
        Supervisor supervisor;
        ASSERT_TRUE(supervisor.start("worker", GetParam(), [] {
            tell(0);
            wait_for_good();
            tell(1);
        }));
        EXPECT_EQ(heard(), 0);
        port = ThreadPort(supervisor.port_of("worker").get());
        port_reference(task_self(), port.name(), PORT_TYPE_SEND);
    }
    EXPECT_TRUE(port.join(0ms));
    EXPECT_FALSE(hears_something());
}

TEST_P(SupervisorOn, DescriptorIsReadableOnceAChildHasEnded) {
    Supervisor supervisor({}, [](const std::string&) { return false; });
    ASSERT_TRUE(supervisor.start("worker", GetParam(), [] {
        wait_for_good();
        tell(1);
    }));
    const PortFd fd = supervisor.fd().value();
    pollfd poll_fd{.fd = fd.get(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(poll(&poll_fd, 1, 0), 0);
    ASSERT_EQ(umach_thread_unpark(supervisor.port_of("worker").get()), KERN_SUCCESS);
    EXPECT_EQ(heard(), 1);
    if (GetParam() == Carrier::fiber) this_thread::yield();  // poll() lets no fiber run
    EXPECT_EQ(poll(&poll_fd, 1, 10000), 1);
    EXPECT_TRUE(supervisor.step(WhenEmpty::never_wait()));
    EXPECT_EQ(supervisor.children(), 0U);
}

TEST_P(SupervisorOn, StopEndsRunAndTheChildrenGoOn) {
    Supervisor supervisor;
    ASSERT_TRUE(supervisor.start("worker", GetParam(), [] { wait_for_good(); }));
    Thread running =
        Thread::spawn(Carrier::os_thread, [&supervisor] { tell(supervisor.run().code()); }).value();
    supervisor.stop();
    EXPECT_EQ(heard(), KERN_SUCCESS);
    EXPECT_TRUE(running.join(long_enough));
    EXPECT_EQ(supervisor.children(), 1U);
}

class SupervisorOf : public WithBoard {};

TEST_F(SupervisorOf, TwoChildrenOfOneNameAreRefused) {
    Supervisor supervisor;
    ASSERT_TRUE(supervisor.start("one", Carrier::fiber, [] { wait_for_good(); }));
    EXPECT_EQ(supervisor.start("one", Carrier::fiber, [] {}).code(), KERN_NAME_EXISTS);
    EXPECT_EQ(supervisor.children(), 1U);
    EXPECT_FALSE(supervisor.port_of("two"));
}

TEST_F(SupervisorOf, StepWithoutAnEndTimesOut) {
    Supervisor supervisor;
    EXPECT_EQ(supervisor.step(WhenEmpty::never_wait()).code(), RCV_TIMED_OUT);
    EXPECT_TRUE(supervisor.run()) << "there is nobody to wait for";
}

TEST_F(SupervisorOf, ProgramThatEndsIsStartedAgain) {
    int ends = 0;
    Supervisor supervisor({}, [&](const std::string&) { return ++ends < 3; });
    ASSERT_TRUE(supervisor.start_program("true", "/bin/true"));
    EXPECT_TRUE(supervisor.run());
    EXPECT_EQ(ends, 3);
}

TEST_F(SupervisorOf, ProgramThatIsNotThereIsInvalidArgument) {
    Supervisor supervisor;
    const Result<void> started = supervisor.start_program("nothing", "/no/such/program");
    EXPECT_EQ(started.code(), KERN_INVALID_ARGUMENT);
    EXPECT_EQ(supervisor.children(), 0U);
}

TEST_F(SupervisorOf, RunsOnAFiberBesideAServer) {
    Server server;
    register_ports({board_, server.add_port().value()}).value();
    int calls = 0;
    server.handle<int, void>(1, [&](int) {
        if (++calls == 4) server.stop();
    });
    Supervisor supervisor;
    ASSERT_TRUE(supervisor.start("caller", Carrier::process, [] {
        static_cast<void>(call<int, void>(registered_port(1).value(), 1, 0));
    }));
    Thread supervising = Thread::spawn(Carrier::fiber, [&] { supervisor.run().value(); }).value();
    EXPECT_TRUE(server.run());
    supervisor.stop();
    EXPECT_TRUE(supervising.join(long_enough));
}

}  // namespace
}  // namespace umach::test
