// SPDX-License-Identifier: BSL-1.0
// Each system call that a process makes to make a host, to join one, and to exchange messages fails once with an
// error, those that it may have and some others: what is asked of the library then succeeds all the same or fails
// with an error that says why; nothing crashes, hangs, or stays behind.
#include "processes.hpp"

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <umach_inspect.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <vector>

#if defined(__x86_64__)

namespace umach::tests {
namespace {

enum Verdict { well = 0, clear_error = 3, error_without_cause = 4 };

const std::map<long, std::vector<int>>& errors_of_calls() {
    static const std::map<long, std::vector<int>> errors{
        {SYS_memfd_create, {EMFILE, ENOMEM}}, {SYS_ftruncate, {ENOSPC, EINTR}},  {SYS_fallocate, {ENOSPC, EINTR}},
        {SYS_mmap, {ENOMEM}},                 {SYS_socket, {EMFILE, ENFILE}},    {SYS_bind, {EADDRINUSE, ENOMEM}},
        {SYS_listen, {EADDRINUSE}},           {SYS_connect, {ECONNREFUSED, EAGAIN, EINTR}},
        {SYS_sendmsg, {EPIPE, ECONNRESET, EINTR}}, {SYS_sendto, {EPIPE, EINTR}}, {SYS_recvmsg, {ECONNRESET, EINTR, EAGAIN}},
        {SYS_openat, {EMFILE, ENOENT}},       {SYS_read, {EIO, EINTR}},          {SYS_clone, {EAGAIN}},
        {SYS_clone3, {EAGAIN}},               {SYS_epoll_create1, {EMFILE}},     {SYS_pidfd_open, {EMFILE, ESRCH}},
        {SYS_pipe2, {EMFILE}},                {SYS_poll, {EINTR}},               {SYS_getsockopt, {ENOPROTOOPT}},
        {SYS_getrandom, {EINTR}},             {SYS_madvise, {ENOMEM}},           {SYS_fcntl, {EMFILE}},
        {SYS_futex, {EINTR}},                 {SYS_unlink, {EACCES}},            {SYS_setsockopt, {ENOMEM}}};
    return errors;
}

// Those first, and then some that no system is known to give there.
std::vector<int> errors_of(long call) {
    const auto found = errors_of_calls().find(call);
    if (found == errors_of_calls().end()) return {};
    std::vector<int> errors = found->second;
    for (const int other : {ENOSPC, ENOMEM, EMFILE, EINTR, EAGAIN, EIO, EPIPE})
        if (std::find(errors.begin(), errors.end(), other) == errors.end()) errors.push_back(other);
    return errors;
}

// Lets the stopped child go on to its next stop at a system call.
// returns: false when it has ended, or was ended
bool next_stop(pid_t child, int* status) {
    for (int signal = 0;;) {
        MUST(ptrace(PTRACE_SYSCALL, child, nullptr, signal) == 0);
        MUST(waitpid(child, status, 0) == child);
        if (!WIFSTOPPED(*status)) return false;
        if (WSTOPSIG(*status) == (SIGTRAP | 0x80)) return true;
        signal = WSTOPSIG(*status);
    }
}

// Runs the body in a process that is killed where it is about to make its nth system call, from 1.
// returns: whether it came so far
bool kill_at_call(unsigned nth, const std::function<void()>& body) {
    const pid_t child = start([&] {
        ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
        raise(SIGSTOP);
        body();
    });
    int status = 0;
    MUST(waitpid(child, &status, 0) == child && WIFSTOPPED(status));
    MUST(ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) == 0);
    for (unsigned stops = 0; next_stop(child, &status);) {
        if (++stops != nth) continue;
        kill_and_reap(child);
        return true;
    }
    return false;
}

struct Injected {
    long call = -1;   // -1: the process made fewer calls
    int status = 0;   // with which it ended
};

// Runs the body in a process whose nth call of those above, from 1, fails with its error of that number.
Injected run_with_fault(unsigned nth, std::size_t error, const std::function<void()>& body) {
    const pid_t child = start([&] {
        ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
        raise(SIGSTOP);
        body();
    });
    Injected injected;
    MUST(waitpid(child, &injected.status, 0) == child && WIFSTOPPED(injected.status));
    MUST(ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) == 0);
    for (unsigned seen = 0; next_stop(child, &injected.status);) {
        user_regs_struct registers{};
        MUST(ptrace(PTRACE_GETREGS, child, nullptr, &registers) == 0);
        const auto call = static_cast<long>(registers.orig_rax);
        const std::vector<int> errors = errors_of(call);
        const bool now = errors.size() > error && ++seen == nth;
        if (now) {
            registers.orig_rax = ~0ull;
            MUST(ptrace(PTRACE_SETREGS, child, nullptr, &registers) == 0);
        }
        if (!next_stop(child, &injected.status)) break;
        if (!now) continue;
        MUST(ptrace(PTRACE_GETREGS, child, nullptr, &registers) == 0);
        registers.rax = static_cast<unsigned long long>(-errors[error]);
        MUST(ptrace(PTRACE_SETREGS, child, nullptr, &registers) == 0);
        MUST(ptrace(PTRACE_DETACH, child, nullptr, nullptr) == 0);
        injected.call = call;
        MUST(waitpid(child, &injected.status, 0) == child);
        return injected;
    }
    return injected;
}

