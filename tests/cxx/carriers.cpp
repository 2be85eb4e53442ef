// SPDX-License-Identifier: BSL-1.0
#include "carriers.hpp"

#include <sys/wait.h>

namespace umach::test {

void tell(int number) {
    MessageWriter message(1);
    message.put(number);
    registered_port(0).value().send(message).value();
}

void tell_port(const ReceiveRight& port) {
    MessageWriter message(2);
    message.make_send(port);
    registered_port(0).value().send(message).value();
}

int wait_for_good() {
    return this_thread::park().code();
}

void WithBoard::SetUp() {
    while (receive_notification(WhenEmpty::never_wait())) {
    }
    // Two ports that the main thread has for good, once they are asked for.
    ASSERT_NE(thread_self(), PORT_NULL);
    ASSERT_NE(thread_reply(), PORT_NULL);
    before_ = names_held();
    board_ = ReceiveRight::allocate().value();
    register_ports({board_}).value();
}

void WithBoard::TearDown() {
    EXPECT_EQ(board_.receive(WhenEmpty::never_wait()).code(), RCV_TIMED_OUT) << "a worker told more";
    register_ports({}).value();
    board_.reset();
    until_unwound();
    while (wait(nullptr) > 0) {
    }
    // A worker that asked for its own kernel port, or for one of its task's, has left a name that is dead.
    while (receive_notification(WhenEmpty::never_wait())) {
    }
    EXPECT_EQ(before_, names_held()) << "the case did not leave the space as it found it";
}

int WithBoard::heard() const {
    return board_.receive(WhenEmpty::wait_for(long_enough)).value().reader().get<int>().value();
}

SendRight WithBoard::heard_port() const {
    return board_.receive(WhenEmpty::wait_for(long_enough)).value().reader().get<SendRight>().value();
}

bool WithBoard::hears_something() const {
    return board_.receive(WhenEmpty::wait_for(a_moment)).ok();
}

void WithBoard::until_unwound() const {
    const auto end = std::chrono::steady_clock::now() + long_enough;
    while (alive_.use_count() > 1 && std::chrono::steady_clock::now() < end) this_thread::yield();
    EXPECT_EQ(alive_.use_count(), 1) << "a callable has not ended";
}

bool WithBoard::is_alive(PortName port) {
    return type_of(port.get()) == PORT_TYPE_SEND;
}

std::string name_of(Carrier carrier) {
    switch (carrier) {
        case Carrier::fiber: return "Fiber";
        case Carrier::os_thread: return "OsThread";
        default: return "Process";
    }
}

}  // namespace umach::test
