// SPDX-License-Identifier: BSL-1.0
// Who takes more memory than its cgroup has is killed by the system: in the middle of a copy that a call makes, or
// of whatever another of its threads does just then.
#include "memory_limit.hpp"
#include "parcel.hpp"

#include <sys/wait.h>
#include <chrono>
#include <thread>

namespace umach::tests {
namespace {

constexpr std::size_t limit = std::size_t{16} << 20;
constexpr std::size_t large = std::size_t{3} << 20;
using Clock = std::chrono::steady_clock;

bool was_killed(pid_t child) {
    int status = 0;
    return waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

class OutOfMemory : public testing::Test {
protected:
    void SetUp() override {
        if (!memory.is_made()) GTEST_SKIP() << "the system lets nobody make a memory cgroup here";
    }

    const MemoryLimit memory{limit};
};

// A member that does something for ever, and its death by the hand of the system.
void see_it_killed(const MemoryLimit& memory, port_name_t home, const std::function<void()>& acts) {
    const unsigned before = memory.kills();
    const pid_t child = start([&] {
        const port_name_t own = new_port();
        MUST(send_right(left_by_parent(), 1, own) == SEND_SUCCESS);
        memory.join();
        acts();
    });
    const port_name_t there = receive(home).right;
    MUST(there != PORT_NULL && was_killed(child));
    const auto begin = Clock::now();
    const Got news = receive(task_notify());
    MUST(news.id == NOTIFY_PORT_DELETED && news.right == there);
    MUST(Clock::now() - begin < std::chrono::milliseconds(250));
    MUST(memory.kills() == before + 1);
    MUST(becomes_true([child] { return tasks_of(child) == 0; }) && violations().empty());
}

// returns: how many came
int give_back_what_came(port_name_t home) {
    int came = 0;
    for (Parcel got; got.receive(home, RCV_TIMEOUT, 0) == RCV_SUCCESS; ++came)
        if (!got.parts().empty() && got.part().bytes != 0) deallocate(got.part().at, got.part().bytes);
    return came;
}

TEST_F(OutOfMemory, ASenderKilledInTheMiddleOfACopyLeavesTheMessagesThatItHadSentAndNothingElse) {
    EXPECT_TRUE(runs_well([&] {
        const port_name_t home = new_port();
        leave_for_children(home);
        const std::vector<char> text(large, 'x');
        for (int i = 0; i < 10; ++i) {
            see_it_killed(memory, home, [&] {
                for (;;) MUST(Parcel(left_by_parent()).data(text.data(), large - i * page).send() == SEND_SUCCESS);
            });
            // Eight would have found room.
            const int came = give_back_what_came(home);
            MUST(came >= 3 && came <= 5);
            MUST((in_use() == InUse{}) && violations().empty());
        }
    }));
}

TEST_F(OutOfMemory, AThreadWhoseProcessIsKilledForAnotherThreadsPagesLeavesTheHostWhole) {
    EXPECT_TRUE(runs_well([&] {
        const port_name_t home = new_port();
        leave_for_children(home);
        for (unsigned i = 0; i < 30; ++i) {
            see_it_killed(memory, home, [&] {
                const std::vector<char> kept(i * 100'000, 'x');  // the end comes earlier each time
                std::thread eater([] {
                    std::vector<std::vector<char>> eaten;
                    for (;;) eaten.emplace_back(page * 16, 'x');
                });
                play(left_by_parent(), i + 1);
            });
            give_back_what_came(home);
        }
        MUST((becomes_true([] { return in_use() == InUse{}; })) && violations().empty());
    }));
}

}  // namespace
}  // namespace umach::tests
