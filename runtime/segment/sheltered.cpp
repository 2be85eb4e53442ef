// SPDX-License-Identifier: BSL-1.0
#include "runtime/segment/sheltered.hpp"

#include <cerrno>
#include <cstdint>

#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/unseen.hpp"

namespace umach::runtime {

namespace {

struct Work {
    int (*work)(void*);
    void* argument;
};

UMACH_UNSEEN int enter(void* argument) {
    const Work& work = *static_cast<const Work*>(argument);
    syscall(SYS_setsid);
    return work.work(work.argument);
}

// All signals, also those that libc keeps for itself: none may be handled on the shared memory from outside.
void set_mask(std::uint64_t mask, std::uint64_t* before) noexcept {
    syscall(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, &mask, before, sizeof mask);
}

}  // namespace

pid_t run_sheltered(int (*work)(void*), void* argument) noexcept {
    alignas(64) unsigned char stack[16384];
    Work entry{work, argument};
    std::uint64_t mask = 0;
    set_mask(~std::uint64_t{0}, &mask);
    // No exit signal: no SIGCHLD for the program, and none of its wait() calls sees this child.
    const pid_t process = clone(enter, stack + sizeof stack, CLONE_VM | CLONE_VFORK, &entry);
    const int error = errno;
    set_mask(mask, nullptr);
    errno = error;
    return process;
}

void reap_sheltered(pid_t process) noexcept {
    while (waitpid(process, nullptr, static_cast<int>(__WCLONE)) < 0 && errno == EINTR) {
    }
}

}  // namespace umach::runtime
