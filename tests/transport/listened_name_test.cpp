// SPDX-License-Identifier: BSL-1.0
// A listener's names, of POSIX queues, FIFOs and sockets: whoever of it and of its warden is killed, and
// whenever, none stays, and none is removed that is another's.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/runtime/left_behind.hpp"
#include "tests/transport/kinds.hpp"
#include "tests/transport/names.hpp"

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

// Until it has let go of all that it has inherited, and has only its lifeline to wait for, and what it made.
void until_it_rests(pid_t warden) {
    while (entries_in("/proc/" + std::to_string(warden) + "/fd") > 2) sched_yield();
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
struct Inherited {
    int door, lock;
};
void keep_all(Inherited) {}
void keep_the_lock(Inherited had) {
    close_range(3, static_cast<unsigned>(had.lock) - 1, 0);
    close_range(static_cast<unsigned>(had.lock) + 1, ~0u, 0);
}
void keep_the_lifeline(Inherited had) {
    close(had.door);
    close(had.lock);
}
void keep_nothing(Inherited) { close_range(3, ~0u, 0); }

int descriptor_of(const std::string& file) {
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code closed;
        if (std::filesystem::read_symlink(entry.path(), closed) == file)
            return std::stoi(entry.path().filename());
    }
    return -1;
}

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

class ListenedNames : public testing::TestWithParam<KindOfNames> {
protected:
    ListenedNames() { adopt_orphans(); }
    ~ListenedNames() override {
        reap_everyone();
        EXPECT_FALSE(is_there());
        names_->remove();
        prctl(PR_SET_CHILD_SUBREAPER, 0);
    }

    runtime::Outcome<Listener> listen_here() const { return listen(names_->address(), {}); }
    bool lets_in() const { return connect(names_->address(), {}, soon()).ok(); }
    bool is_there() const { return names_->there() > 0; }
    bool all_are_there() const { return names_->there() == names_->all; }

