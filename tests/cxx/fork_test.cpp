// SPDX-License-Identifier: BSL-1.0
// A forked child is a new task: what its parent's objects must not do there, and how it finds its parent.
#include <gtest/gtest.h>

#include <unistd.h>

#include <functional>

#include <umach/umach.hpp>

#include "names_held.hpp"

namespace umach::test {
namespace {

/// Runs `body` in a child; it succeeds by returning true.
int fork_and_run(const std::function<bool()>& body) {
    const int child = fork();
    if (child == 0) _exit(body() ? 0 : 1);
    return child;
}

TEST(Fork, RightsOfTheParentReadNullInTheChild) {
    const ReceiveRight port = ReceiveRight::allocate().value();
    const SendRight right = port.make_send().value();
    EXPECT_EQ(exit_code(fork_and_run([&] {
                  return port.name() == PORT_NULL && right.name() == PORT_NULL && !port &&
                         PortName(port).get() == PORT_NULL;
              })),
              0);
    EXPECT_EQ(type_of(port.name()), PORT_TYPE_RECEIVE_OWN);
}

TEST(Fork, ObjectsOfTheParentReleaseNothingInTheChild) {
    std::vector<ReceiveRight> ports;
    for (int i = 0; i < 8; ++i) ports.push_back(ReceiveRight::allocate().value());
    EXPECT_EQ(exit_code(fork_and_run([&] {
                  std::vector<ReceiveRight> own;  // the same small names, in a space of its own
                  for (int i = 0; i < 8; ++i) own.push_back(ReceiveRight::allocate().value());
                  ports.clear();
                  for (const auto& port : own) {
                      if (type_of(port.name()) != PORT_TYPE_RECEIVE_OWN) return false;
                  }
                  return true;
              })),
              0);
    for (const auto& port : ports) EXPECT_EQ(type_of(port.name()), PORT_TYPE_RECEIVE_OWN);
}

TEST(Fork, MessageOfTheParentReleasesNothingInTheChild) {
    const ReceiveRight port = ReceiveRight::allocate().value();
    MessageWriter writer;
    writer.move(ReceiveRight::allocate().value());
    port.send(writer).value();
    Message message = port.receive().value();
    EXPECT_EQ(exit_code(fork_and_run([&] {
                  std::vector<ReceiveRight> own;
                  for (int i = 0; i < 16; ++i) own.push_back(ReceiveRight::allocate().value());
                  message = Message();
                  for (const auto& right : own) {
                      if (type_of(right.name()) != PORT_TYPE_RECEIVE_OWN) return false;
                  }
                  return true;
              })),
              0);
    EXPECT_TRUE(message.reader().get<ReceiveRight>().value());
}

TEST(Fork, ChildFindsTheRegisteredPortAndItsMessageArrives) {
    const ReceiveRight port = ReceiveRight::allocate().value();
    register_ports({port}).value();
    const int child = fork_and_run([] {
        MessageWriter message(11);
        return registered_port(0).value().send(message).ok();
    });
    EXPECT_EQ(port.receive().value().id(), 11);
    EXPECT_EQ(exit_code(child), 0);
    register_ports({}).value();
}

TEST(Fork, EmptySlotGivesAnEmptyRightAndSlotFourIsRefused) {
    register_ports({}).value();
    EXPECT_FALSE(registered_port(0).value());
    EXPECT_EQ(registered_port(TASK_PORT_REGISTER_MAX).code(), KERN_INVALID_ARGUMENT);
}

TEST(Fork, FivePortsAreMoreThanATaskRegisters) {
    const PortName none;
    EXPECT_EQ(register_ports({none, none, none, none, none}).code(), KERN_INVALID_ARGUMENT);
}

TEST(Fork, CallWorksInTheChildAlthoughTheParentHasCalledBefore) {
    Server server;
    const PortName port = server.add_port().value();
    server.handle<int, int>(1, [&](int n) {
        if (n == 0) server.stop();
        return n + 1;
    });
    register_ports({port}).value();
    const auto ask = [](int n) { return call<int, int>(registered_port(0).value(), 1, n).value() == n + 1; };
    const int child = fork_and_run([&] {
        if (!ask(1)) return false;
        return exit_code(fork_and_run([&] { return ask(2); })) != 0 || ask(0);
    });
    server.run().value();
    EXPECT_EQ(exit_code(child), 0);
    register_ports({}).value();
}

}  // namespace
}  // namespace umach::test
