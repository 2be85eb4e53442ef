// SPDX-License-Identifier: BSL-1.0
// Each system call that a process makes to make a host, to join one, and to exchange messages fails once with an
// error, those that it may have and some others: what is asked of the library then succeeds all the same or fails
// with an error that says why; nothing crashes, hangs, or stays behind.
#include "processes.hpp"

#include "tests/runtime/failing_call.hpp"
#include "tests/runtime/left_behind.hpp"

#include <umach_inspect.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <set>

#if defined(__x86_64__)

namespace umach::tests {
namespace {

// Runs the body in a process that is killed where it is about to make its nth system call, from 1.
// returns: whether it came so far
bool kill_at_call(unsigned nth, const std::function<void()>& body) {
    const pid_t child = runtime::test::start_traced(body);
    MUST(child > 0);
    int status = 0;
    for (unsigned stops = 0; runtime::test::next_stop(child, &status);) {
        if (++stops != nth) continue;
        kill_and_reap(child);
        return true;
    }
    return false;
}

// Fails every call once, in each way, and looks after each.
void fail_every_call(const std::function<void()>& body, const std::function<void()>& look) {
    const auto failures = runtime::test::fail_every_call({}, body, look);
    if (!failures.trouble.empty()) std::fprintf(stderr, "%s\n", failures.trouble.c_str());
    std::printf("[ figures  ] %d system calls failed, %d times with a clear error\n", failures.runs, failures.errors);
    std::fflush(stdout);
    MUST(failures.trouble.empty() && failures.runs > 10);
}

[[noreturn]] void give_verdict(bool success) {
    runtime::test::give_verdict(success, mach_error_detail());
}

bool exchange_a_message() {
    port_name_t own = PORT_NULL;
    if (port_allocate(task_self(), &own) != KERN_SUCCESS) return false;
    msg_header_t header{};
    header.msg_simple = TRUE;
    header.msg_size = sizeof header;
    header.msg_remote_port = own;
    if (msg_send(&header, SEND_TIMEOUT, 1'000) != SEND_SUCCESS) return false;
    header.msg_local_port = own;
    return msg_receive(&header, RCV_TIMEOUT, 1'000) == RCV_SUCCESS;
}

bool is_more_left_than(const std::set<std::string>& before) {
    const std::set<std::string> now = runtime::test::left_by_hosts();
    return !std::includes(before.begin(), before.end(), now.begin(), now.end());
}

struct Kinds {
    const char *segment, *doorbell;
};

class SystemCallFault : public testing::TestWithParam<Kinds> {};
INSTANTIATE_TEST_SUITE_P(, SystemCallFault,
                         testing::Values(Kinds{"posix", "futex"}, Kinds{"sysv", "sysv"}, Kinds{"anonymous", "posix"}),
                         [](const auto& kinds) { return std::string(kinds.param.segment) + "_" + kinds.param.doorbell; });

TEST_P(SystemCallFault, InOneThatMakesAHostIsAClearErrorAndLeavesNothing) {
    if (!runtime::test::may_trace()) GTEST_SKIP() << "tracing is not permitted here";
    const std::string name = "fault-" + std::to_string(getpid());
    EXPECT_TRUE(runs_well([&] {
        alarm(120);
        const auto before = runtime::test::left_by_hosts();
        umach_host_options_t options{};
        options.segment = GetParam().segment;
        options.doorbell = GetParam().doorbell;
        const auto make = [&] {
            if (umach_host_create(name.c_str(), &options) != KERN_SUCCESS) give_verdict(false);
            give_verdict(exchange_a_message());
        };
        fail_every_call(make, [&] { MUST(becomes_true([&] { return !name_is_taken(name) && !is_more_left_than(before); })); });
    }));
}

// The name is free at once: nothing of a host that was not finished can be found.
TEST(KilledAtAnySystemCall, TheMakerOfAHostLeavesNothingAndTheNextMakesItAtOnce) {
    if (!runtime::test::may_trace()) GTEST_SKIP() << "tracing is not permitted here";
    const std::string name = "killed-" + std::to_string(getpid());
    EXPECT_TRUE(runs_well([&] {
        alarm(120);
        const auto make = [&] { MUST(umach_host_create(name.c_str(), nullptr) == KERN_SUCCESS && exchange_a_message()); };
        unsigned nth = 1;
        while (kill_at_call(nth, make)) {
            const auto begin = runtime::MonotonicClock::now();
            MUST(runs_well([&] {
                const auto again = runtime::Deadline::in(std::chrono::milliseconds(500));   // 100 on a quiet machine
                while (umach_host_create(name.c_str(), nullptr) != KERN_SUCCESS) MUST(!again.passed());
                MUST(exchange_a_message());
            }));
            MUST(runtime::MonotonicClock::now() - begin < std::chrono::seconds(2));
            nth += nth < 40 ? 1 : 3;
        }
        std::printf("[ figures  ] killed at each of %u stops at system calls\n", nth);
        std::fflush(stdout);
        MUST(nth > 40);
        MUST(becomes_true([&] { return !name_is_taken(name); }));
    }));
}

TEST(SystemCallFaultOfAChild, ThatJoinsIsAClearErrorAndLeavesTheHostAsItWas) {
    if (!runtime::test::may_trace()) GTEST_SKIP() << "tracing is not permitted here";
    EXPECT_TRUE(runs_well([] {
        alarm(120);
        const port_name_t port = new_port();
        leave_for_children(port);
        MUST(runs_well([] { MUST(new_port() != PORT_NULL); }));   // the keeper and the name service are there now
        const unsigned before = live_tasks();
        const auto join = [] { give_verdict(task_self() != PORT_NULL && exchange_a_message()); };
        fail_every_call(join, [&] {
            MUST(becomes_true([&] { return live_tasks() <= before; }));
            MUST(violations().empty());
        });
        MUST(new_port() != PORT_NULL);
    }));
}

}  // namespace
}  // namespace umach::tests

#endif
