// SPDX-License-Identifier: BSL-1.0
// Messages whose call is on the sender itself: it ends, and there is no reply; or it stands still, and the reply
// is there when it goes on.
#include "counting.hpp"
#include "stage.hpp"

#include "tasks/kernel/task_calls.hpp"
#include "tasks/kernel/thread_calls.hpp"

#include <sys/wait.h>

namespace umach::tests {
namespace {

struct Sender {
    std::function<port_t()> target;  // asked in the thread
    port_t reply = PORT_NULL;
    bool waits = true;  // for the reply
    std::atomic<int> unwound{0};
    std::atomic<int> came_back{0};
};

struct Unwound {
    Sender& sender;
    ~Unwound() { sender.unwound.store(1); }
};

template <auto Handler>
void send_to_oneself(void* argument) {
    auto& sender = *static_cast<Sender*>(argument);
    const Unwound at_end{sender};
    Request<Handler> request(sender.target(), sender.reply, {});
    if (sender.waits)
        msg_rpc(request.header(), MSG_OPTION_NONE, MSG_SIZE_MAX, 0, 0);
    else
        msg_send(request.header(), MSG_OPTION_NONE, 0);
    sender.came_back.store(1);
}

std::uint64_t live_messages() {
    return ports::audit(kernel(), tasks::enter()->carrier).messages;
}

void is_gone_without_reply(const Sender& sender, port_t reply) {
    MUST(becomes_true([&] { return sender.unwound.load() == 1; }) && sender.came_back.load() == 0);
    MUST(receive(reply, RCV_TIMEOUT, 0).code == RCV_TIMED_OUT);
    MUST(violations().empty() && live_messages() == 0);
}

class SenderThatEndsItself : public testing::TestWithParam<std::tuple<umach_carrier_t, bool>> {};

TEST_P(SenderThatEndsItself, AsAThreadIsUnwoundAndGetsNoReply) {
    EXPECT_TRUE(runs_well([] {
        const auto [carrier, waits] = GetParam();
        Sender sender{thread_self, new_port(), waits, {}, {}};
        const thread_t thread = start_thread(send_to_oneself<calls::thread_terminate>, &sender, carrier);
        MUST(umach_thread_join(thread, UMACH_FOREVER) == KERN_SUCCESS);
        is_gone_without_reply(sender, sender.reply);
        MUST(port_deallocate(task_self(), sender.reply) == KERN_SUCCESS);
    }));
}

TEST_P(SenderThatEndsItself, AsATaskBesideOthersIsUnwoundAndGetsNoReply) {
    EXPECT_TRUE(runs_well([] {
        const auto [carrier, waits] = GetParam();
        task_t task = TASK_NULL;
        MUST(task_create(task_self(), FALSE, &task) == KERN_SUCCESS);
        port_t mine = new_port(), its = PORT_NULL;
        MUST(port_allocate(task, &its) == KERN_SUCCESS);  // for msg_rpc, which it must receive from
        constexpr port_name_t to_mine = 0x0bad'0001;
        MUST(port_insert_send(task, mine, to_mine) == KERN_SUCCESS);
        Sender sender{task_self, waits ? its : to_mine, waits, {}, {}};
        thread_t thread = THREAD_NULL;
        MUST(umach_thread_create(task, carrier, send_to_oneself<calls::task_terminate>, &sender, &thread) ==
             KERN_SUCCESS);
        MUST(umach_task_join(task, UMACH_FOREVER) == KERN_SUCCESS);
        MUST(umach_thread_join(thread, UMACH_FOREVER) == KERN_SUCCESS);
        umach_thread_yield();  // to a fiber that has its end before it
        is_gone_without_reply(sender, mine);
    }));
}

std::string name_of(const testing::TestParamInfo<std::tuple<umach_carrier_t, bool>>& info) {
    const auto [carrier, waits] = info.param;
    return std::string(carrier == UMACH_FIBER ? "Fiber" : "OsThread") + (waits ? "ByRpc" : "BySend");
}

INSTANTIATE_TEST_SUITE_P(Kernel, SenderThatEndsItself,
                         testing::Combine(testing::Values(UMACH_FIBER, UMACH_OS_THREAD), testing::Bool()),
                         name_of);

TEST(KernelSender, ThatTerminatesTheOnlyTaskOfItsProcessIsKilled) {
    EXPECT_TRUE(runs_well([] {
        const port_t home = new_port();
        leave_for_children(home);
        const pid_t child = start([] {
            Sender sender{task_self, left_by_parent(), false, {}, {}};
            send_to_oneself<calls::task_terminate>(&sender);
        });
        int status = 0;
        MUST(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        MUST(becomes_true([&] { return tasks_of(child) == 0; }));
        MUST(receive(home, RCV_TIMEOUT, 0).code == RCV_TIMED_OUT && violations().empty());
    }));
}

struct Standing {
    std::atomic<int> code{-1};

    static void begin(void* argument) {
        Request<calls::thread_suspend> request(thread_self(), thread_reply(), {});
        MUST(msg_rpc(request.header(), MSG_OPTION_NONE, MSG_SIZE_MAX, 0, 0) == RPC_SUCCESS);
        std::tuple<> nothing;
        static_cast<Standing*>(argument)->code.store(request.read_reply(&nothing));
    }
};

TEST(KernelSender, ThatSuspendsItselfHasItsReplyWhenItIsResumed) {
    EXPECT_TRUE(runs_well([] {
        Standing standing;
        const thread_t thread = start_thread(Standing::begin, &standing);
        MUST(becomes_true([&] { return is_stopped(thread); }) && standing.code.load() == -1);
        MUST(thread_resume(thread) == KERN_SUCCESS);
        MUST(umach_thread_join(thread, UMACH_FOREVER) == KERN_SUCCESS &&
             standing.code.load() == KERN_SUCCESS);
        MUST(violations().empty() && live_messages() == 0);
    }));
}

}  // namespace
}  // namespace umach::tests
