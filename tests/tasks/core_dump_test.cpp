// SPDX-License-Identifier: BSL-1.0
// A crash inside a call, whose core takes long to write: who wants the lock that the thread held does not wait for
// that, since the fault handler has marked the thread dead before the system begins to write.
#include "processes.hpp"

#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>

namespace umach::tests {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t core_bytes = std::size_t{512} << 20;
constexpr std::chrono::milliseconds most{100};   // on a busy machine; a few are usual

double milliseconds(Clock::duration time) {
    return std::chrono::duration<double, std::milli>(time).count();
}

// Where cores are written, if they are written to files at all.
class CoreFolder {
public:
    CoreFolder() : path_(std::filesystem::temp_directory_path() / ("umach-core." + std::to_string(getpid()))) {
        std::filesystem::create_directory(path_);
        std::filesystem::current_path(path_);
    }
    CoreFolder(const CoreFolder&) = delete;
    ~CoreFolder() {
        std::filesystem::current_path("/");
        std::filesystem::remove_all(path_);
    }

private:
    std::filesystem::path path_;
};

bool holds_my_lock(pid_t child) {
    const ports::TaskRef own = tasks::enter()->caller.task;
    const runtime::CarrierName holder = kernel().task(own.index).lock.holder();
    if (!holder) return false;
    const auto process = static_cast<std::uint32_t>(kernel().machine().carrier(holder.slot).process.get());
    return kernel().process(process).pid.get() == static_cast<std::uint64_t>(child);
}

// A member with much memory, that stands before a send to its parent.
pid_t start_large_sender() {
    return start([] {
        const rlimit all{RLIM_INFINITY, RLIM_INFINITY};
        MUST(setrlimit(RLIMIT_CORE, &all) == 0);
        void* much = mmap(nullptr, core_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        MUST(much != MAP_FAILED);
        std::memset(much, 1, core_bytes);
        const port_name_t parent = left_by_parent();
        MUST(send_plain(parent, 1) == SEND_SUCCESS);
        ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
        raise(SIGSTOP);
        send_plain(parent, 2);
    });
}

void step_into_lock(pid_t child) {
    int status = 0;
    MUST(waitpid(child, &status, 0) == child && WIFSTOPPED(status));
    while (!holds_my_lock(child)) {
        MUST(ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) == 0);
        MUST(waitpid(child, &status, 0) == child && WIFSTOPPED(status));
    }
}

#if defined(__x86_64__)
void crash(pid_t child) {
    int status = 0;
    user_regs_struct registers{};
    MUST(ptrace(PTRACE_GETREGS, child, nullptr, &registers) == 0);
    registers.rip = 8;
    MUST(ptrace(PTRACE_SETREGS, child, nullptr, &registers) == 0);
    MUST(ptrace(PTRACE_CONT, child, nullptr, nullptr) == 0);
    MUST(waitpid(child, &status, 0) == child && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSEGV);
    MUST(ptrace(PTRACE_DETACH, child, nullptr, SIGSEGV) == 0);
}

TEST(CoreDump, HandsTheLockOfACrashedThreadOverLongBeforeTheCoreIsWritten) {
    const CoreFolder folder;
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        leave_for_children(port);
        const pid_t child = start_large_sender();
        MUST(receive(port).id == 1);
        step_into_lock(child);
        crash(child);
        const auto begin = Clock::now();
        MUST(send_plain(port, 3) == SEND_SUCCESS);
        const auto had_lock = Clock::now() - begin;
        MUST(receive(port).id == 3);
        int status = 0;
        MUST(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
        const auto written = Clock::now() - begin;
        std::printf("[ figures  ] the lock was had %.2f ms after the crash, the process had gone after %.0f ms%s\n",
                    milliseconds(had_lock), milliseconds(written), WCOREDUMP(status) ? ", its core written" : "");
        std::fflush(stdout);
        MUST(had_lock < most);
        MUST(becomes_true([child] { return tasks_of(child) == 0; }));
        MUST(receive(port, RCV_TIMEOUT, 0).code == RCV_TIMED_OUT);
        MUST(violations().empty());
    }));
}
#endif

}  // namespace
}  // namespace umach::tests