    // A listener in a process of its own; perhaps with a child, which `keeps` something.
    struct Other {
        pid_t process, child, warden;
    };
    Other start_listener(const std::function<void(Inherited)>& keeps = {}) {
        int told[2];
        EXPECT_EQ(pipe2(told, O_CLOEXEC), 0);
        const pid_t process = fork();
        if (process == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            auto door = listen_here();
            const Inherited had{door.value().descriptor(), descriptor_of(names_->lock())};
            const pid_t child = keeps ? stopped_child([&] { keeps(had); }) : 0;
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

    const std::unique_ptr<Names> names_ = GetParam().make();
};
const auto its_kind = [](const testing::TestParamInfo<KindOfNames>& one) { return one.param.name; };
INSTANTIATE_TEST_SUITE_P(, ListenedNames, testing::Values(posix_names, fifo_names, socket_names), its_kind);

class ListenedFiles : public ListenedNames {
protected:
    FileNames& files() { return dynamic_cast<FileNames&>(*names_); }
};
INSTANTIATE_TEST_SUITE_P(, ListenedFiles, testing::Values(fifo_names, socket_names), its_kind);

TEST_P(ListenedNames, OfAListenerGoWhereverItOrAHelperOrItsWardenIsKilled) {
    for (const auto victim : {Victim::maker, Victim::helper, Victim::warden}) {
        int step = 1;
        while (kill_at_system_call(victim, step, [this] { static_cast<void>(listen_here()); })) {
            ASSERT_FALSE(is_there()) << "killed at stop " << step;
            ++step;
        }
        EXPECT_GT(step, 5);
    }
}

TEST_P(ListenedNames, OfAKilledListenerGoWithNobodyElseComing) {
    const Other killed = start_listener();
    EXPECT_TRUE(all_are_there());
    end(killed.process);
    waitpid(killed.warden, nullptr, __WALL);
    EXPECT_FALSE(is_there());
}

TEST_P(ListenedNames, OfAListenerThatHasClosedAreFreeAndItsWardenEnds) {
    {
        const auto door = listen_here();
        ASSERT_TRUE(door.ok());
        EXPECT_FALSE(listen_here().ok());
    }
    EXPECT_FALSE(is_there());
    reap_everyone();
    EXPECT_EQ(our_warden(), -1);
}

TEST_P(ListenedNames, OfAListenerWhoseWardenWasKilledAreItsOwnUntilItCloses) {
    {
        const auto door = listen_here();
        end(our_warden());
        EXPECT_FALSE(listen_here().ok());
        EXPECT_TRUE(lets_in());
    }
    EXPECT_FALSE(is_there());
}

TEST_P(ListenedNames, OfAListenerKilledWithItsWardenLetNobodyInAndAreTheNextOnes) {
    const Other killed = start_listener();
    end(killed.warden);
    end(killed.process);
    for (int times = 0; times < 2; ++times) EXPECT_FALSE(lets_in());
    const auto next = listen_here();
    ASSERT_TRUE(next.ok()) << next.fault().what;
    EXPECT_TRUE(lets_in());
}

TEST_P(ListenedNames, OfAKilledListenerAreInUseWhileAChildHasItsLock) {
    for (const auto keeps : {keep_all, keep_the_lock}) {
        const Other killed = start_listener(keeps);
        end(killed.process);
        EXPECT_FALSE(listen_here().ok());
        end(killed.child);
        reap_everyone();
        EXPECT_FALSE(is_there());
    }
}

TEST_P(ListenedNames, OfAKilledListenerCanBeTakenOverWhileAChildHasItsLifeline) {
    const Other killed = start_listener(keep_the_lifeline);
    end(killed.process);
    const auto next = listen_here();
    ASSERT_TRUE(next.ok()) << next.fault().what;
    end(killed.child);
    waitpid(killed.warden, nullptr, __WALL);
    EXPECT_TRUE(lets_in());
}

TEST_P(ListenedNames, OfAKilledListenerGoAtOnceIfItsChildHasKeptNothing) {
    const Other killed = start_listener(keep_nothing);
    end(killed.process);
    waitpid(killed.warden, nullptr, __WALL);
    EXPECT_FALSE(is_there());
    end(killed.child);
}

TEST_P(ListenedNames, ThatHaveComeToMeanWhatIsAnotherProgramsAreLeftToIt) {
    const auto make_another = [this] {
        ASSERT_TRUE(all_are_there());
        names_->remove();
        names_->make_of_another_program();
    };
    {
        const auto closes = listen_here();
        make_another();
    }
    reap_everyone();
    EXPECT_TRUE(all_are_there());
    names_->remove();
    const Other killed = start_listener();
    make_another();
    end(killed.process);
    reap_everyone();
    EXPECT_TRUE(all_are_there());
    names_->remove();
}

// The listener makes new files for the next peer, or is asked to.
TEST_P(ListenedNames, OfAListenerThatLetsAPeerInGoWhereverItIsKilled) {
    const auto let_in = [this] {
        auto door = listen_here();
        const auto guest = connect(names_->address(), {}, soon());
        static_cast<void>(door.value().accept().ok());
    };
    int step = 1;
    for (; kill_at_system_call(Victim::maker, step, let_in); step += 2)
        ASSERT_FALSE(is_there()) << "killed at stop " << step;
    EXPECT_GT(step, 40);
}

TEST_P(ListenedFiles, ThatAnotherProgramHasReplacedButForTheLockAreLeftToIt) {
    const auto replace = [this] {
        files().remove_all_but_the_lock();
        files().make_in_use();
    };
    {
        const auto closes = listen_here();
        replace();
    }
    EXPECT_EQ(names_->there(), names_->all - 1);
    EXPECT_FALSE(listen_here().ok());
    files().remove_all_but_the_lock();
    const Other killed = start_listener();
    replace();
    end(killed.process);
    reap_everyone();
    EXPECT_EQ(names_->there(), names_->all - 1);
    files().remove_all_but_the_lock();
}

TEST_P(ListenedFiles, OfAnEarlierProgramThatNobodyUsesAreTakenOver) {
    files().make_in_use();
    EXPECT_FALSE(listen_here().ok());
    reap_everyone();   // a warden has all that is open here, for a moment
    files().nobody_uses_them();
    const auto next = listen_here();
    EXPECT_TRUE(next.ok()) << next.fault().what;
    EXPECT_TRUE(lets_in());
}

// A process that goes on from stop to stop: each system call has two, and at every other one of them it has
// done the same.
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
TEST_P(ListenedNames, AreKeptByTheNextListenerWhereverTheWardenOfAKilledOneStandsStill) {
    int taken_over = 0, refused = 0;
    for (int stops = 1;; stops += 2) {
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
            EXPECT_EQ(is_there(), next.ok()) << "after stop " << stops;
            EXPECT_EQ(lets_in(), next.ok()) << "after stop " << stops;
            ++(next.ok() ? taken_over : refused);
        }
        reap_everyone();
    }
    EXPECT_GT(taken_over, 4);
    EXPECT_GT(refused, 0);
    EXPECT_LE(refused, GetParam().calls_to_remove);
}

TEST_P(ListenedNames, AreOfOneOfTwoListenersWhereverTheOtherOneStandsStill) {
    int won = 0, lost = 0;
    for (int stops = 1, told = 0; told == 0; stops += 2) {
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
    EXPECT_GT(won, 10);
    EXPECT_GT(lost, 5);
}

}  // namespace
}  // namespace umach::transport::test
