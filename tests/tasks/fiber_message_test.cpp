// SPDX-License-Identifier: BSL-1.0
// Messages between fibers of one OS thread: what they cost, and who runs when.
#include "processes.hpp"

#include "tasks/fiber/sanitizer.hpp"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <mach/thread_interface.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <umach_threads.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace umach::tests {
namespace {

constexpr msg_id_t last_call = 99;

port_name_t service = PORT_NULL;

msg_return_t call(port_name_t reply, msg_id_t id) {
    msg_header_t header{};
    header.msg_simple = TRUE;
    header.msg_size = sizeof header;
    header.msg_remote_port = service;
    header.msg_local_port = reply;
    header.msg_id = id;
    return msg_rpc(&header, MSG_OPTION_NONE, sizeof header, 0, 0);
}

void serve(void*) {
    for (msg_header_t header{}; header.msg_id != last_call + 100;) {
        header.msg_size = sizeof header;
        header.msg_local_port = service;
        MUST(msg_receive(&header, MSG_OPTION_NONE, 0) == RCV_SUCCESS);
        header.msg_local_port = PORT_NULL;
        header.msg_id += 100;
        MUST(msg_send(&header, MSG_OPTION_NONE, 0) == SEND_SUCCESS);
    }
}

thread_t start_fiber(umach_function_t function, void* argument = nullptr) {
    thread_t thread = THREAD_NULL;
    MUST(umach_thread_create(task_self(), UMACH_FIBER, function, argument, &thread) == KERN_SUCCESS);
    return thread;
}

// From here on a system call other than exit kills the process.
void forbid_system_calls() {
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    const sock_fprog filter{std::size(program), program};
    MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0);
}

TEST(FiberMessage, ACallAndItsAnswerMakeNoSystemCallAndTwoSwitches) {
    if (UMACH_ADDRESS_SANITIZER) GTEST_SKIP() << "the address sanitizer makes system calls of its own";
    EXPECT_TRUE(runs_well([] {
        constexpr unsigned calls = 1'000;
        service = new_port();
        const port_name_t reply = new_port();
        start_fiber(serve);
        for (int i = 0; i < 10; ++i) MUST(call(reply, 1) == RPC_SUCCESS);
        forbid_system_calls();
        const unsigned long long before = umach_fiber_switches();
        bool good = true;
        for (unsigned i = 0; i < calls; ++i) good = good && call(reply, 1) == RPC_SUCCESS;
        good = good && umach_fiber_switches() - before <= 2 * calls;
        syscall(SYS_exit, good ? 0 : 1);
    }));
}

// ---- order ------------------------------------------------------------------------------------------------

struct Story {
    std::string told;
    port_name_t port = PORT_NULL;
    msg_option_t option = MSG_OPTION_NONE;
};

void receive_and_tell(void* argument) {
    auto* story = static_cast<Story*>(argument);
    const Got got = receive(story->port, MSG_OPTION_NONE);
    story->told += "received " + std::to_string(got.id) + "; ";
}

