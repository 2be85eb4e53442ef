// SPDX-License-Identifier: BSL-1.0
// The conformance suite of the kinds of doorbell, and what only the System V kind promises.
#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <semaphore.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/doorbell/doorbell.hpp"
#include "runtime/doorbell/warded_set.hpp"
#include "tests/runtime/left_behind.hpp"

namespace umach::runtime {
namespace {

using namespace std::chrono_literals;

// A number of this process's own, by which what it leaves behind is told from what others do at the same
// time.
const std::uint32_t our_slots = 64 + static_cast<std::uint32_t>(getpid()) % 512;

template <DoorbellKind K>
using KindIs = std::integral_constant<DoorbellKind, K>;

bool sleeps(pid_t thread) {
    std::ifstream status("/proc/" + std::to_string(thread) + "/stat");
    std::string text;
    std::getline(status, text);
    const auto name_end = text.rfind(')');
    return name_end != std::string::npos && text.substr(name_end + 2, 1) == "S";
}

void until_asleep(const std::atomic<pid_t>& thread) {
    while (thread.load() == 0 || !sleeps(thread.load())) std::this_thread::yield();
}

// Bells in memory that forked children share.
class Bells {
public:
    Bells() {
        void* base = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        EXPECT_NE(base, MAP_FAILED);
        bells_ = static_cast<DoorbellRecord*>(base);
    }
    Bells(const Bells&) = delete;
    Bells& operator=(const Bells&) = delete;
    ~Bells() { munmap(bells_, bytes); }
    DoorbellRecord& operator[](std::uint32_t slot) { return bells_[slot]; }

private:
    const std::size_t bytes = our_slots * sizeof(DoorbellRecord);
    DoorbellRecord* bells_ = nullptr;
};

Doorbells made(DoorbellKind kind) {
    auto doorbells = Doorbells::create(kind, our_slots);
    EXPECT_TRUE(doorbells.ok()) << doorbells.fault().what;
    return std::move(doorbells).value();
}

Outcome<Doorbells> join(const Doorbells& doorbells) {
    const int lifeline = doorbells.lifeline();
    Descriptor copy(lifeline < 0 ? -1 : fcntl(lifeline, F_DUPFD_CLOEXEC, 0));
    return Doorbells::attach(doorbells.kind(), doorbells.sysv_id(), std::move(copy));
}

template <class Kind>
class DoorbellOfKind : public testing::Test {
protected:
    DoorbellOfKind() {
        for (std::uint32_t slot = 0; slot < our_slots; ++slot) doorbells.prepare(bells[slot], slot);
    }
    ~DoorbellOfKind() override { doorbells.remove(); }

    WaitEnd wait(std::uint32_t slot, std::chrono::milliseconds span) {
        return doorbells.wait(bells[slot], slot, Deadline::in(span));
    }
    void ring(std::uint32_t slot) { doorbells.ring(bells[slot], slot); }
    void clear(std::uint32_t slot) { doorbells.clear(bells[slot], slot); }

    // Waits in a thread until `act` has made it end.
    template <class Act>
    WaitEnd end_of_sleep(Deadline deadline, Act act) {
        std::atomic<pid_t> thread{0};
        WaitEnd end = WaitEnd::deadline;
        std::thread sleeper([&] {
            thread = gettid();
            end = doorbells.wait(bells[3], 3, deadline);
        });
        until_asleep(thread);
        act(sleeper.native_handle());
        sleeper.join();
        // A wait looks at its bell once more at its deadline: a lost wake would end there, rung all the same.
        EXPECT_TRUE(end == WaitEnd::deadline || !deadline.passed()) << "ended by its deadline";
        return end;
    }

