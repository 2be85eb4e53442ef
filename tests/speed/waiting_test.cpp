// SPDX-License-Identifier: BSL-1.0
// Who waits for a partner on another core looks for it before it sleeps, whatever core the waiter itself is bound to.
#include <gtest/gtest.h>

#include <mach.h>
#include <sched.h>
#include <sys/resource.h>
#include <algorithm>
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

}  // namespace
}  // namespace umach::test
