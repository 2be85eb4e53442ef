// SPDX-License-Identifier: BSL-1.0
#include "runtime/doorbell/warden.hpp"

#include <cerrno>
#include <cstdint>

#include <fcntl.h>
#include <sys/ipc.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/unseen.hpp"

namespace umach::runtime {

namespace {

struct Report {
    int id;
    int error;
    pid_t warden;
};

struct Pipe {
    Descriptor out;
    Descriptor in;
};

struct Ends {
    int lifeline_out;
    int report_in;
};

Outcome<Pipe> make_pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return last_fault("pipe2");
    return Pipe{Descriptor(ends[0]), Descriptor(ends[1])};
}

// The warden is a fork of a process that may have other threads, so it makes system calls and nothing else.
// Not by fork(): the program's fork handlers are not for this child. No exit signal: the program does not
// hear of it.
UMACH_UNSEEN pid_t plain_fork() noexcept {
    return static_cast<pid_t>(syscall(SYS_clone, 0L, 0L, 0L, 0L, 0L));
}

[[noreturn]] UMACH_UNSEEN void leave() noexcept {
    for (;;) syscall(SYS_exit_group, 0);
}

UMACH_UNSEEN void wait_for_the_last(int lifeline_out) noexcept {
    char none;
    while (syscall(SYS_read, lifeline_out, &none, sizeof none) != 0) {
    }
}

// Only what is still ours: somebody may have removed the set, and the id may name another one by now.
UMACH_UNSEEN void remove_set(int id, key_t key) noexcept {
    semid_ds set{};
    if (syscall(SYS_semctl, id, 0, IPC_STAT, &set) == 0 && set.sem_perm.__key == key) {
        syscall(SYS_semctl, id, 0, IPC_RMID, 0L);
    }
}

[[noreturn]] UMACH_UNSEEN void be_warden(key_t key, std::uint32_t slots, Ends ends) noexcept {
    const long id = syscall(SYS_semget, key, static_cast<int>(slots), IPC_CREAT | IPC_EXCL | 0600);
    const Report report{static_cast<int>(id), id < 0 ? errno : 0, static_cast<pid_t>(syscall(SYS_getpid))};
    syscall(SYS_prctl, PR_SET_NAME, "umach-warden", 0L, 0L, 0L);
    syscall(SYS_chdir, "/");
    syscall(SYS_write, ends.report_in, &report, sizeof report);
    syscall(SYS_dup3, ends.lifeline_out, 0, 0);
    syscall(SYS_close_range, 1U, ~0U, 0U);
    if (id >= 0) {
        wait_for_the_last(0);
        remove_set(static_cast<int>(id), key);
    }
    leave();
}

// By way of a child in between, so that the warden is nobody's child to wait for. All signals stay blocked in
// it.
UMACH_UNSEEN pid_t fork_warden(key_t key, std::uint32_t slots, Ends ends) noexcept {
    std::uint64_t all = ~std::uint64_t{0};
    std::uint64_t mask = 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &mask, sizeof mask);
    const pid_t between = plain_fork();
    if (between == 0) {
        syscall(SYS_setsid);
        if (plain_fork() == 0) be_warden(key, slots, ends);
        leave();
    }
    const int error = errno;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, nullptr, sizeof mask);
    errno = error;
    return between;
}

Outcome<key_t> random_key() {
    key_t key = IPC_PRIVATE;
    while (key == IPC_PRIVATE) {
        if (getrandom(&key, sizeof key, 0) != sizeof key) return last_fault("getrandom");
    }
    return key;
}

Report read_report(int report_out) noexcept {
    Report report{-1, ECHILD, 0};
    ssize_t got = 0;
    do {
        got = read(report_out, &report, sizeof report);
    } while (got < 0 && errno == EINTR);
    return report;
}

void remove_by_key(key_t key) noexcept {
    const int id = semget(key, 0, 0600);
    if (id >= 0) semctl(id, 0, IPC_RMID);
}

Outcome<WardedSet> try_key(key_t key, std::uint32_t slots) {
    auto lifeline = make_pipe();
    if (!lifeline) return std::move(lifeline).fault();
    auto reports = make_pipe();
    if (!reports) return std::move(reports).fault();
    const pid_t between = fork_warden(key, slots, {lifeline.value().out.get(), reports.value().in.get()});
    if (between < 0) return last_fault("forking the warden of a semaphore set");
    reports.value().in.reset();
    while (waitpid(between, nullptr, static_cast<int>(__WCLONE)) < 0 && errno == EINTR) {
    }
    const Report report = read_report(reports.value().out.get());
    if (report.error == ECHILD) remove_by_key(key);
    if (report.error != 0) {
        return make_fault(report.error, "semget of " + std::to_string(slots) + " semaphores");
    }
    return WardedSet{report.id, report.warden, std::move(lifeline.value().in)};
}

}  // namespace

Outcome<WardedSet> start_warden(std::uint32_t slots) {
    if (slots == 0 || slots > INT32_MAX) {
        return make_fault(EINVAL, "a set of " + std::to_string(slots) + " semaphores");
    }
    for (;;) {
        auto key = random_key();
        if (!key) return std::move(key).fault();
        auto set = try_key(key.value(), slots);
        if (set || set.fault().error != EEXIST) return set;
    }
}

}  // namespace umach::runtime
