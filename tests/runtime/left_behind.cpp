// SPDX-License-Identifier: BSL-1.0
#include "tests/runtime/left_behind.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <filesystem>

#include <sys/ipc.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

namespace umach::runtime::test {

void adopt_orphans() { prctl(PR_SET_CHILD_SUBREAPER, 1); }

void reap_everyone() {
    while (waitpid(-1, nullptr, __WALL) > 0 || errno == EINTR) {
    }
}

std::vector<std::string> umach_files_in_dev_shm() {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator("/dev/shm")) {
        const std::string name = entry.path().filename();
        if (name.rfind("umach", 0) == 0) found.push_back(name);
    }
    return found;
}

namespace {

template <class Visit>
void visit_segments(Visit visit) {
    shm_info in_use{};
    const int last = shmctl(0, SHM_INFO, reinterpret_cast<shmid_ds*>(&in_use));
    for (int slot = 0; slot <= last; ++slot) {
        shmid_ds segment{};
        if (const int id = shmctl(slot, SHM_STAT, &segment); id >= 0) visit(id, segment);
    }
}

template <class Visit>
void visit_sets(Visit visit) {
    seminfo in_use{};
    const int last = semctl(0, 0, SEM_INFO, &in_use);
    for (int slot = 0; slot <= last; ++slot) {
        semid_ds set{};
        if (const int id = semctl(slot, 0, SEM_STAT, &set); id >= 0) visit(id, set);
    }
}

bool has_ended(pid_t process) { return process == 0 || (kill(process, 0) != 0 && errno == ESRCH); }

// As those of hosts are.
bool is_large(const shmid_ds& segment) { return segment.shm_perm.uid == geteuid() && segment.shm_segsz > 1 << 20; }
bool is_large(const semid_ds& set) { return set.sem_perm.uid == geteuid() && set.sem_nsems > 16; }

}  // namespace

int sysv_segments_of(std::size_t bytes) {
    int found = 0;
    visit_segments([&](int, const shmid_ds& segment) { found += segment.shm_segsz == bytes ? 1 : 0; });
    return found;
}

int sysv_sets_of(unsigned long semaphores) {
    int found = 0;
    visit_sets([&](int, const semid_ds& set) { found += set.sem_nsems == semaphores ? 1 : 0; });
    return found;
}

std::set<std::string> left_by_hosts() {
    std::set<std::string> left;
    visit_segments([&](int id, const shmid_ds& segment) {
        if (is_large(segment) && has_ended(segment.shm_cpid)) left.insert("segment " + std::to_string(id));
    });
    visit_sets([&](int id, const semid_ds& set) {
        if (is_large(set) && has_ended(semctl(id, 0, GETPID))) left.insert("set " + std::to_string(id));
    });
    for (const std::string& name : umach_files_in_dev_shm()) left.insert(name);
    return left;
}

namespace {

class Tracing {
public:
    Tracing(Victim victim, int step) : victim_(victim), step_(step) {}

    bool run(const std::function<void()>& make) {
        if (fork() == 0) {
            ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
            raise(SIGSTOP);
            make();
            _exit(0);
        }
        int status = 0;
        for (pid_t process = 0; (process = waitpid(-1, &status, __WALL)) > 0;) {
            if (WIFSTOPPED(status)) stopped(process, status);
        }
        return killed_;
    }

private:
    void stopped(pid_t process, int status) {
        if (!set_up_) {
            set_up_ = true;
            const auto options = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACEVFORK |
                                 PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK;
            ptrace(PTRACE_SETOPTIONS, process, nullptr, reinterpret_cast<void*>(std::intptr_t{options}));
        }
        place(process);
        const bool at_call = WSTOPSIG(status) == (SIGTRAP | 0x80);
        if (process == processes_[static_cast<std::size_t>(victim_)] && at_call && ++stops_ == step_) {
            killed_ = true;
            kill(process, SIGKILL);
            return;
        }
        ptrace(PTRACE_SYSCALL, process, nullptr, reinterpret_cast<void*>(deliverable(status)));
    }

    // In the order in which they start: maker, helper, warden.
    void place(pid_t process) {
        for (pid_t& known : processes_) {
            if (known == 0) known = process;
            if (known == process) return;
        }
    }

    static std::intptr_t deliverable(int status) {
        const int signal = WSTOPSIG(status);
        const bool is_trap = (signal & 0x7f) == SIGTRAP || signal == SIGSTOP;
        return is_trap ? 0 : signal;
    }

    Victim victim_;
    int step_;
    std::array<pid_t, 3> processes_{};
    int stops_ = 0;
    bool set_up_ = false;
    bool killed_ = false;
};

}  // namespace

bool kill_at_system_call(Victim victim, int step, const std::function<void()>& make) {
    return Tracing(victim, step).run(make);
}

}  // namespace umach::runtime::test