[[noreturn]] void give_verdict(bool success) {
    if (success) _exit(well);
    _exit(*mach_error_detail() != 0 ? clear_error : error_without_cause);
}

// Fails every call once, in each way, and looks after each.
void fail_every_call(const std::function<void()>& body, const std::function<void()>& look) {
    int runs = 0, errors = 0;
    constexpr std::size_t most_errors = 10;
    for (std::size_t error = 0; error < most_errors; ++error)
        for (unsigned nth = 1;; ++nth) {
            const Injected injected = run_with_fault(nth, error, body);
            const int status = injected.status;
            const bool good = WIFEXITED(status) && (WEXITSTATUS(status) == well || WEXITSTATUS(status) == clear_error);
            if (!good)
                std::fprintf(stderr, "call %ld, the %uth, error %zu: ended with %#x\n", injected.call, nth, error, status);
            MUST(good);
            look();
            if (injected.call < 0) break;
            ++runs;
            if (WEXITSTATUS(status) == clear_error) ++errors;
        }
    std::printf("[ figures  ] %d system calls failed, %d times with a clear error\n", runs, errors);
    std::fflush(stdout);
    MUST(runs > 10);
}

bool exchange_a_message() {
    port_name_t own = PORT_NULL;
    if (port_allocate(task_self(), &own) != KERN_SUCCESS) return false;
    msg_header_t header{};
    header.msg_simple = TRUE;
    header.msg_size = sizeof header;
    header.msg_remote_port = own;
    if (msg_send(&header, SEND_TIMEOUT, 1'000) != SEND_SUCCESS) return false;
    header.msg_local_port = own;
    return msg_receive(&header, RCV_TIMEOUT, 1'000) == RCV_SUCCESS;
}

TEST(SystemCallFault, InOneThatMakesAHostIsAClearErrorAndLeavesNothing) {
    const std::string name = "fault-" + std::to_string(getpid());
    EXPECT_TRUE(runs_well([&] {
        alarm(120);
        const auto make = [&] {
            if (umach_host_create(name.c_str(), nullptr) != KERN_SUCCESS) give_verdict(false);
            give_verdict(exchange_a_message());
        };
        fail_every_call(make, [&] { MUST(becomes_true([&] { return !name_is_taken(name); })); });
    }));
}

// The name is free at once: nothing of a host that was not finished can be found.
TEST(KilledAtAnySystemCall, TheMakerOfAHostLeavesNothingAndTheNextMakesItAtOnce) {
    const std::string name = "killed-" + std::to_string(getpid());
    EXPECT_TRUE(runs_well([&] {
        alarm(120);
        const auto make = [&] { MUST(umach_host_create(name.c_str(), nullptr) == KERN_SUCCESS && exchange_a_message()); };
        unsigned nth = 1;
        while (kill_at_call(nth, make)) {
            const auto begin = runtime::MonotonicClock::now();
            MUST(runs_well([&] {
                const auto again = runtime::Deadline::in(std::chrono::milliseconds(500));   // 100 on a quiet machine
                while (umach_host_create(name.c_str(), nullptr) != KERN_SUCCESS) MUST(!again.passed());
                MUST(exchange_a_message());
            }));
            MUST(runtime::MonotonicClock::now() - begin < std::chrono::seconds(2));
            nth += nth < 40 ? 1 : 3;
        }
        std::printf("[ figures  ] killed at each of %u stops at system calls\n", nth);
        std::fflush(stdout);
        MUST(nth > 40);
        MUST(becomes_true([&] { return !name_is_taken(name); }));
    }));
}

TEST(SystemCallFault, InAChildThatJoinsIsAClearErrorAndLeavesTheHostAsItWas) {
    EXPECT_TRUE(runs_well([] {
        alarm(120);
        const port_name_t port = new_port();
        leave_for_children(port);
        MUST(runs_well([] { MUST(new_port() != PORT_NULL); }));   // the keeper and the name service are there now
        const unsigned before = live_tasks();
        const auto join = [] { give_verdict(task_self() != PORT_NULL && exchange_a_message()); };
        fail_every_call(join, [&] {
            MUST(becomes_true([&] { return live_tasks() <= before; }));
            MUST(violations().empty());
        });
        MUST(new_port() != PORT_NULL);
    }));
}

}  // namespace
}  // namespace umach::tests

#endif
