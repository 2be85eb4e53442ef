// SPDX-License-Identifier: BSL-1.0
// Who waits for a partner on another core looks for it before it sleeps, whatever core the waiter itself is bound to; and
// leaves the core to its partner, not to a program that computes.
#include <gtest/gtest.h>

#include <mach.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <latch>
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

void call(port_t port, msg_id_t id) {
    msg_header_t message = bare(port, thread_reply(), id);
    EXPECT_EQ(msg_rpc(&message, MSG_OPTION_NONE, sizeof message, 0, 0), RPC_SUCCESS);
}

void end_server(port_t port) { call(port, 0); }

// The sleeps of a caller on one core, of so many calls to a server on another; of several tries, since others may have
// the cores meanwhile, the one with the least.
long least_sleeps(port_t port, int core) {
    bind_to(core);
    long least = calls;
    for (int attempt = 0; attempt < 20 && least >= calls / 2; ++attempt) {
        const long before = sleeps_so_far();
        for (int i = 0; i < calls; ++i) call(port, 1);
        least = std::min(least, sleeps_so_far() - before);
    }
    end_server(port);
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

// How often a thread gave up its core: asleep; to others who wanted it.
struct Switches {
    long sleeps = 0, pushed = 0;
    Switches& operator+=(const Switches& other) {
        sleeps += other.sleeps;
        pushed += other.pushed;
        return *this;
    }
};

// What the calling thread has done of that on a core, while it acted.
template <class Act>
Switches switches_during(int core, Act act) {
    bind_to(core);
    rusage before{}, after{};
    getrusage(RUSAGE_THREAD, &before);
    act();
    getrusage(RUSAGE_THREAD, &after);
    return {after.ru_nvcsw - before.ru_nvcsw, after.ru_nivcsw - before.ru_nivcsw};
}

// Receives messages until one with the id 0 has come, or none comes any more.
void take_stream(port_t port) {
    for (msg_id_t id = 1; id != 0;) {
        msg_header_t message = bare(PORT_NULL, port, 0);
        ASSERT_EQ(msg_receive(&message, RCV_TIMEOUT, 10'000), RCV_SUCCESS);
        id = message.msg_id;
    }
}

void send_stream(port_t port, int messages) {
    for (int left = messages; left-- > 0;) {
        msg_header_t message = bare(port, PORT_NULL, left);
        ASSERT_EQ(msg_send(&message, SEND_TIMEOUT, 10'000), SEND_SUCCESS);
    }
}

Switches switches_of_a_stream(const std::vector<int>& cores, int messages) {
    port_name_t port = PORT_NULL;
    EXPECT_EQ(port_allocate(task_self(), &port), KERN_SUCCESS);
    Switches receivers, senders;
    std::thread receiver([&] { receivers = switches_during(cores[1], [&] { take_stream(port); }); });
    std::thread sender([&] { senders = switches_during(cores[0], [&] { send_stream(port, messages); }); });
    sender.join();
    receiver.join();
    return senders += receivers;
}

// A lock is held for less than a microsecond, over and over: who wants it meanwhile gets it while it looks. One that slept
// for it would let the queue run full or empty, and then the other slept, too.
TEST(Waiting, ASenderAndAReceiverOnTwoCoresHardlyEverSleepForTheLocksThatBothWant) {
    const std::vector<int> cores = usable_cores();
    if (cores.size() < 2) GTEST_SKIP() << "there is one core";
    constexpr int messages = 50'000, bound = messages / 300, most_pushed = 3;
    long least = -1;
    for (int attempt = 0; attempt < 8 && (least < 0 || least >= bound); ++attempt) {
        const Switches had = switches_of_a_stream(cores, messages);
        std::printf("%ld sleeps, %ld times others had the core\n", had.sleeps, had.pushed);
        if (had.pushed <= most_pushed) least = least < 0 ? had.sleeps : std::min(least, had.sleeps);
    }
    if (least < 0) GTEST_SKIP() << "others had the cores";
    EXPECT_LT(least, bound);
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

// Computes; with a nice value of 10 it counts for a tenth of who is not nice.
void compute(int core, int nice, const std::atomic<bool>& over) {
    bind_to(core);
    EXPECT_EQ(setpriority(PRIO_PROCESS, 0, nice), 0);   // of this thread
    while (!over) {
    }
}

void call_for(port_t port, std::chrono::milliseconds time) {
    for (const auto begun = std::chrono::steady_clock::now(); std::chrono::steady_clock::now() - begun < time;)
        call(port, 1);
}

struct Shares {
    double calls, other;   // seconds of the core
};

// What callers and a server have of the one core that they share with a nice program, once they know that there is one.
Shares shares_of_a_core() {
    const int core = usable_cores().front();
    port_name_t port = PORT_NULL;
    EXPECT_EQ(port_allocate(task_self(), &port), KERN_SUCCESS);
    std::atomic<bool> over = false;
    std::thread server(answer_at, port, core), other([&] { compute(core, 10, over); });
    Shares had{};
    std::thread client([&] {
        bind_to(core);
        call_for(port, std::chrono::milliseconds(700));   // in which it is learned that yields are dear
        const auto ours = [&] { return used(CLOCK_THREAD_CPUTIME_ID) + used(clock_of(server)); };
        const double before = ours(), others_before = used(clock_of(other));
        call_for(port, std::chrono::milliseconds(700));
        had = {ours() - before, used(clock_of(other)) - others_before};
        end_server(port);
    });
    client.join();
    over = true;
    other.join();
    server.join();
    std::printf("%.2f s for calls, %.2f s for the other\n", had.calls, had.other);
    return had;
}

TEST(Waiting, CallsOnACoreWithANiceProgramThatComputesHaveMostOfTheCore) {
    const Shares had = shares_of_a_core();
    EXPECT_GT(had.calls, had.other);
}

// Threads that have called once and do something else since.
class IdleMembers {
public:
    explicit IdleMembers(int count) : called_(count) {
        for (int i = 0; i < count; ++i) members_.emplace_back([this] { call_once(); });
        called_.wait();
    }
    IdleMembers(const IdleMembers&) = delete;
    ~IdleMembers() {
        over_.count_down();
        for (std::thread& member : members_) member.join();
    }

private:
    void call_once() {
        port_name_t port = PORT_NULL;
        EXPECT_EQ(port_allocate(task_self(), &port), KERN_SUCCESS);
        called_.count_down();
        over_.wait();
    }

    std::latch called_, over_{1};
    std::vector<std::thread> members_;
};

TEST(Waiting, IdleMembersOfTheHostTakeNothingFromCallsBesideAProgramThatComputes) {
    const IdleMembers forty(40);
    const Shares had = shares_of_a_core();
    EXPECT_GT(had.calls, had.other);
}

// The median time of what somebody does who does it seldom.
template <class Act>
double median_of_rare(Act act) {
    constexpr itimerspec beat{{0, 20'000'000}, {0, 20'000'000}};
    const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    EXPECT_EQ(timerfd_settime(timer, 0, &beat, nullptr), 0);
    std::vector<double> times(21);
    for (double& time : times) {
        std::uint64_t beats = 0;
        EXPECT_EQ(read(timer, &beats, sizeof beats), ssize_t{sizeof beats});
        const auto begun = std::chrono::steady_clock::now();
        act();
        time = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begun).count();
    }
    close(timer);
    std::ranges::nth_element(times, times.begin() + 10);
    return times[10];
}

double median_rpc(int callers_core, int servers_core) {
    port_name_t port = PORT_NULL;
    EXPECT_EQ(port_allocate(task_self(), &port), KERN_SUCCESS);
    double median = 0;
    std::thread server(answer_at, port, servers_core);
    std::thread client([&] {
        bind_to(callers_core);
        median = median_of_rare([&] { call(port, 1); });
        end_server(port);
    });
    client.join();
    server.join();
    return median;
}

// The same between two threads that do nothing but sleep until the other has written.
double median_exchange(int callers_core, int servers_core) {
    const int request = eventfd(0, EFD_CLOEXEC), reply = eventfd(0, EFD_CLOEXEC);
    double median = 0;
    std::thread server([&] {
        bind_to(servers_core);
        for (eventfd_t value = 1; value != 2;) {
            EXPECT_EQ(eventfd_read(request, &value), 0);
            EXPECT_EQ(eventfd_write(reply, 1), 0);
        }
    });
    std::thread client([&] {
        bind_to(callers_core);
        eventfd_t value = 0;
        median = median_of_rare([&] { eventfd_write(request, 1), eventfd_read(reply, &value); });
        eventfd_write(request, 2);
    });
    client.join();
    server.join();
    close(request);
    close(reply);
    return median;
}

TEST(Waiting, RareCallsBesideAProgramThatComputesTakeAboutAsLongAsASleepAndAWakeUp) {
    const std::vector<int> cores = usable_cores();
    if (cores.size() < 2) GTEST_SKIP() << "there is one core";
    std::atomic<bool> over = false;
    std::thread other([&] { compute(cores[0], 0, over); });
    double least = 1e9;   // of several tries: others may want the cores during one of the two
    for (int attempt = 0; attempt < 5 && least >= 4; ++attempt) {
        const double rpc = median_rpc(cores[0], cores[1]), exchange = median_exchange(cores[0], cores[1]);
        std::printf("%.0f us an RPC, %.0f us an exchange\n", rpc, exchange);
        least = std::min(least, rpc / exchange);
    }
    over = true;
    other.join();
    EXPECT_LT(least, 4);
}

}  // namespace
}  // namespace umach::test
