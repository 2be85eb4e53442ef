// SPDX-License-Identifier: BSL-1.0
// Who waits for a partner on another core looks for it before it sleeps, whatever core the waiter itself is bound to; and
// leaves the core to its partner, not to a program that computes.
#include <gtest/gtest.h>

#include <mach.h>
#include <sched.h>
#include <sys/resource.h>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <thread>
#include <vector>

namespace umach::test {
namespace {

constexpr int calls = 1'000;

std::vector<int> usable_cores() {
    cpu_set_t set;
    std::vector<int> cores;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return cores;
    for (int core = 0; core < CPU_SETSIZE; ++core)
        if (CPU_ISSET(core, &set)) cores.push_back(core);
    return cores;
}

void bind_to(int core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    ASSERT_EQ(sched_setaffinity(0, sizeof set, &set), 0);
}

long sleeps_so_far() {
    rusage usage{};
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
}

msg_header_t bare(port_t to, port_t reply_to, msg_id_t id) {
    msg_header_t message{};
    message.msg_simple = TRUE;
    message.msg_size = sizeof message;
    message.msg_remote_port = to;
    message.msg_local_port = reply_to;
    message.msg_id = id;
    return message;
}

// Answers until a message with the id 0 has come.
void answer_at(port_t port, int core) {
    bind_to(core);
    for (msg_id_t id = 1; id != 0;) {
        msg_header_t message = bare(PORT_NULL, port, 0);
        ASSERT_EQ(msg_receive(&message, MSG_OPTION_NONE, 0), RCV_SUCCESS);
        id = message.msg_id;
        message = bare(message.msg_remote_port, PORT_NULL, id + 1);
        ASSERT_EQ(msg_send(&message, MSG_OPTION_NONE, 0), SEND_SUCCESS);
    }
}

// The sleeps of a caller on one core, of so many calls to a server on another; of several tries, since others may have
// the cores meanwhile, the one with the least.
long least_sleeps(port_t port, int core) {
    bind_to(core);
    long least = calls;
    for (int attempt = 0; attempt < 20 && least >= calls / 2; ++attempt) {
        const long before = sleeps_so_far();
        for (int i = 0; i < calls; ++i) {
            msg_header_t message = bare(port, thread_reply(), 1);
            EXPECT_EQ(msg_rpc(&message, MSG_OPTION_NONE, sizeof message, 0, 0), RPC_SUCCESS);
        }
        least = std::min(least, sleeps_so_far() - before);
    }
    msg_header_t last = bare(port, thread_reply(), 0);
    EXPECT_EQ(msg_rpc(&last, MSG_OPTION_NONE, sizeof last, 0, 0), RPC_SUCCESS);
    return least;
}

TEST(Waiting, ThreadsThatAreBoundToTwoCoresAnswerEachOtherMostlyWithoutASleep) {
    const std::vector<int> cores = usable_cores();
    if (cores.size() < 2) GTEST_SKIP() << "there is one core";
    port_name_t port = PORT_NULL;
    ASSERT_EQ(port_allocate(task_self(), &port), KERN_SUCCESS);
    long least = calls;
    std::thread server(answer_at, port, cores[1]);
    std::thread client([&] { least = least_sleeps(port, cores[0]); });
    client.join();
    server.join();
    EXPECT_LT(least, calls / 2);
}

double used(clockid_t clock) {
    timespec time{};
    EXPECT_EQ(clock_gettime(clock, &time), 0);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

clockid_t clock_of(std::thread& thread) {
    clockid_t clock{};
    EXPECT_EQ(pthread_getcpuclockid(thread.native_handle(), &clock), 0);
    return clock;
}

// Computes, and counts for a tenth of who is not nice.
void compute(int core, const std::atomic<bool>& over) {
    bind_to(core);
    EXPECT_EQ(setpriority(PRIO_PROCESS, 0, 10), 0);   // of this thread
    while (!over) {
    }
}

void call_for(port_t port, std::chrono::milliseconds time) {
    for (const auto begun = std::chrono::steady_clock::now(); std::chrono::steady_clock::now() - begun < time;) {
        msg_header_t message = bare(port, thread_reply(), 1);
        EXPECT_EQ(msg_rpc(&message, MSG_OPTION_NONE, sizeof message, 0, 0), RPC_SUCCESS);
    }
}

TEST(Waiting, CallsOnACoreWithANiceProgramThatComputesHaveMostOfTheCore) {
    const int core = usable_cores().front();
    port_name_t port = PORT_NULL;
    ASSERT_EQ(port_allocate(task_self(), &port), KERN_SUCCESS);
    std::atomic<bool> over = false;
    std::thread server(answer_at, port, core), other([&] { compute(core, over); });
    double calls_had = 0, other_had = 0;
    std::thread client([&] {
        bind_to(core);
        call_for(port, std::chrono::milliseconds(700));   // in which it is learned that yields are dear
        const auto ours = [&] { return used(CLOCK_THREAD_CPUTIME_ID) + used(clock_of(server)); };
        const double before = ours(), others_before = used(clock_of(other));
        call_for(port, std::chrono::milliseconds(700));
        calls_had = ours() - before;
        other_had = used(clock_of(other)) - others_before;
        msg_header_t last = bare(port, thread_reply(), 0);
        EXPECT_EQ(msg_rpc(&last, MSG_OPTION_NONE, sizeof last, 0, 0), RPC_SUCCESS);
    });
    client.join();
    over = true;
    other.join();
    server.join();
    EXPECT_GT(calls_had, other_had) << "seconds of the core";
    std::printf("%.2f s for calls, %.2f s for the other\n", calls_had, other_had);
}

}  // namespace
}  // namespace umach::test
