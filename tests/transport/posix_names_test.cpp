// SPDX-License-Identifier: BSL-1.0
// Names of POSIX queues, a listener's and those that a connecting side has for a moment: whoever of them and
// of their wardens is killed, and whenever, none is left, and none is removed that is another's.
#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/runtime/left_behind.hpp"
#include "tests/transport/kinds.hpp"

namespace umach::transport::test {
namespace {

using runtime::test::adopt_orphans;
using runtime::test::kill_at_system_call;
using runtime::test::reap_everyone;
using runtime::test::Victim;

void end(pid_t process) {
    kill(process, SIGKILL);
    waitpid(process, nullptr, __WALL);
}

std::ptrdiff_t entries(const std::string& folder) {
    const std::filesystem::directory_iterator all(folder);
    return std::distance(begin(all), std::filesystem::directory_iterator());
}

// Until it has let go of all that it has inherited, and has only its lifeline to wait for.
void until_it_rests(pid_t warden) {
    while (entries("/proc/" + std::to_string(warden) + "/fd") > 1) sched_yield();
}

// returns: the warden whose parent we have become
pid_t our_warden() {
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        std::ifstream stat(entry.path() / "stat");
        pid_t process = 0, parent = 0;
        std::string name, state;
        if (stat >> process >> name >> state >> parent && name == "(umach-warden)" && parent == getpid())
            return process;
    }
    return -1;
}

// What a child of a listener keeps of what it has inherited.
void keep_all(int) {}
void keep_the_queue(int queue) {
    close_range(3, static_cast<unsigned>(queue) - 1, 0);
    close_range(static_cast<unsigned>(queue) + 1, ~0u, 0);
}
void keep_the_lifeline(int queue) { close(queue); }
void keep_nothing(int) { close_range(3, ~0u, 0); }

pid_t stopped_child(const std::function<void()>& begin) {
    const pid_t child = fork();
    if (child == 0) {
        begin();
        raise(SIGSTOP);
        _exit(0);
    }
    waitpid(child, nullptr, WUNTRACED);
    return child;
}

class PosixNames : public testing::Test {
protected:
    PosixNames() { adopt_orphans(); }
    ~PosixNames() override {
        reap_everyone();
        EXPECT_FALSE(is_posix_queue(name_));
        mq_unlink(name_.c_str());
        prctl(PR_SET_CHILD_SUBREAPER, 0);
    }

    runtime::Outcome<Listener> listen_here() const { return listen("posix:" + name_, {}); }
    bool lets_in() const { return connect("posix:" + name_, {}, soon()).ok(); }

    // A listener in a process of its own; perhaps with a child, which `keeps` something.
    struct Other {
        pid_t process, child, warden;
    };
    Other start_listener(const std::function<void(int queue)>& keeps = {}) {
        int told[2];
        EXPECT_EQ(pipe2(told, O_CLOEXEC), 0);
        const pid_t process = fork();
        if (process == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            auto door = listen_here();
            const int queue = door.value().descriptor();
            const pid_t child = keeps ? stopped_child([&] { keeps(queue); }) : 0;
            if (write(told[1], &child, sizeof child) != sizeof child) _exit(1);
            for (;;) pause();
        }
        pid_t child = -1;
        EXPECT_EQ(read(told[0], &child, sizeof child), static_cast<ssize_t>(sizeof child));
        for (const int one : told) close(one);
        return {process, child, our_warden()};
    }

    [[noreturn]] void listen_when_told(int pair) const {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        char good = 0;
        if (read(pair, &good, 1) != 1) _exit(1);
        const auto door = listen_here();
        good = door.ok();
        if (write(pair, &good, 1) != 1) _exit(1);
        for (;;) pause();
    }

