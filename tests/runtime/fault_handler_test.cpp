// SPDX-License-Identifier: BSL-1.0
// Each case that ends a process, or changes who handles signals, runs in a forked child, which says how it
// went by its exit status: 0 is "as the test's name says".
#include <gtest/gtest.h>

#include <csetjmp>
#include <csignal>
#include <functional>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/checked_copy.hpp"
#include "runtime/fault_handler.hpp"
#include "runtime/unseen.hpp"

namespace umach::runtime {
namespace {

constexpr std::uintptr_t nowhere = 0x10008;

UMACH_UNSEEN void fault_for_real() {
    *reinterpret_cast<volatile int*>(nowhere) = 1;
}

bool wild_copy_is_an_error() {
    int value = 0;
    return !copy_in(&value, reinterpret_cast<void*>(nowhere), sizeof value);
}

int status_of_child(const std::function<int()>& body) {
    const pid_t child = fork();
    if (child == 0) {
        const rlimit no_core{0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        _exit(body());
    }
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return status;
}

void expect_exit_zero(const std::function<int()>& body) {
    const int status = status_of_child(body);
    EXPECT_TRUE(WIFEXITED(status)) << "ended by signal " << WTERMSIG(status);
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

void expect_killed_by(int signal, const std::function<int()>& body) {
    const int status = status_of_child(body);
    ASSERT_TRUE(WIFSIGNALED(status)) << "exit status " << WEXITSTATUS(status);
    EXPECT_EQ(WTERMSIG(status), signal);
}

// Makes `action` the program's own and puts ours before it.
void install_before_us(const struct sigaction& action) {
    sigaction(SIGSEGV, &action, nullptr);
    reinstall_fault_handler();
}

void install_before_us(void (*handler)(int), int flags = 0) {
    struct sigaction action {};
    action.sa_handler = handler;
    action.sa_flags = flags;
    install_before_us(action);
}

TEST(FaultHandler, RealFaultWithoutAnEarlierHandlerEndsTheProcessByItsSignal) {
    expect_killed_by(SIGSEGV, [] {
        install_before_us(SIG_DFL);
        if (!wild_copy_is_an_error()) return 2;
        fault_for_real();
        return 1;
    });
}

TEST(FaultHandler, RealFaultWithAnIgnoredSignalEndsTheProcessAllTheSame) {
    expect_killed_by(SIGSEGV, [] {
        install_before_us(SIG_IGN);
        fault_for_real();
        return 1;
    });
}

TEST(FaultHandler, SentSignalWithoutAnEarlierHandlerEndsTheProcess) {
    expect_killed_by(SIGSEGV, [] {
        install_before_us(SIG_DFL);
        raise(SIGSEGV);
        return 1;
    });
}

TEST(FaultHandler, SentSignalThatIsIgnoredStaysIgnored) {
    expect_exit_zero([] {
        install_before_us(SIG_IGN);
        raise(SIGSEGV);
        return wild_copy_is_an_error() ? 0 : 1;
    });
}

TEST(FaultHandler, EarlierHandlerGetsTheSignalWithItsAddress) {
    expect_exit_zero([] {
        struct sigaction action {};
        action.sa_flags = SA_SIGINFO;
        action.sa_sigaction = [](int signal, siginfo_t* info, void*) {
            _exit(signal == SIGSEGV && info->si_addr == reinterpret_cast<void*>(nowhere) ? 0 : 3);
        };
        install_before_us(action);
        if (!wild_copy_is_an_error()) return 2;
        fault_for_real();
        return 1;
    });
}

TEST(FaultHandler, EarlierHandlerRunsUnderItsOwnMask) {
    expect_exit_zero([] {
        struct sigaction action {};
        sigaddset(&action.sa_mask, SIGUSR1);
        action.sa_flags = SA_NODEFER;
        action.sa_handler = [](int) {
            sigset_t mask;
            pthread_sigmask(SIG_BLOCK, nullptr, &mask);
            _exit(sigismember(&mask, SIGUSR1) == 1 && sigismember(&mask, SIGSEGV) == 0 ? 0 : 3);
        };
        install_before_us(action);
        fault_for_real();
        return 1;
    });
}

TEST(FaultHandler, EarlierHandlerForOneFaultIsCalledForOneFault) {
    static sigjmp_buf escape;
    expect_killed_by(SIGSEGV, [] {
        install_before_us([](int) { siglongjmp(escape, 1); }, static_cast<int>(SA_RESETHAND));
        if (sigsetjmp(escape, 1) == 0) fault_for_real();
        fault_for_real();
        return 1;
    });
}

TEST(FaultHandler, EarlierHandlerMayLeaveByLongjmpManyTimes) {
    static sigjmp_buf escape;
    expect_exit_zero([] {
        static volatile int caught = 0;
        install_before_us([](int) { siglongjmp(escape, 1); });
        for (int round = 0; round < 100; ++round) {
            if (sigsetjmp(escape, 1) == 0) fault_for_real();
            caught = caught + 1;
            if (!wild_copy_is_an_error()) return 2;
        }
        return caught == 100 ? 0 : 1;
    });
}

struct sigaction chained {};

void call_chained(int signal, siginfo_t* info, void* context) {
    if ((chained.sa_flags & SA_SIGINFO) == 0) _exit(4);
    chained.sa_sigaction(signal, info, context);
}

[[noreturn]] void fault_through_two_handlers() {
    if (handler_is_ours()) _exit(2);
    signal(SIGSEGV, [](int) { _exit(0); });
    arm_fault_handler();
    struct sigaction theirs {};
    theirs.sa_flags = SA_SIGINFO;
    theirs.sa_sigaction = call_chained;
    sigaction(SIGSEGV, &theirs, &chained);
    reinstall_fault_handler();
    fault_for_real();
    _exit(1);
}

// Run by a fresh process, which has not copied yet: the first installation is the case's own.
TEST(FaultHandlerDeathTest, EarlierHandlerThatCallsUsInTurnMakesNoCircle) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(fault_through_two_handlers(), testing::ExitedWithCode(0), "");
}

TEST(FaultHandler, HookIsCalledForARealFaultBeforeTheEarlierHandler) {
    expect_exit_zero([] {
        static volatile int hooked = 0;
        install_before_us([](int) { _exit(hooked == SIGSEGV ? 0 : 3); });
        fault_hook = [](int signal) { hooked = signal; };
        fault_for_real();
        return 1;
    });
}

TEST(FaultHandler, HookIsNotCalledForACheckedCopy) {
    expect_exit_zero([] {
        fault_hook = [](int) { _exit(3); };
        return wild_copy_is_an_error() ? 0 : 1;
    });
}

TEST(FaultHandler, HookIsNotCalledForASentSignalThatTheProgramHandles) {
    expect_exit_zero([] {
        install_before_us([](int) {});
        fault_hook = [](int) { _exit(3); };
        raise(SIGSEGV);
        return 0;
    });
}

volatile int offered = 0;

bool take_every_offer(int signal, const siginfo_t*, void*) {
    offered = signal;
    return true;
}

TEST(FaultHandler, FaultThatIsDealtWithIsNotPassedOnAndTheInstructionIsTriedAgain) {
    expect_exit_zero([] {
        install_before_us([](int) { _exit(3); });
        fault_offer.store([](int signal, const siginfo_t* info, void*) {
            if (offered != 0) _exit(offered == SIGSEGV && info->si_addr == reinterpret_cast<void*>(nowhere) ? 0 : 4);
            offered = signal;
            return true;
        });
        fault_for_real();
        return 1;
    });
}

TEST(FaultHandler, SignalsOfEveryKindOfFaultAreOffered) {
    expect_exit_zero([] {
        arm_fault_handler();
        fault_offer.store(take_every_offer);
        for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
            raise(signal);
            if (offered != signal) return signal;
        }
        return 0;
    });
}

TEST(FaultHandler, OfferThatIsRefusedIsMadeOnceAlthoughTheEarlierHandlerAsksAgain) {
    expect_killed_by(SIGSEGV, [] {
        static struct sigaction earlier {};
        earlier.sa_flags = SA_SIGINFO;
        earlier.sa_sigaction = [](int signal, siginfo_t* info, void* context) {
            if (offer_fault(signal, info, context) || offered != 1) _exit(3);
            ::signal(signal, SIG_DFL);
        };
        install_before_us(earlier);
        fault_offer.store([](int, const siginfo_t*, void*) {
            offered = offered + 1;
            return false;
        });
        fault_for_real();
        return 1;
    });
}

TEST(FaultHandler, FaultOfAThreadWithAHookIsNotOffered) {
    expect_killed_by(SIGSEGV, [] {
        install_before_us(SIG_DFL);
        fault_offer.store(take_every_offer);
        fault_hook = [](int) {};
        fault_for_real();
        return 1;
    });
}

TEST(FaultHandler, ArmingUnblocksOnlyTheSignalsOfACheckedCopy) {
    expect_exit_zero([] {
        sigset_t all, now;
        sigfillset(&all);
        reinstall_fault_handler();
        pthread_t thread;
        pthread_sigmask(SIG_SETMASK, &all, nullptr);
        const auto body = [](void* mask) -> void* {
            arm_fault_handler();
            pthread_sigmask(SIG_BLOCK, nullptr, static_cast<sigset_t*>(mask));
            return nullptr;
        };
        if (pthread_create(&thread, nullptr, body, &now) != 0 || pthread_join(thread, nullptr) != 0) return 1;
        const auto blocks = [&](int signal) { return sigismember(&now, signal) == 1; };
        return !blocks(SIGSEGV) && !blocks(SIGBUS) && blocks(SIGFPE) && blocks(SIGABRT) ? 0 : 2;
    });
}

TEST(FaultHandler, KeepsErrnoAcrossACheckedCopyThatFaults) {
    errno = EDOM;
    EXPECT_TRUE(wild_copy_is_an_error());
    EXPECT_EQ(errno, EDOM);
}

TEST(FaultHandler, ProgramThatReplacedItIsNoticedAndItCanBeTakenBack) {
    expect_exit_zero([] {
        arm_fault_handler();
        if (!handler_is_ours()) return 1;
        signal(SIGBUS, [](int) {});
        if (handler_is_ours()) return 2;
        signal(SIGSEGV, [](int) { _exit(3); });
        reinstall_fault_handler();
        if (!handler_is_ours()) return 4;
        return wild_copy_is_an_error() ? 0 : 5;
    });
}

TEST(FaultHandler, RunsOnTheAlternateStack) {
    expect_exit_zero([] {
        static unsigned char stack[65536];
        stack_t alternate{};
        alternate.ss_sp = stack;
        alternate.ss_size = sizeof stack;
        sigaltstack(&alternate, nullptr);
        install_before_us([](int) {
            const unsigned char here = 0;
            const unsigned char* at = &here;
            _exit(at > stack && at < stack + sizeof stack ? 0 : 3);
        });
        fault_for_real();
        return 1;
    });
}

}  // namespace
}  // namespace umach::runtime
