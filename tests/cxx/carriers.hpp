// SPDX-License-Identifier: BSL-1.0
// What the suites of threads, tasks and supervisors share: workers that tell the test, from whatever
// carrier, how it went, and a fixture that holds each case to leaving nothing.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include <umach/umach.hpp>

#include "names_held.hpp"

namespace umach::test {

inline constexpr std::chrono::milliseconds long_enough{10000};
inline constexpr std::chrono::milliseconds a_moment{10};

/// Called by workers: sends a number to the board, which is the first port that their task has registered.
void tell(int number);
/// The same with a right to a port of the worker's.
void tell_port(const ReceiveRight& port);
/// Waits for good, unless somebody ends the wait.
int wait_for_good();

/// The main thread has a board, registered for all that it spawns. No case may leave a name, a notification
/// or a child process.
class WithBoard : public ::testing::Test {
protected:
    void SetUp() override;
    void TearDown() override;

    /// What a worker told next; it must come.
    [[nodiscard]] int heard() const;
    [[nodiscard]] SendRight heard_port() const;
    /// Whether a worker tells something within a moment, which lets fibers run.
    [[nodiscard]] bool hears_something() const;
    /// Whether a name stands for a port that is alive.
    static bool is_alive(PortName port);
    /// The same callable, whose end the case waits for: a thread that was terminated is joined before it is
    /// unwound.
    template <Callable F>
    auto tracked(F&& callable) const {
        return [alive = alive_, run = std::forward<F>(callable)]() mutable { run(); };
    }
    void until_unwound() const;

    ReceiveRight board_;

private:
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
    std::map<port_t, port_type_t> before_;
};

/// One text on three carriers.
class OnEachCarrier : public WithBoard, public ::testing::WithParamInterface<Carrier> {
protected:
    template <Callable F>
    Thread spawn(F&& callable) const {
        return Thread::spawn(GetParam(), tracked(std::forward<F>(callable))).value();
    }
    static bool shares_memory() { return GetParam() != Carrier::process; }
};

std::string name_of(Carrier carrier);

#define UMACH_ON_EACH_CARRIER(suite)                                                                  \
    INSTANTIATE_TEST_SUITE_P(Carriers, suite,                                                         \
                             ::testing::Values(Carrier::fiber, Carrier::os_thread, Carrier::process), \
                             [](const auto& tested) { return name_of(tested.param); })

}  // namespace umach::test
