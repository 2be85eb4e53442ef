// SPDX-License-Identifier: BSL-1.0
#include "cell.hpp"
#include "command.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <initializer_list>

namespace umach::tools {
namespace {

constexpr uid_t first_throw_away = 0x70000000;  // plus the process: nobody else has it
constexpr uid_t nobody = 65'534;

std::string failed(const char* what) {
    return fmt::format("{}: {}", what, std::strerror(errno));
}

void close_all_but(std::vector<int> kept) {
    std::sort(kept.begin(), kept.end());
    unsigned next = 3;
    for (const int one : kept) {
        const auto here = static_cast<unsigned>(one);
        if (here > next) syscall(SYS_close_range, next, here - 1, 0);
        next = std::max(next, here + 1);
    }
    syscall(SYS_close_range, next, ~0u, 0);
}

void write_file(const char* path, const std::string& text) {
    const int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0 || write(file, text.data(), text.size()) < 0) throw Trouble(failed(path));
    close(file);
}

// Who is not root becomes what it is, in a namespace where it may make others.
bool own_user_namespace() {
    const uid_t user = geteuid();
    const gid_t group = getegid();
    if (unshare(CLONE_NEWUSER) != 0) return false;
    write_file("/proc/self/setgroups", "deny");
    write_file("/proc/self/uid_map", fmt::format("{0} {0} 1", user));
    write_file("/proc/self/gid_map", fmt::format("{0} {0} 1", group));
    return true;
}

bool mount_new(const char* kind, const char* where, const char* options) {
    return mount(kind, where, kind, MS_NOSUID | MS_NODEV | MS_NOEXEC, options) == 0;
}

// returns: whether nothing can be written to but what is new
bool own_files() {
    if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
        return false;
    mount_attr closed{};
    closed.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID;
    if (syscall(SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &closed, sizeof closed) != 0) return false;
    return mount_new("tmpfs", "/dev/shm", "mode=1777,size=256m") &&
           mount_new("tmpfs", "/tmp", "mode=1777,size=256m");
}

void become_nobody(uid_t own) {
    if (setgroups(0, nullptr) != 0) throw Trouble(failed("giving up groups"));
    for (const uid_t user : {own, nobody})
        if (setresgid(user, user, user) == 0 && setresuid(user, user, user) == 0) return;
    throw Trouble(failed("becoming another user"));
}

void give_up_capabilities() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[2]{};
    if (syscall(SYS_capset, &header, none) != 0) throw Trouble(failed("giving up capabilities"));
}

// Calls that take hold of another process or of the system, and doors to the kernel that no program of ours
// needs. A namespace by clone3 cannot be seen by a filter, so there is none: libraries fall back to clone.
constexpr int refused[] = {
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(kcmp),
    SCMP_SYS(process_madvise),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(setns),
    SCMP_SYS(unshare),
    SCMP_SYS(mount_setattr),
    SCMP_SYS(move_mount),
    SCMP_SYS(open_tree),
    SCMP_SYS(fsopen),
    SCMP_SYS(fsmount),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(keyctl),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(reboot),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(acct),
    SCMP_SYS(quotactl),
    SCMP_SYS(settimeofday),
    SCMP_SYS(clock_settime),
    SCMP_SYS(personality),
    SCMP_SYS(shmget),
    SCMP_SYS(shmat),
    SCMP_SYS(shmctl),
    SCMP_SYS(semget),
    SCMP_SYS(semop),
    SCMP_SYS(msgget),
    SCMP_SYS(msgsnd),
    SCMP_SYS(msgrcv),
    SCMP_SYS(mq_open),
};

void filter_calls() {
    const scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int error = filter == nullptr ? -ENOMEM : 0;
    const auto add = [&](int error_given, int call, std::initializer_list<scmp_arg_cmp> conditions = {}) {
        if (error == 0)
            error = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(static_cast<unsigned>(error_given)), call,
                                           static_cast<unsigned>(conditions.size()), conditions.begin());
    };
    for (const int call : refused) add(EPERM, call);
    add(ENOSYS, SCMP_SYS(clone3));
    constexpr std::uint64_t spaces[] = {CLONE_NEWUSER, CLONE_NEWNS,  CLONE_NEWNET,   CLONE_NEWPID,
                                        CLONE_NEWIPC,  CLONE_NEWUTS, CLONE_NEWCGROUP};
    for (const std::uint64_t space : spaces)
        add(EPERM, SCMP_SYS(clone), {{0, SCMP_CMP_MASKED_EQ, space, space}});
    add(EPERM, SCMP_SYS(socket), {{0, SCMP_CMP_NE, AF_UNIX, 0}});
    add(EPERM, SCMP_SYS(ioctl), {{1, SCMP_CMP_MASKED_EQ, 0xFFFFFFFFul, TIOCSTI}});
    if (error == 0) error = seccomp_load(filter);
    seccomp_release(filter);
    if (error != 0) throw Trouble(fmt::format("filtering system calls: {}", std::strerror(-error)));
}

}  // namespace

std::vector<std::string> leave(const std::vector<int>& kept) {
    std::vector<std::string> missed;
    close_all_but(kept);
    const rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    if (geteuid() != 0 && !own_user_namespace())
        missed.push_back(failed("it is this user, and no namespace could be made"));
    const struct {
        int space;
        const char* without;
    } spaces[] = {{CLONE_NEWNET, "it shares the network"},
                  {CLONE_NEWIPC, "it shares System V and POSIX queues"},
                  {CLONE_NEWPID, "it sees all processes"}};
    for (const auto& one : spaces)
        if (unshare(one.space) != 0) missed.push_back(failed(one.without));
    return missed;
}

std::vector<std::string> close_in(unsigned number) {
    std::vector<std::string> missed;
    if (!own_files()) missed.push_back(failed("it can write to files as its user can"));
    if (getpid() != 1 || !mount_new("proc", "/proc", nullptr))
        missed.push_back(failed("it sees /proc of all processes"));
    if (geteuid() == 0) become_nobody(first_throw_away + number);
    // Who changes its user is closed to its own children, too, until it says otherwise.
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) throw Trouble(failed("giving up privileges"));
    give_up_capabilities();
    filter_calls();
    return missed;
}

}  // namespace umach::tools
