// SPDX-License-Identifier: BSL-1.0
// What a death costs: how soon everybody has been told of that of a large task, and what the others' work is
// slowed down by many.
#include "processes.hpp"

#include <mach/thread_interface.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <umach_threads.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <future>
#include <thread>
#include <vector>

namespace umach::tests {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point begin) {
    return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

// ---- a large task -----------------------------------------------------------------------------------------

// A full run is made on a machine that does nothing else.
bool is_full_run() { return std::getenv("UMACH_FULL") != nullptr; }

constexpr double most = 50;   // ms
constexpr int ports = 10'000, messages = 1'000, peers = 100, rights_in_a_message = 50;

msg_return_t call(port_name_t server, port_name_t reply) {
    msg_header_t header{};
    header.msg_simple = TRUE;
    header.msg_size = sizeof header;
    header.msg_remote_port = server;
    header.msg_local_port = reply;
    return msg_rpc(&header, MSG_OPTION_NONE, sizeof header, 0, 0);
}

struct Peer {
    std::atomic<int>* waiting;
    std::atomic<int>* told;
    port_name_t server;
};

// Waits for an answer that never comes.
void wait_for_answer(void* argument) {
    const auto* peer = static_cast<Peer*>(argument);
    port_name_t reply = PORT_NULL;
    MUST(port_allocate(task_self(), &reply) == KERN_SUCCESS);
    ++*peer->waiting;
    const msg_return_t code = call(peer->server, reply);
    MUST(code == MIG_SERVER_DIED || code == SEND_INVALID_PORT);
    ++*peer->told;
}

// Makes the ports, gives a right to each to its parent, and fills some of them with messages of its own.
void be_large(port_name_t parent) {
    std::vector<port_name_t> own(ports);
    for (port_name_t& port : own) port = new_port();
    for (std::size_t at = 0; at < own.size(); at += rights_in_a_message) {
        struct {
            msg_header_t header;
            msg_type_t type;
            std::array<port_name_t, rights_in_a_message> names;
        } letter{};
        letter.header.msg_size = sizeof letter;
        letter.header.msg_remote_port = parent;
        letter.type = {MSG_TYPE_PORT, 32, rights_in_a_message, 1, 0, 0, 0};
        std::copy_n(own.begin() + static_cast<std::ptrdiff_t>(at), rights_in_a_message, letter.names.begin());
        MUST(msg_send(&letter.header, MSG_OPTION_NONE, 0) == SEND_SUCCESS);
    }
    for (int i = 0; i < messages; ++i)
        MUST(send_plain(own[static_cast<std::size_t>(i / PORT_BACKLOG_MAX + 1)], i) == SEND_SUCCESS);
    MUST(send_plain(parent, 1) == SEND_SUCCESS);
    receive(new_port(), MSG_OPTION_NONE, 0);
}

// Receives the rights.
// returns: the first of them
port_name_t take_rights(port_name_t from) {
    port_name_t first = PORT_NULL;
    for (int got = 0; got < ports; got += rights_in_a_message) {
        struct {
            msg_header_t header;
            msg_type_t type;
            std::array<port_name_t, rights_in_a_message> names;
        } letter{};
        letter.header.msg_size = sizeof letter;
        letter.header.msg_local_port = from;
        MUST(msg_receive(&letter.header, RCV_TIMEOUT, 20'000) == RCV_SUCCESS);
        if (first == PORT_NULL) first = letter.names[0];
    }
    return first;
}

TEST(Reclaim, ATaskOfTenThousandPortsAThousandMessagesAndAHundredCallersIsToldOfWithinFiftyMilliseconds) {
    EXPECT_TRUE(runs_well([] {
        setenv("UMACH_PORTS", "40000", 1);
        setenv("UMACH_THREADS", "400", 1);
        const port_name_t home = new_port();
        leave_for_children(home);
        const pid_t large = start([] { be_large(left_by_parent()); });
        Peer peer{};
        std::atomic<int> waiting{0}, told{0};
        peer = {&waiting, &told, take_rights(home)};
        MUST(receive(home, RCV_TIMEOUT, 20'000).id == 1);
        std::vector<std::thread> callers;
        for (int i = 0; i < peers; ++i) callers.emplace_back([&] { wait_for_answer(&peer); });
        MUST(becomes_true([&] { return waiting == peers; }));
        const auto begin = Clock::now();
        kill(large, SIGKILL);
        int notices = 0;
        double first = 0;
        for (; notices < ports; ++notices) {
            MUST(receive(task_notify(), RCV_TIMEOUT, 10'000).id == NOTIFY_PORT_DELETED);
            if (notices == 0) first = milliseconds_since(begin);
        }
        while (told != peers) sched_yield();
        const double all = milliseconds_since(begin);
        std::printf("[ figures  ] %d notices received and %d callers told within %.1f ms; the first after %.1f ms\n",
                    notices, peers, all, first);
        std::fflush(stdout);
        MUST(all < (is_full_run() ? most : 10 * most));
        for (std::thread& caller : callers) caller.join();
        waitpid(large, nullptr, 0);
        MUST(becomes_true([large] { return tasks_of(large) == 0; }));
        MUST(violations().empty());
    }));
}

// ---- one with much memory ---------------------------------------------------------------------------------

constexpr std::size_t half_a_gibibyte = std::size_t{512} << 20;

// In a process of its own, which is then killed.
void fill_half_a_gibibyte() {
    void* much = mmap(nullptr, half_a_gibibyte, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(much != MAP_FAILED);
    std::memset(much, 1, half_a_gibibyte);
}

// When the system says that a process has ended. It tears down the memory before: that takes 25 to 120 ms a GiB here.
Clock::time_point end_of(pid_t process) {
    const int descriptor = static_cast<int>(syscall(SYS_pidfd_open, process, 0));
    pollfd look{descriptor, POLLIN, 0};
    MUST(poll(&look, 1, -1) == 1);
    const auto end = Clock::now();
    close(descriptor);
    return end;
}

TEST(Reclaim, TheDeathOfAMemberWithHalfAGibibyteIsToldOfWithinTenMillisecondsOfItsEnd) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t home = new_port();
        leave_for_children(home);
        const pid_t large = start([] {
            fill_half_a_gibibyte();
            const port_name_t own = new_port();
            MUST(send_right(left_by_parent(), 1, own) == SEND_SUCCESS);
            receive(own, MSG_OPTION_NONE, 0);
        });
        const port_name_t its_port = receive(home, RCV_TIMEOUT, 20'000).right;
        const auto begin = Clock::now();
        kill(large, SIGKILL);
        auto ended = std::async(std::launch::async, end_of, large);
        const Got news = receive(task_notify());
        const double took = milliseconds_since(begin);
        MUST(news.id == NOTIFY_PORT_DELETED && news.right == its_port);
        const double after = took - std::chrono::duration<double, std::milli>(ended.get() - begin).count();
        std::printf("[ figures  ] told of the death of a member with 512 MiB within %.1f ms, %.1f ms after its end\n", took, after);
        std::fflush(stdout);
        MUST(after < (is_full_run() ? 10 : 250));
        waitpid(large, nullptr, 0);
    }));
}

// ---- many small ones --------------------------------------------------------------------------------------

constexpr int victims = 100, rounds = 3;
constexpr long between_kills = 10'000'000;   // ns

struct Shared {
    std::atomic<std::uint64_t> turns;
    std::atomic<std::int64_t> cpu_nanoseconds;
    std::atomic<int> ready;
};

std::int64_t own_cpu() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
}

// Somebody who has nothing to do with those that die.
void work_for_ever(Shared& shared) {
    const port_name_t own = new_port();
    for (;;) {
        for (int i = 0; i < 64; ++i) MUST(send_plain(own, i) == SEND_SUCCESS && receive(own).id == i);
        shared.turns += 64;
        shared.cpu_nanoseconds = own_cpu();
    }
}

// Members that wait, and processes that are none.
std::vector<pid_t> make_members(Shared& shared) {
    std::vector<pid_t> all(victims);
    shared.ready = 0;
    for (pid_t& one : all)
        one = start([&] {
            const port_name_t own = new_port();
            ++shared.ready;
            receive(own, MSG_OPTION_NONE, 0);
        });
    MUST(becomes_true([&] { return shared.ready == victims; }));
    return all;
}
std::vector<pid_t> make_others() {
    std::vector<pid_t> all(victims);
    for (pid_t& one : all) one = start([] { pause(); });
    return all;
}

struct Rate {
    double a_second = 0, a_cpu_second = 0;
    Rate& operator+=(const Rate& more) {
        a_second += more.a_second / rounds;
        a_cpu_second += more.a_cpu_second / rounds;
        return *this;
    }
};

// Kills one after the other, a hundred a second.
// returns: what the worker did meanwhile
Rate rate_while_killing(const std::vector<pid_t>& all, Shared& shared) {
    const std::uint64_t turns = shared.turns;
    const std::int64_t cpu = shared.cpu_nanoseconds;
    const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    const itimerspec every{{0, between_kills}, {0, between_kills}};
    MUST(timer >= 0 && timerfd_settime(timer, 0, &every, nullptr) == 0);
    const auto begin = Clock::now();
    for (const pid_t one : all) {
        std::uint64_t ticks = 0;
        MUST(read(timer, &ticks, sizeof ticks) == sizeof ticks);
        kill_and_reap(one);
    }
    close(timer);
    const double seconds = milliseconds_since(begin) / 1000;
    const auto done = static_cast<double>(shared.turns - turns);
    return {done / seconds, done * 1e9 / static_cast<double>(shared.cpu_nanoseconds - cpu)};
}

TEST(Reclaim, TheDeathsOfAHundredMembersASecondCostTheOthersNoMoreThanThoseOfStrangers) {
    void* at = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(at, MAP_FAILED);
    Shared& shared = *new (at) Shared{};
    EXPECT_TRUE(runs_well([&] {
        static_cast<void>(new_port());
        const pid_t worker = start([&] { alarm(0), work_for_ever(shared); });
        MUST(becomes_true([&] { return shared.turns > 10'000; }));
        Rate with_members, with_others;
        for (int round = 0; round < rounds; ++round) {
            const std::vector<pid_t> members = make_members(shared), others = make_others();
            // In turns first, so that a machine that becomes slower meanwhile does so for both.
            if (round % 2 == 0) with_others += rate_while_killing(others, shared);
            with_members += rate_while_killing(members, shared);
            if (round % 2 != 0) with_others += rate_while_killing(others, shared);
        }
        kill_and_reap(worker);
        const double ratio = with_members.a_second / with_others.a_second;
        const double of_cpu = with_members.a_cpu_second / with_others.a_cpu_second;
        std::printf("[ figures  ] %.0f messages a second while 100 members a second are killed, %.0f while 100 strangers "
                    "are: %.3f; of the worker's own time: %.3f\n",
                    with_members.a_second, with_others.a_second, ratio, of_cpu);
        std::fflush(stdout);
        MUST(of_cpu > 0.9);   // a busy machine changes the other
        MUST(!is_full_run() || ratio >= 0.95);
        MUST(becomes_true([] { return live_tasks() <= 2; }));
        MUST(violations().empty());
    }));
    munmap(at, sizeof(Shared));
}

}  // namespace
}  // namespace umach::tests