TEST(FiberMessage, AReceiverThatWaitsRunsBeforeItsSenderGoesOn) {
    EXPECT_TRUE(runs_well([] {
        Story story{"", new_port()};
        const thread_t receiver = start_fiber(receive_and_tell, &story);
        umach_thread_yield();
        MUST(send_plain(story.port, 7) == SEND_SUCCESS);
        story.told += "sent; ";
        MUST(umach_thread_join(receiver, 5'000) == KERN_SUCCESS);
        MUST(story.told == "received 7; sent; ");
    }));
}

void send_nine(void* argument) {
    auto* story = static_cast<Story*>(argument);
    for (int i = 1; i <= PORT_BACKLOG_MAX + 1; ++i) MUST(send_plain(story->port, i) == SEND_SUCCESS);
    story->told += "nine sent; ";
}

TEST(FiberMessage, ASenderThatWaitsForRoomDoesNotHoldItsSiblings) {
    EXPECT_TRUE(runs_well([] {
        Story story{"", new_port()};
        const thread_t sender = start_fiber(send_nine, &story);
        umach_thread_yield();
        story.told += "main runs; ";
        for (int i = 1; i <= PORT_BACKLOG_MAX + 1; ++i) MUST(receive(story.port).id == i);
        MUST(umach_thread_join(sender, 5'000) == KERN_SUCCESS);
        MUST(story.told == "main runs; nine sent; ");
    }));
}

void receive_at_most(void* argument) {
    auto* story = static_cast<Story*>(argument);
    const Got got = receive(story->port, RCV_TIMEOUT, 30);
    story->told += got.code == RCV_TIMED_OUT ? "timed out; " : "ended otherwise; ";
}

TEST(FiberMessage, TimeOutsOfFibersEndWhileSiblingsNeverWait) {
    EXPECT_TRUE(runs_well([] {
        Story story{"", new_port()};
        const thread_t fiber = start_fiber(receive_at_most, &story);
        const auto end = runtime::Deadline::in(std::chrono::seconds(5));
        while (story.told.empty() && !end.passed()) umach_thread_yield();
        MUST(story.told == "timed out; ");
        MUST(umach_thread_join(fiber, 5'000) == KERN_SUCCESS);
    }));
}

// ---- signals ----------------------------------------------------------------------------------------------

void receive_with_option(void* argument) {
    auto* story = static_cast<Story*>(argument);
    const Got got = receive(story->port, story->option);
    story->told = got.code == RCV_INTERRUPTED ? "interrupted" : got.code == RCV_SUCCESS ? "received" : "else";
}

TEST(FiberMessage, ASignalEndsTheWaitsOfThoseFibersThatGaveTheOption) {
    EXPECT_TRUE(runs_well([] {
        signal(SIGALRM, [](int) {});
        Story first{"", new_port(), RCV_INTERRUPT}, second{"", new_port(), MSG_OPTION_NONE}, third{"", new_port(), RCV_INTERRUPT};
        const thread_t fibers[] = {start_fiber(receive_with_option, &first), start_fiber(receive_with_option, &second),
                                   start_fiber(receive_with_option, &third)};
        ualarm(30'000, 0);
        MUST(umach_thread_join(fibers[0], 5'000) == KERN_SUCCESS);
        MUST(umach_thread_join(fibers[2], 5'000) == KERN_SUCCESS);
        MUST(first.told == "interrupted" && third.told == "interrupted" && second.told.empty());
        MUST(send_plain(second.port, 1) == SEND_SUCCESS);
        MUST(umach_thread_join(fibers[1], 5'000) == KERN_SUCCESS);
        MUST(second.told == "received");
    }));
}

// ---- fork, chance -----------------------------------------------------------------------------------------

void fork_and_return(void* argument) {
    const pid_t child = fork();
    if (child == 0) return;  // its only fiber: the process ends with it
    int status = -1;
    MUST(waitpid(child, &status, 0) == child);
    static_cast<Story*>(argument)->told = WIFEXITED(status) && WEXITSTATUS(status) == 0 ? "child ended well" : "child did not";
}

TEST(FiberMessage, AForkInAFiberTakesThatFiberAlone) {
    EXPECT_TRUE(runs_well([] {
        Story story, other{"", new_port()};
        const thread_t sibling = start_fiber(receive_and_tell, &other);
        const thread_t forker = start_fiber(fork_and_return, &story);
        MUST(umach_thread_join(forker, 5'000) == KERN_SUCCESS);
        MUST(story.told == "child ended well");
        MUST(other.told.empty());
        MUST(send_plain(other.port, 1) == SEND_SUCCESS);
        MUST(umach_thread_join(sibling, 5'000) == KERN_SUCCESS);
    }));
}

struct Step {
    std::string* told;
    char name;
};

void tell_in_turns(void* argument) {
    const auto* step = static_cast<Step*>(argument);
    for (int i = 0; i < 5; ++i) {
        *step->told += step->name;
        umach_thread_yield();
    }
}

std::string interleaving(unsigned long long seed) {
    umach_fiber_seed(seed);
    std::string told;
    std::vector<Step> steps{{&told, 'a'}, {&told, 'b'}, {&told, 'c'}};
    std::vector<thread_t> threads;
    for (Step& step : steps) threads.push_back(start_fiber(tell_in_turns, &step));
    for (const thread_t thread : threads) MUST(umach_thread_join(thread, 5'000) == KERN_SUCCESS);
    return told;
}

TEST(FiberMessage, TheSameSeedGivesTheSameInterleavingAndOthersGiveOthers) {
    EXPECT_TRUE(runs_well([] {
        std::vector<std::string> told;
        for (unsigned long long seed = 1; seed <= 8; ++seed) {
            told.push_back(interleaving(seed));
            MUST(interleaving(seed) == told.back());
        }
        std::sort(told.begin(), told.end());
        MUST(std::unique(told.begin(), told.end()) - told.begin() > 4);
        MUST(interleaving(0) == "abcabcabcabcabc");
    }));
}

}  // namespace
}  // namespace umach::tests