    const std::string name_ = "/umach-transport-" + std::to_string(getpid()) + "-name";
};

TEST_F(PosixNames, OfAListenerGoWhereverItOrAHelperOrItsWardenIsKilled) {
    for (const auto victim : {Victim::maker, Victim::helper, Victim::warden}) {
        int step = 1;
        while (kill_at_system_call(victim, step, [this] { static_cast<void>(listen_here()); })) {
            ASSERT_FALSE(is_posix_queue(name_)) << "killed at stop " << step;
            ++step;
        }
        EXPECT_GT(step, 5);
    }
}

TEST_F(PosixNames, OfAKilledListenerGoWithNobodyElseComing) {
    const Other killed = start_listener();
    EXPECT_TRUE(is_posix_queue(name_));
    end(killed.process);
    waitpid(killed.warden, nullptr, __WALL);
    EXPECT_FALSE(is_posix_queue(name_));
}

TEST_F(PosixNames, OfAListenerThatHasClosedAreFreeAndItsWardenEnds) {
    {
        const auto door = listen_here();
        ASSERT_TRUE(door.ok());
        EXPECT_FALSE(listen_here().ok());
    }
    EXPECT_FALSE(is_posix_queue(name_));
    reap_everyone();
    EXPECT_EQ(our_warden(), -1);
}

TEST_F(PosixNames, OfAListenerWhoseWardenWasKilledAreItsOwnUntilItCloses) {
    {
        const auto door = listen_here();
        end(our_warden());
        EXPECT_FALSE(listen_here().ok());
        EXPECT_TRUE(lets_in());
    }
    EXPECT_FALSE(is_posix_queue(name_));
}

TEST_F(PosixNames, OfAListenerKilledWithItsWardenLetNobodyInAndAreTheNextOnes) {
    const Other killed = start_listener();
    end(killed.warden);
    end(killed.process);
    for (int times = 0; times < 2; ++times) EXPECT_FALSE(lets_in());
    const auto next = listen_here();
    ASSERT_TRUE(next.ok()) << next.fault().what;
    EXPECT_TRUE(lets_in());
}

TEST_F(PosixNames, OfAKilledListenerAreInUseWhileAChildHasItsQueue) {
    for (const auto keeps : {keep_all, keep_the_queue}) {
        const Other killed = start_listener(keeps);
        end(killed.process);
        EXPECT_FALSE(listen_here().ok());
        end(killed.child);
        reap_everyone();
        EXPECT_FALSE(is_posix_queue(name_));
    }
}

TEST_F(PosixNames, OfAKilledListenerCanBeTakenOverWhileAChildHasItsLifeline) {
    const Other killed = start_listener(keep_the_lifeline);
    end(killed.process);
    const auto next = listen_here();
    ASSERT_TRUE(next.ok()) << next.fault().what;
    end(killed.child);
    waitpid(killed.warden, nullptr, __WALL);
    EXPECT_TRUE(lets_in());
}

TEST_F(PosixNames, OfAKilledListenerGoAtOnceIfItsChildHasKeptNothing) {
    const Other killed = start_listener(keep_nothing);
    end(killed.process);
    waitpid(killed.warden, nullptr, __WALL);
    EXPECT_FALSE(is_posix_queue(name_));
    end(killed.child);
}

TEST_F(PosixNames, ThatHaveComeToMeanAQueueOfAnotherProgramAreLeftToIt) {
    const auto make_another = [this] {
        ASSERT_EQ(mq_unlink(name_.c_str()), 0);
        mq_close(mq_open(name_.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600, nullptr));
    };
    {
        const auto closes = listen_here();
        make_another();
    }
    reap_everyone();
    EXPECT_TRUE(is_posix_queue(name_));
    mq_unlink(name_.c_str());
    const Other killed = start_listener();
    make_another();
    end(killed.process);
    reap_everyone();
    EXPECT_TRUE(is_posix_queue(name_));
    mq_unlink(name_.c_str());
}

// A process that goes on from stop to stop: each system call has two.
class Slowly {
public:
    explicit Slowly(pid_t process) : process_(process) {
        EXPECT_EQ(ptrace(PTRACE_SEIZE, process_, nullptr, PTRACE_O_TRACESYSGOOD), 0);
        EXPECT_EQ(ptrace(PTRACE_INTERRUPT, process_, nullptr, nullptr), 0);
        waitpid(process_, nullptr, __WALL);
    }
    // returns: false when it has ended before
    bool go(int stops) {
        for (int status = 0; stops > 0; --stops) {
            ptrace(PTRACE_SYSCALL, process_, nullptr, nullptr);
            if (waitpid(process_, &status, __WALL) != process_ || !WIFSTOPPED(status)) return false;
        }
        return true;
    }
    void go_on() { ptrace(PTRACE_DETACH, process_, nullptr, nullptr); }

private:
    const pid_t process_;
};

// Only where the warden has begun to remove it is it too late, and then that is waited for.
TEST_F(PosixNames, AreKeptByTheNextListenerWhereverTheWardenOfAKilledOneStandsStill) {
    int taken_over = 0, refused = 0;
    for (int stops = 1;; ++stops) {
        const Other killed = start_listener();
        until_it_rests(killed.warden);
        Slowly warden(killed.warden);
        end(killed.process);
        if (!warden.go(stops)) break;
        {
            const auto began = runtime::MonotonicClock::now();
            const auto next = listen_here();
            const auto waited = runtime::MonotonicClock::now() - began;
            EXPECT_TRUE(next.ok() || waited > 200ms) << "after stop " << stops;
            warden.go_on();
            waitpid(killed.warden, nullptr, __WALL);
            EXPECT_EQ(is_posix_queue(name_), next.ok()) << "after stop " << stops;
            EXPECT_EQ(lets_in(), next.ok()) << "after stop " << stops;
            ++(next.ok() ? taken_over : refused);
        }
        reap_everyone();
    }
    EXPECT_GT(taken_over, 8);
    EXPECT_GT(refused, 0);
    EXPECT_LT(refused, 10);
}

TEST_F(PosixNames, AreOfOneOfTwoListenersWhereverTheOtherOneStandsStill) {
    int won = 0, lost = 0;
    for (int stops = 1, told = 0; told == 0; ++stops) {
        const Other killed = start_listener();
        for (const pid_t one : {killed.warden, killed.process}) end(one);
        int pair[2];
        ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        const pid_t process = fork();
        if (process == 0) listen_when_told(pair[1]);
        Slowly other(process);
        ASSERT_EQ(write(pair[0], "", 1), 1);
        for (int stop = 0; stop < stops && told == 0; ++stop)
            ASSERT_TRUE(other.go(1) && ioctl(pair[0], FIONREAD, &told) == 0);
        {
            const auto next = listen_here();
            other.go_on();
            char good = 0;
            ASSERT_EQ(read(pair[0], &good, 1), 1);
            EXPECT_NE(next.ok(), good != 0) << "after stop " << stops;
            EXPECT_TRUE(lets_in()) << "after stop " << stops;
            ++(next.ok() ? won : lost);
        }
        end(process);
        reap_everyone();
        for (const int one : pair) close(one);
    }
    EXPECT_GT(won, 20);
    EXPECT_GT(lost, 5);
}

// Where there is no queue but our own: only root can make such a place.
class Alone {
public:
    Alone() {
        if (unshare(CLONE_NEWIPC) != 0) return;
        const int system = fsopen("mqueue", FSOPEN_CLOEXEC);
        if (fsconfig(system, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0)
            folder_ = fsmount(system, FSMOUNT_CLOEXEC, 0);
    }
    bool works() const { return folder_ >= 0; }
    std::ptrdiff_t queues() const {
        return entries("/proc/self/fd/" + std::to_string(folder_) + "/.");
    }

private:
    int folder_ = -1;
};

constexpr int cannot = 77;

int kills_of_a_connecting_side(const std::string& address) {
    const Alone alone;
    if (!alone.works()) return cannot;
    auto door = listen(address, {});
    adopt_orphans();
    const auto join = [&] { static_cast<void>(connect(address, {}, soon()).ok()); };
    for (const auto victim : {Victim::maker, Victim::helper, Victim::warden}) {
        int step = 1;
        for (; kill_at_system_call(victim, step, join); ++step) {
            static_cast<void>(door.value().accept().ok());
            EXPECT_EQ(alone.queues(), 1) << "besides the door, killed at stop " << step;
        }
        EXPECT_GT(step, 5);
    }
    return testing::Test::HasFailure() ? 1 : 0;
}

TEST_F(PosixNames, OfAConnectingSideGoWhereverItOrAHelperOrTheirWardenIsKilled) {
    const pid_t process = fork();
    if (process == 0) _exit(kills_of_a_connecting_side("posix:" + name_));
    int status = 0;
    ASSERT_EQ(waitpid(process, &status, 0), process);
    if (WIFEXITED(status) && WEXITSTATUS(status) == cannot) GTEST_SKIP() << "no IPC namespace to be had";
    EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace umach::transport::test