    static constexpr DoorbellKind kind = Kind::value;
    Doorbells doorbells = made(kind);
    Bells bells;
};
using Kinds = testing::Types<KindIs<DoorbellKind::futex>,
                             KindIs<DoorbellKind::posix>,
                             KindIs<DoorbellKind::sysv>>;
TYPED_TEST_SUITE(DoorbellOfKind, Kinds);

TYPED_TEST(DoorbellOfKind, RingBeforeTheWaitEndsItAtOnceAndStays) {
    this->ring(0);
    EXPECT_EQ(this->wait(0, 60s), WaitEnd::rung);
    EXPECT_EQ(this->wait(0, 60s), WaitEnd::rung);
    EXPECT_EQ(this->bells[0].word.load(), DoorbellRecord::rung);
}

TYPED_TEST(DoorbellOfKind, SilentBellEndsTheWaitAtItsDeadlineAndNotBefore) {
    const Deadline deadline = Deadline::in(20ms);
    EXPECT_EQ(this->doorbells.wait(this->bells[0], 0, deadline), WaitEnd::deadline);
    EXPECT_TRUE(deadline.passed());
}

TYPED_TEST(DoorbellOfKind, PassedDeadlineEndsTheWaitAtOnceUnlessRung) {
    EXPECT_EQ(this->wait(0, -5ms), WaitEnd::deadline);
    EXPECT_EQ(this->wait(0, 0ms), WaitEnd::deadline);
    this->ring(0);
    EXPECT_EQ(this->wait(0, -5ms), WaitEnd::rung);
}

TYPED_TEST(DoorbellOfKind, RingWakesASleeper) {
    EXPECT_EQ(this->end_of_sleep(Deadline::in(10s), [&](pthread_t) { this->ring(3); }), WaitEnd::rung);
}

TYPED_TEST(DoorbellOfKind, RingOfAnotherProcessWakesASleeper) {
    const WaitEnd end = this->end_of_sleep(Deadline::in(10s), [&](pthread_t) {
        const pid_t child = fork();
        if (child == 0) {
            auto joined = join(this->doorbells);
            if (joined) joined.value().ring(this->bells[3], 3);
            _exit(0);
        }
        EXPECT_EQ(waitpid(child, nullptr, 0), child);
    });
    EXPECT_EQ(end, WaitEnd::rung);
}

TYPED_TEST(DoorbellOfKind, RingOfAnotherSlotDoesNotWake) {
    const WaitEnd end = this->end_of_sleep(Deadline::in(30ms), [&](pthread_t) { this->ring(4); });
    EXPECT_EQ(end, WaitEnd::deadline);
    EXPECT_EQ(this->wait(4, 0ms), WaitEnd::rung);
}

TYPED_TEST(DoorbellOfKind, ManyRingsAreOneAndClearedAtOnce) {
    for (int i = 0; i < 3; ++i) this->ring(1);
    EXPECT_EQ(this->wait(1, 0ms), WaitEnd::rung);
    this->clear(1);
    EXPECT_EQ(this->bells[1].word.load(), 0u);
    EXPECT_EQ(this->wait(1, 5ms), WaitEnd::deadline);
}

TYPED_TEST(DoorbellOfKind, RingsThatNobodySleptThroughDoNotEndALaterWait) {
    for (int i = 0; i < 40'000; ++i) {
        this->ring(2);
        this->clear(2);
    }
    EXPECT_EQ(this->wait(2, 5ms), WaitEnd::deadline);
    EXPECT_EQ(this->end_of_sleep(Deadline::in(10s), [&](pthread_t) { this->ring(3); }), WaitEnd::rung);
}

TYPED_TEST(DoorbellOfKind, RingAgainWakesForARingerThatSetTheBellAndDied) {
    const WaitEnd end = this->end_of_sleep(Deadline::in(10s), [&](pthread_t) {
        this->bells[3].word.fetch_or(DoorbellRecord::rung);
        this->doorbells.ring_again(this->bells[3], 3);
    });
    EXPECT_EQ(end, WaitEnd::rung);
}

TYPED_TEST(DoorbellOfKind, SignalEndsAWaitEvenWithoutDeadlineAndWithRestart) {
    struct sigaction action {};
    struct sigaction earlier {};
    action.sa_handler = [](int) {};
    action.sa_flags = SA_RESTART;
    sigaction(SIGUSR1, &action, &earlier);
    const auto interrupt = [](pthread_t sleeper) { pthread_kill(sleeper, SIGUSR1); };
    EXPECT_EQ(this->end_of_sleep(Deadline::never(), interrupt), WaitEnd::interrupted);
    EXPECT_EQ(this->end_of_sleep(Deadline::in(10s), interrupt), WaitEnd::interrupted);
    sigaction(SIGUSR1, &earlier, nullptr);
}

TYPED_TEST(DoorbellOfKind, PreparedBellIsSilentWhateverItsSlotWasUsedForBefore) {
    this->ring(5);
    this->doorbells.prepare(this->bells[5], 5);
    EXPECT_EQ(this->bells[5].word.load(), 0u);
    EXPECT_EQ(this->wait(5, 5ms), WaitEnd::deadline);
}

TYPED_TEST(DoorbellOfKind, NoRingIsLostBetweenTwoThreadsThatWakeEachOther) {
    constexpr int rounds = 20'000;
    const auto play = [&](std::uint32_t own, std::uint32_t other) {
        int lost = 0;
        for (int round = 0; round < rounds && lost == 0; ++round) {
            const Deadline deadline = Deadline::in(10s);
            const WaitEnd end = this->doorbells.wait(this->bells[own], own, deadline);
            if (end != WaitEnd::rung || deadline.passed()) ++lost;
            this->clear(own);
            this->ring(other);
        }
        return lost;
    };
    int lost_there = 0;
    std::thread partner([&] { lost_there = play(7, 6); });
    this->ring(6);
    EXPECT_EQ(play(6, 7), 0);
    partner.join();
    EXPECT_EQ(lost_there, 0);
}

TEST(PosixDoorbells, RingsThatNobodySleptThroughDoNotPileUp) {
    Doorbells doorbells = made(DoorbellKind::posix);
    Bells bells;
    doorbells.prepare(bells[0], 0);
    for (int i = 0; i < 100; ++i) {
        doorbells.ring(bells[0], 0);
        doorbells.ring_again(bells[0], 0);
        doorbells.clear(bells[0], 0);
    }
    int count = -1;
    ASSERT_EQ(sem_getvalue(reinterpret_cast<sem_t*>(bells[0].semaphore), &count), 0);
    EXPECT_EQ(count, 0);
}

TEST(Doorbells, UnknownKindIsAFault) {
    EXPECT_EQ(Doorbells::create(static_cast<DoorbellKind>(9), 1).fault().error, EINVAL);
    EXPECT_EQ(Doorbells::attach(static_cast<DoorbellKind>(9), -1, {}).fault().error, EINVAL);
}

class SysvDoorbells : public testing::Test {
protected:
    SysvDoorbells() { test::adopt_orphans(); }
    ~SysvDoorbells() override { test::reap_everyone(); }
    static bool exists(int id) {
        semid_ds set{};
        return semctl(id, 0, IPC_STAT, &set) == 0;
    }
};

TEST_F(SysvDoorbells, SetIsOfTheSlotsAskedAndItsUsersAlone) {
    Doorbells doorbells = made(DoorbellKind::sysv);
    semid_ds set{};
    ASSERT_EQ(semctl(doorbells.sysv_id(), 0, IPC_STAT, &set), 0);
    EXPECT_EQ(set.sem_nsems, our_slots);
    EXPECT_EQ(set.sem_perm.mode, 0600);
    EXPECT_EQ(fcntl(doorbells.lifeline(), F_GETFD), FD_CLOEXEC);
    doorbells.remove();
    EXPECT_FALSE(exists(doorbells.sysv_id()));
    doorbells.remove();
}

TEST_F(SysvDoorbells, RingsThatNobodySleptThroughDoNotPileUp) {
    Doorbells doorbells = made(DoorbellKind::sysv);
    Bells bells;
    for (int i = 0; i < 40'000; ++i) doorbells.ring_again(bells[0], 0);
    EXPECT_EQ(semctl(doorbells.sysv_id(), 0, GETVAL), 1);
}

TEST_F(SysvDoorbells, MoreSlotsThanTheSystemGrantsIsAFaultAndLeavesNothing) {
    EXPECT_EQ(Doorbells::create(DoorbellKind::sysv, 0).fault().error, EINVAL);
    EXPECT_EQ(Doorbells::create(DoorbellKind::sysv, ~0U).fault().error, EINVAL);
    EXPECT_FALSE(Doorbells::create(DoorbellKind::sysv, 2'000'000'000).ok());
    test::reap_everyone();
}

TEST_F(SysvDoorbells, JoiningASetThatHasGoneOrWithoutLifelineIsAFault) {
    Doorbells doorbells = made(DoorbellKind::sysv);
    EXPECT_EQ(Doorbells::attach(DoorbellKind::sysv, doorbells.sysv_id(), {}).fault().error, EBADF);
    doorbells.remove();
    EXPECT_FALSE(join(doorbells).ok());
}

TEST_F(SysvDoorbells, EndOfTheLastHolderRemovesTheSetAndTheWarden) {
    int id = -1;
    {
        Doorbells doorbells = made(DoorbellKind::sysv);
        id = doorbells.sysv_id();
        { const auto joined = join(doorbells); }
        EXPECT_TRUE(exists(id));
    }
    test::reap_everyone();
    EXPECT_FALSE(exists(id));
}

TEST_F(SysvDoorbells, SetOutlivesItsMakerWhileAMemberHoldsTheLifeline) {
    auto maker = std::make_unique<Doorbells>(made(DoorbellKind::sysv));
    auto member = join(*maker);
    ASSERT_TRUE(member.ok());
    maker.reset();
    Bells bells;
    member.value().prepare(bells[1], 1);
    member.value().ring(bells[1], 1);
    EXPECT_TRUE(exists(member.value().sysv_id()));
    EXPECT_EQ(member.value().wait(bells[1], 1, Deadline::in(60s)), WaitEnd::rung);
}

TEST_F(SysvDoorbells, AllMembersKilledAtOnceLeaveNothing) {
    std::array<int, 2> ready{};
    ASSERT_EQ(pipe(ready.data()), 0);
    const pid_t maker = fork();
    if (maker == 0) {
        Doorbells doorbells = made(DoorbellKind::sysv);
        const pid_t member = fork();
        if (member == 0) {
            auto joined = join(doorbells);
            const pid_t self = getpid();
            if (write(ready[1], &self, sizeof self) != sizeof self) _exit(1);
            for (;;) pause();
        }
        for (;;) pause();
    }
    pid_t member = 0;
    ASSERT_EQ(read(ready[0], &member, sizeof member), static_cast<ssize_t>(sizeof member));
    EXPECT_GE(test::sysv_sets_of(our_slots), 1);
    kill(maker, SIGKILL);
    kill(member, SIGKILL);
    test::reap_everyone();
    EXPECT_EQ(test::sysv_sets_of(our_slots), 0);
    close(ready[0]);
    close(ready[1]);
}

TEST_F(SysvDoorbells, KilledAtAnySystemCallTheirMakerOrItsHelpersLeaveNothing) {
    const auto make = [] { static_cast<void>(Doorbells::create(DoorbellKind::sysv, our_slots)); };
    for (const auto victim : {test::Victim::maker, test::Victim::helper}) {
        int step = 1;
        while (test::kill_at_system_call(victim, step, make)) {
            ASSERT_EQ(test::sysv_sets_of(our_slots), 0) << "killed at stop " << step;
            ++step;
        }
        EXPECT_GT(step, 5);
    }
}

TEST_F(SysvDoorbells, WardenKilledBeforeItReportsLeavesNothing) {
    const auto make = [] { static_cast<void>(Doorbells::create(DoorbellKind::sysv, our_slots)); };
    int step = 1;
    // The two stops of its semget, and of the first calls behind it, up to the report.
    for (; step <= 8 && test::kill_at_system_call(test::Victim::warden, step, make); ++step) {
        ASSERT_EQ(test::sysv_sets_of(our_slots), 0) << "killed at stop " << step;
    }
    EXPECT_EQ(step, 9);
}

TEST_F(SysvDoorbells, WardenHoldsNothingOpenAndIsDeafToSignals) {
    auto set = make_warded_set(our_slots);
    ASSERT_TRUE(set.ok());
    const pid_t warden = set.value().warden;
    kill(warden, SIGTERM);
    kill(warden, SIGINT);
    kill(warden, SIGHUP);
    EXPECT_NE(getsid(warden), getsid(0));
    EXPECT_TRUE(exists(set.value().id));
    set.value().lifeline.reset();
    test::reap_everyone();
    EXPECT_FALSE(exists(set.value().id));
}

void ring_without_set(bool removed_in_the_sleep) {
    Doorbells doorbells = made(DoorbellKind::sysv);
    Bells bells;
    std::atomic<pid_t> thread{0};
    WaitEnd end = WaitEnd::deadline;
    const Deadline deadline = Deadline::in(10s);
    if (!removed_in_the_sleep) doorbells.remove();
    std::thread sleeper([&] {
        thread = gettid();
        end = doorbells.wait(bells[0], 0, deadline);
    });
    until_asleep(thread);
    doorbells.remove();
    doorbells.ring(bells[0], 0);
    sleeper.join();
    EXPECT_EQ(end, WaitEnd::rung);
    EXPECT_FALSE(deadline.passed());
    EXPECT_EQ(doorbells.wait(bells[1], 1, Deadline::in(5ms)), WaitEnd::deadline);
}

TEST_F(SysvDoorbells, SetRemovedUnderTheirFeetDoesNotStopThem) {
    ring_without_set(true);
    ring_without_set(false);
}

}  // namespace
}  // namespace umach::runtime
