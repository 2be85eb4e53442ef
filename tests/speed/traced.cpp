// SPDX-License-Identifier: BSL-1.0
#include "speed/traced.hpp"

#include <cerrno>
#include <cstdlib>

#include <linux/futex.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace speed {
namespace {

constexpr int not_permitted = 99;

[[noreturn]] void become(const std::vector<std::string>& command, const std::string& setting) {
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(not_permitted);
    putenv(const_cast<char*>(setting.c_str()));
    std::vector<char*> words;
    for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    execv(words[0], words.data());
    _exit(127);
}

void count(Calls& calls, const __ptrace_syscall_info& info) {
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY) return;
    const int operation = static_cast<int>(info.entry.args[1]) & FUTEX_CMD_MASK;
    if (info.entry.nr != SYS_futex)
        ++calls.others;
    else if (operation == FUTEX_WAKE)
        ++calls.futex_wakes;
    else
        ++calls.futex_waits;
}

// What a tracee that has stopped is to be told: a signal, if it stopped for one of its own.
int look_at(pid_t tracee, int status, Calls& calls) {
    const int signal = WSTOPSIG(status);
    if (signal == (SIGTRAP | 0x80)) {
        __ptrace_syscall_info info{};
        ptrace(PTRACE_GET_SYSCALL_INFO, tracee, sizeof info, &info);
        count(calls, info);
        return 0;
    }
    return signal == SIGTRAP || signal == SIGSTOP ? 0 : signal;
}

}  // namespace

std::optional<Calls> traced(const std::vector<std::string>& command, const std::string& setting) {
    const pid_t first = fork();
    if (first == 0) become(command, setting);
    int status = 0;
    waitpid(first, &status, 0);
    if (!WIFSTOPPED(status)) return {};
    ptrace(PTRACE_SETOPTIONS, first, nullptr,
           PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL);
    Calls calls;
    ptrace(PTRACE_SYSCALL, first, nullptr, nullptr);
    int result = 0;
    for (pid_t tracee = 0; (tracee = waitpid(-1, &status, __WALL)) > 0;) {
        if (WIFSTOPPED(status))
            ptrace(PTRACE_SYSCALL, tracee, nullptr, look_at(tracee, status, calls));
        else if (tracee == first)
            result = status;
    }
    if (result != 0) return Calls{-1, -1, -1};
    return calls;
}

}  // namespace speed
