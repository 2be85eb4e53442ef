// SPDX-License-Identifier: BSL-1.0
#include "tests/runtime/failing_call.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <map>
#include <vector>

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

namespace umach::runtime::test {

void give_verdict(bool success, const std::string& cause) {
    if (success) _exit(well);
    _exit(cause.empty() ? error_without_cause : clear_error);
}

bool next_stop(pid_t child, int* status) {
    for (int signal = 0;;) {
        if (ptrace(PTRACE_SYSCALL, child, nullptr, signal) != 0 || waitpid(child, status, 0) != child) return false;
        if (!WIFSTOPPED(*status)) return false;
        if (WSTOPSIG(*status) == (SIGTRAP | 0x80)) return true;
        signal = WSTOPSIG(*status);
    }
}

namespace {

void end_of(pid_t child) {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
}

}  // namespace

pid_t start_traced(const std::function<void()>& body, const std::function<pid_t()>& fork) {
    const pid_t child = fork();
    if (child == 0) {
        alarm(30);   // nothing here takes seconds
        if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(not_traced);
        raise(SIGSTOP);
        try {
            body();
        } catch (...) {   // else it would be the test that goes on here
            _exit(thrown);
        }
        _exit(well);
    }
    int status = 0;
    const bool stopped = waitpid(child, &status, 0) == child && WIFSTOPPED(status);
    if (stopped && ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) == 0) return child;
    if (stopped) end_of(child);
    return -1;
}

bool may_trace() {
    const pid_t child = start_traced([] {});
    if (child > 0) end_of(child);
    return child > 0;
}

#if defined(__x86_64__)

namespace {

const std::map<long, std::vector<int>>& errors_of_calls() {
    static const std::map<long, std::vector<int>> errors{
        {SYS_memfd_create, {EMFILE, ENOMEM}}, {SYS_ftruncate, {ENOSPC, EINTR}},  {SYS_fallocate, {ENOSPC, EINTR}},
        {SYS_mmap, {ENOMEM}},                 {SYS_socket, {EMFILE, ENFILE}},    {SYS_bind, {EADDRINUSE, ENOMEM}},
        {SYS_listen, {EADDRINUSE}},           {SYS_connect, {ECONNREFUSED, EAGAIN, EINTR}},
        {SYS_accept4, {EMFILE, ECONNABORTED, EINTR}}, {SYS_sendmsg, {EPIPE, ECONNRESET, EINTR}},
        {SYS_sendto, {EPIPE, EINTR}},         {SYS_recvmsg, {ECONNRESET, EINTR, EAGAIN}},
        {SYS_recvfrom, {ECONNRESET, EINTR, EAGAIN}}, {SYS_openat, {EMFILE, ENOENT}}, {SYS_read, {EIO, EINTR}},
        {SYS_write, {EPIPE, EAGAIN, EINTR}},  {SYS_clone, {EAGAIN}},             {SYS_clone3, {EAGAIN}},
        {SYS_epoll_create1, {EMFILE}},        {SYS_epoll_ctl, {ENOSPC, ENOMEM}}, {SYS_timerfd_create, {EMFILE, ENOMEM}},
        {SYS_pidfd_open, {EMFILE, ESRCH}},    {SYS_pipe2, {EMFILE}},             {SYS_poll, {EINTR}},
        {SYS_getsockopt, {ENOPROTOOPT}},      {SYS_getrandom, {EINTR}},          {SYS_madvise, {ENOMEM}},
        {SYS_fcntl, {EMFILE}},                {SYS_futex, {EINTR}},              {SYS_unlink, {EACCES}},
        {SYS_setsockopt, {ENOMEM}},           {SYS_flock, {EINTR, ENOLCK}},      {SYS_mknodat, {EEXIST, ENOSPC}},
        {SYS_msgget, {ENOSPC, EEXIST}},       {SYS_msgsnd, {EAGAIN, EIDRM}},     {SYS_msgrcv, {ENOMSG, EIDRM}},
        {SYS_mq_open, {EMFILE, ENOSPC}},      {SYS_mq_timedsend, {EAGAIN, EINTR}}, {SYS_mq_timedreceive, {EAGAIN, EINTR}}};
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

struct Injected {
    long call = -1;   // -1: the process made fewer calls
    int error = 0;
    int status = 0;   // with which it ended
};

// The child stands before a call: it fails instead.
bool fail_here(pid_t child, user_regs_struct& registers, int error, int* status) {
    registers.orig_rax = ~0ull;
    if (ptrace(PTRACE_SETREGS, child, nullptr, &registers) != 0 || !next_stop(child, status)) return false;
    registers.rax = static_cast<unsigned long long>(-error);
    return ptrace(PTRACE_SETREGS, child, nullptr, &registers) == 0;
}

// Runs the body in a process whose nth call of those above, from 1, fails with its error of that number.
Injected run_with_fault(unsigned nth, std::size_t number, const Extent& extent, const std::function<void()>& body) {
    const pid_t child = start_traced(body, extent.fork);
    Injected injected;
    if (child < 0) injected.status = not_traced << 8;
    for (unsigned seen = 0; child > 0 && next_stop(child, &injected.status);) {
        user_regs_struct registers{};
        ptrace(PTRACE_GETREGS, child, nullptr, &registers);
        const auto call = static_cast<long>(registers.orig_rax);
        const std::vector<int> errors = errors_of(call);
        if (errors.size() > number && !extent.spared.contains(call) && ++seen == nth) {
            injected.call = call;
            injected.error = errors[number];
            if (!fail_here(child, registers, injected.error, &injected.status)) return injected;
            ptrace(PTRACE_DETACH, child, nullptr, nullptr);
            waitpid(child, &injected.status, 0);
            return injected;
        }
        if (!next_stop(child, &injected.status)) break;
    }
    return injected;
}

}  // namespace

Failures fail_every_call(const Extent& extent, const std::function<void()>& body, const std::function<void()>& look) {
    Failures failures;
    for (std::size_t number = 0; number < extent.errors; ++number)
        for (unsigned nth = 1;; ++nth) {
            const Injected injected = run_with_fault(nth, number, extent, body);
            const int status = injected.status;
            if (!WIFEXITED(status) || (WEXITSTATUS(status) != well && WEXITSTATUS(status) != clear_error)) {
                failures.trouble = "call " + std::to_string(injected.call) + ", the " + std::to_string(nth) + "th, error " +
                                   std::to_string(injected.error) + ": ended with status " + std::to_string(status);
                return failures;
            }
            look();
            if (injected.call < 0) break;
            ++failures.runs;
            if (WEXITSTATUS(status) == clear_error) ++failures.errors;
        }
    return failures;
}

#endif

}  // namespace umach::runtime::test
