// SPDX-License-Identifier: BSL-1.0
// A keeper that is stopped, not dead: others clear up in its stead, and when it goes on it does nothing twice.
#include "processes.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <chrono>
#include <utility>
#include <vector>

namespace umach::tests {
namespace {

using Clock = std::chrono::steady_clock;

// On a busy machine; a service thread looks every 400 ms.
constexpr std::chrono::milliseconds most_delay{2000};

void stop(pid_t child) {
    int status = 0;
    MUST(kill(child, SIGSTOP) == 0);
    MUST(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
}

struct Victim {
    pid_t pid;
    port_name_t port;   // the witness's send right to one of its ports
    Signal& may_end;
};

// Runs `witness` in a member of a host whose keeper is stopped, with a victim that ends by `end` when it may.
void with_stopped_keeper(const std::function<void(const Victim&)>& witness, const std::function<void()>& end) {
    Signal stopped, ready, ended, done, leave, may_end;
    const pid_t keeper = start([&] {
        const port_name_t port = new_port();
        leave_for_children(port);
        start([&] {
            const port_name_t own = new_port();
            MUST(send_right(left_by_parent(), 1, own) == SEND_SUCCESS);
            const Got got = receive(own);
            MUST(got.right != PORT_NULL);
            ready.give();
            stopped.await();
            witness({got.id, got.right, may_end});
            done.give();
            leave.await();
            MUST(becomes_true([&] { return tasks_of(got.id) == 0; }));
            MUST(runs_well([] { MUST(new_port() != PORT_NULL); }));
            MUST(violations().empty());
            ended.give();
        });
        start([&] {
            const port_name_t own = new_port();
            MUST(send_right(left_by_parent(), getpid(), own) == SEND_SUCCESS);
            may_end.await();
            end();
        });
        Got one = receive(port), other = receive(port);
        if (one.id != 1) std::swap(one, other);
        MUST(send_right(one.right, other.id, other.right) == SEND_SUCCESS);
        receive(port, MSG_OPTION_NONE, 0);
    });
    ready.await();
    stop(keeper);
    stopped.give();
    done.await();
    kill(keeper, SIGCONT);
    leave.give();
    ended.await();
    kill_and_reap(keeper);
}

void expect_death_of(const Victim& victim) {
    const auto begin = Clock::now();
    victim.may_end.give();
    const Got news = receive(task_notify());
    MUST(news.id == NOTIFY_PORT_DELETED && news.right == victim.port);
    MUST(Clock::now() - begin < most_delay);
}

TEST(StoppedKeeper, DelaysTheNoticesOfADeathByNoMoreThanASecond) {
    EXPECT_TRUE(runs_well([] { with_stopped_keeper(expect_death_of, [] { raise(SIGKILL); }); }));
}

TEST(StoppedKeeper, DelaysTheEndOfAMemberThatBecameAnotherProgramByNoMoreThanASecond) {
    EXPECT_TRUE(runs_well([] { with_stopped_keeper(expect_death_of, [] { execlp("sleep", "sleep", "3", nullptr); }); }));
}

TEST(StoppedKeeper, IsSucceededWhenItIsKilled) {
    const auto kill_keeper = [](const Victim& victim) {
        expect_death_of(victim);
        const pid_t keeper = getppid();
        const port_name_t own = new_port();
        kill(keeper, SIGKILL);
        MUST(becomes_true([own] {
            receive(own, RCV_TIMEOUT, 50);
            return kernel().header().keeper_epoch.get() == 2;
        }));
        MUST(becomes_true([keeper] { return tasks_of(keeper) == 0; }));
    };
    EXPECT_TRUE(runs_well([&] { with_stopped_keeper(kill_keeper, [] { raise(SIGKILL); }); }));
}

// ---- no descriptor free -----------------------------------------------------------------------------------

// The process has but four left until these go.
class FewDescriptors {
public:
    FewDescriptors() {
        const rlimit few{48, 48};
        MUST(setrlimit(RLIMIT_NOFILE, &few) == 0);
        for (int copy = 0; (copy = dup(0)) >= 0;) copies_.push_back(copy);
        MUST(copies_.size() > 8);
        for (int i = 0; i < 4; ++i) close_one();
    }
    ~FewDescriptors() {
        while (!copies_.empty()) close_one();
    }
    FewDescriptors(const FewDescriptors&) = delete;

private:
    void close_one() {
        close(copies_.back());
        copies_.pop_back();
    }
    std::vector<int> copies_;
};

bool has_succeeded(port_name_t own) {
    receive(own, RCV_TIMEOUT, 50);
    return kernel().header().keeper_epoch.get() == 2;
}

// A successor needs a descriptor for each member; that none is to be had says nothing of the member.
TEST(Keeper, ThatHasNoDescriptorFreeWhenItSucceedsBuriesNobodyAlive) {
    EXPECT_TRUE(runs_well([] {
        constexpr int members = 6;
        Signal ready, killed, done, leave;
        const pid_t keeper = start([&] {
            const port_name_t port = new_port();
            leave_for_children(port);
            const pid_t first = getpid();
            for (int i = 0; i < members; ++i)
                start([&, i] {
                    const port_name_t own = new_port();
                    if (i != 0) setenv("UMACH_NO_KEEPER", "1", 1);
                    ready.give();
                    killed.await();
                    if (i == 0) {
                        const FewDescriptors few;
                        MUST(becomes_true([own] { return has_succeeded(own); }));
                        MUST(becomes_true([first] { return tasks_of(first) == 0; }));
                    }
                    MUST(becomes_true([own] { return has_succeeded(own); }));
                    MUST(new_port() != PORT_NULL && tasks_of(getpid()) >= 1);
                    done.give();
                    leave.await();
                });
            receive(port, MSG_OPTION_NONE, 0);
        });
        for (int i = 0; i < members; ++i) ready.await();
        kill_and_reap(keeper);
        for (int i = 0; i < members; ++i) killed.give();
        for (int i = 0; i < members; ++i) done.await();
        for (int i = 0; i < members; ++i) leave.give();
    }));
}

}  // namespace
}  // namespace umach::tests
