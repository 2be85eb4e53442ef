// SPDX-License-Identifier: BSL-1.0
#include "runtime/warden.hpp"

#include <cerrno>
#include <cstdint>

#include <fcntl.h>
#include <sys/ipc.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/unseen.hpp"

namespace umach::runtime {

namespace {

struct Report {
    int ids[Ward::most];
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

[[noreturn]] UMACH_UNSEEN void be_warden(Ward& ward, const Ends& ends) noexcept {
    Report report;
    report.error = ward.make(report.ids);
    report.warden = static_cast<pid_t>(syscall(SYS_getpid));
    syscall(SYS_prctl, PR_SET_NAME, "umach-warden", 0L, 0L, 0L);
    syscall(SYS_chdir, "/");
    syscall(SYS_write, ends.report_in, &report, sizeof report);
    ward.keep_only(ends.lifeline_out);
    if (report.error == 0) {
        wait_for_the_last(0);
        ward.remove(report.ids);
    }
    leave();
}

// By way of a child in between, so that the warden is nobody's child to wait for. All signals stay blocked in
// it.
UMACH_UNSEEN pid_t fork_warden(Ward& ward, const Ends& ends) noexcept {
    std::uint64_t all = ~std::uint64_t{0};
    std::uint64_t mask = 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &mask, sizeof mask);
    const pid_t between = plain_fork();
    if (between == 0) {
        syscall(SYS_setsid);
        if (plain_fork() == 0) be_warden(ward, ends);
        leave();
    }
    const int error = errno;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, nullptr, sizeof mask);
    errno = error;
    return between;
}

Report read_report(int report_out) noexcept {
    Report report{{-1, -1}, ECHILD, 0};
    ssize_t got = 0;
    do {
        got = read(report_out, &report, sizeof report);
    } while (got < 0 && errno == EINTR);
    return report;
}

}  // namespace

UMACH_UNSEEN int Ward::make(int (&ids)[most]) noexcept {
    for (int& id : ids) id = -1;
    for (int which = 0; which < things_; ++which) {
        const int error = make_one(which, ids[which]);
        if (error == 0) continue;
        while (which-- > 0) remove_one(which, ids[which]);
        return error;
    }
    return 0;
}

UMACH_UNSEEN void Ward::keep_only(int lifeline_out) noexcept {
    long above[most];
    for (int i = 0; i < most; ++i) above[i] = syscall(SYS_fcntl, kept_[i], F_DUPFD, most + 1);
    syscall(SYS_dup3, lifeline_out, 0, 0);
    int next = 1;
    for (int i = 0; i < most; ++i) {
        if (kept_[i] < 0) continue;
        syscall(SYS_dup3, above[i], next, 0);
        kept_[i] = next++;
    }
    syscall(SYS_close_range, next, ~0U, 0U);
}

UMACH_UNSEEN void Ward::remove(const int (&ids)[most]) noexcept {
    wait_for_others(ids);
    for (int which = 0; which < things_; ++which) remove_one(which, ids[which]);
}

void Ward::remove_by_key() noexcept {
    for (int which = 0; which < things_; ++which) remove_one_by_key(which);
}

Outcome<key_t> random_key() {
    key_t key = IPC_PRIVATE;
    while (key == IPC_PRIVATE) {
        if (getrandom(&key, sizeof key, 0) != sizeof key) return last_fault("getrandom");
    }
    return key;
}

Outcome<Warded> start_warden(Ward& ward, const std::string& what) {
    auto lifeline = make_pipe();
    if (!lifeline) return std::move(lifeline).fault();
    auto reports = make_pipe();
    if (!reports) return std::move(reports).fault();
    const pid_t between = fork_warden(ward, {lifeline.value().out.get(), reports.value().in.get()});
    if (between < 0) return last_fault("forking the warden of " + what);
    reports.value().in.reset();
    while (waitpid(between, nullptr, static_cast<int>(__WCLONE)) < 0 && errno == EINTR) {
    }
    const Report report = read_report(reports.value().out.get());
    if (report.error == ECHILD) ward.remove_by_key();
    if (report.error != 0) return make_fault(report.error, "making " + what);
    return Warded{{report.ids[0], report.ids[1]}, report.warden, std::move(lifeline.value().in)};
}

}  // namespace umach::runtime
