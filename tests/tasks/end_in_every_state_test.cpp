// SPDX-License-Identifier: BSL-1.0
// A task ends, by each kind of end, while it is in each state: nothing of it is left, and its peers learn of it once.
#include "processes.hpp"

#include <mach/thread_interface.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <umach_threads.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace umach::tests {
namespace {

enum class State { running, sending, receiving, receiving_from_set, calling, parked, joining, suspended, keeping };
// faulted: a real fault, outside the kernel. exhausted: killed by the system for want of memory. stopped: and then killed.
enum class End { killed, terminated, exec, faulted, aborted, exited, exhausted, stopped };

const char* name_of(State state) {
    constexpr const char* names[] = {"Running", "Sending", "Receiving", "ReceivingFromSet", "Calling",
                                     "Parked",  "Joining", "Suspended", "Keeping"};
    return names[static_cast<int>(state)];
}
const char* name_of(End end) {
    constexpr const char* names[] = {"Killed",  "Terminated", "Exec",      "Faulted",
                                     "Aborted", "Exited",     "Exhausted", "StoppedAndKilled"};
    return names[static_cast<int>(end)];
}

port_name_t full_port() {
    const port_name_t port = new_port();
    for (int i = 0; i < PORT_BACKLOG_MAX; ++i) MUST(send_plain(port, i) == SEND_SUCCESS);
    return port;
}

void call(port_name_t to) {
    msg_header_t header{};
    header.msg_simple = TRUE;
    header.msg_size = sizeof header;
    header.msg_remote_port = to;
    header.msg_local_port = new_port();
    static_cast<void>(msg_rpc(&header, MSG_OPTION_NONE, sizeof header, 0, 0));
}

port_name_t set_with(port_name_t port) {
    port_set_name_t set = PORT_NULL;
    MUST(port_set_allocate(task_self(), &set) == KERN_SUCCESS);
    MUST(port_set_add(task_self(), set, port) == KERN_SUCCESS);
    return set;
}

// Another thread of the task, to be joined; it waits for ever.
void wait_for_ever(void*) {
    static_cast<void>(receive(new_port(), MSG_OPTION_NONE));
}

void enter(State state, port_name_t silent) {
    thread_t other = THREAD_NULL;
    switch (state) {
        case State::running: break;
        case State::sending: static_cast<void>(send_plain(full_port(), 1)); break;
        case State::receiving: static_cast<void>(receive(new_port(), MSG_OPTION_NONE)); break;
        case State::receiving_from_set: static_cast<void>(receive(set_with(new_port()), MSG_OPTION_NONE)); break;
        case State::calling: call(silent); break;
        case State::parked: static_cast<void>(umach_thread_park(UMACH_FOREVER)); break;
        case State::joining:
            MUST(umach_thread_create(task_self(), UMACH_OS_THREAD, wait_for_ever, nullptr, &other) == KERN_SUCCESS);
            static_cast<void>(umach_thread_join(other, UMACH_FOREVER));
            break;
        case State::suspended: static_cast<void>(thread_suspend(thread_self())); break;
        case State::keeping: MUST(send_plain(full_port(), 1, SEND_NOTIFY) == SEND_WILL_NOTIFY); break;
    }
}

// A group of processes whose memory is limited, and in which one that takes more is killed; the calling process enters it.
class LittleMemory {
public:
    static std::string path() { return "/sys/fs/cgroup/memory/umach-test." + std::to_string(getpid()); }
    LittleMemory() : path_(path()) {
        if (mkdir(path_.c_str(), 0755) != 0) return;
        made_ = put("memory.limit_in_bytes", "67108864") && put("cgroup.procs", std::to_string(getpid()));
        put("memory.swappiness", "0");
    }
    LittleMemory(const LittleMemory&) = delete;
    explicit operator bool() const { return made_; }
    // Once the process has ended.
    static void remove(const std::string& path) { becomes_true([&] { return rmdir(path.c_str()) == 0 || errno == ENOENT; }); }

private:
    bool put(const char* file, const std::string& text) const {
        std::ofstream out(path_ + "/" + file);
        return static_cast<bool>(out << text << std::flush);
    }

    std::string path_;
    bool made_ = false;
};

bool memory_can_be_limited() {
    const std::string path = LittleMemory::path() + ".probe";
    return mkdir(path.c_str(), 0755) == 0 && rmdir(path.c_str()) == 0;
}

void exhaust_memory() {
    if (!LittleMemory()) _exit(1);
    for (;;) std::memset(mmap(nullptr, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 1, 1 << 20);
}

// The task under test. It tells home its kernel port and a port of its own, then enters the state; `exec` is done by
// another thread of it, once it is told to.
struct Told {
    port_name_t home;
    State state;
    End end;
    Signal go;
};

// What the process does to itself, by another thread of it.
bool is_by_its_own_hand(End end) {
    return end == End::exec || end == End::faulted || end == End::aborted || end == End::exited || end == End::exhausted;
}

void fault() {
    volatile std::uintptr_t nowhere = 8;
    *reinterpret_cast<volatile int*>(nowhere) = 1;
}

void end_when_told(void* argument) {
    auto* told = static_cast<Told*>(argument);
    told->go.await();
    switch (told->end) {
        case End::exec: execl("/bin/true", "true", nullptr); break;
        case End::faulted: fault(); break;
        case End::aborted: abort();
        case End::exited: exit(0);
        case End::exhausted: exhaust_memory(); break;
        default: break;
    }
    _exit(1);
}

void play(Told& told) {
    const port_name_t home = left_by_parent();
    MUST(send_right(home, 1, task_self()) == SEND_SUCCESS);
    MUST(send_right(home, 2, new_port()) == SEND_SUCCESS);
    const rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    if (is_by_its_own_hand(told.end)) {
        thread_t thread = THREAD_NULL;
        MUST(umach_thread_create(task_self(), UMACH_OS_THREAD, end_when_told, &told, &thread) == KERN_SUCCESS);
    }
    const port_name_t silent = new_port();
    MUST(send_right(home, 3, silent) == SEND_SUCCESS);
    enter(told.state, silent);
    for (;;) pause();
}

ports::WaitKind wait_in(State state) {
    switch (state) {
        case State::sending: return ports::WaitKind::send;
        case State::receiving: return ports::WaitKind::receive;
        case State::receiving_from_set: return ports::WaitKind::receive_set;
        case State::calling: return ports::WaitKind::reply;
        case State::parked: return ports::WaitKind::park;
        case State::joining: return ports::WaitKind::join;
        default: return ports::WaitKind::none;
    }
}

bool is_in(State state, pid_t pid, task_t task) {
    if (const ports::WaitKind kind = wait_in(state); kind != ports::WaitKind::none) return waits(pid, kind);
    if (state != State::suspended) return true;
    thread_array_t threads = nullptr;
    unsigned count = 0;
    MUST(task_threads(task, &threads, &count) == KERN_SUCCESS);
    bool found = false;
    for (unsigned i = 0; i < count; ++i) {
        thread_basic_info_data_t info{};
        unsigned size = THREAD_BASIC_INFO_COUNT;
        MUST(thread_info(threads[i], THREAD_BASIC_INFO, reinterpret_cast<thread_info_t>(&info), &size) == KERN_SUCCESS);
        found = found || info.suspend_count == 1;
        MUST(port_deallocate(task_self(), threads[i]) == KERN_SUCCESS);
    }
    MUST(vm_deallocate(task_self(), reinterpret_cast<vm_address_t>(threads), count * sizeof *threads) == KERN_SUCCESS);
    return found;
}

void make_an_end(Told& told, pid_t child, task_t task) {
    switch (told.end) {
        case End::killed: kill(child, SIGKILL); break;
        case End::terminated: MUST(task_terminate(task) == KERN_SUCCESS); break;
        case End::stopped:
            kill(child, SIGSTOP);
            waitpid(child, nullptr, WUNTRACED);
            kill(child, SIGKILL);
            break;
        default: told.go.give(); break;
    }
}

unsigned deleted_of(port_name_t notify, port_name_t name) {
    unsigned found = 0;
    for (Got got{}; (got = receive(notify, RCV_TIMEOUT, 0)).code == RCV_SUCCESS;)
        found += got.id == NOTIFY_PORT_DELETED && got.right == name;
    return found;
}

class EndInEveryState : public testing::TestWithParam<std::tuple<State, End>> {};

TEST_P(EndInEveryState, LeavesNothingAndIsHeardOfOnce) {
    const auto [state, end] = GetParam();
    if (end == End::exhausted && !memory_can_be_limited()) GTEST_SKIP() << "no control group with a memory limit can be made here";
    EXPECT_TRUE(runs_well([state = state, end = end] {
        const port_name_t home = new_port();
        leave_for_children(home);
        Told told{home, state, end, {}};
        const unsigned before = live_tasks();
        const pid_t child = start([&told] { play(told); });
        const port_name_t task = receive(home).right;
        const port_name_t its_port = receive(home).right;
        MUST(receive(home).right != PORT_NULL);
        MUST(becomes_true([&] { return is_in(told.state, child, task); }));
        make_an_end(told, child, task);
        MUST(umach_task_join(task, 10'000) == KERN_SUCCESS);
        kill_and_reap(child);
        if (told.end == End::exhausted) LittleMemory::remove("/sys/fs/cgroup/memory/umach-test." + std::to_string(child));
        MUST(becomes_true([&] { return tasks_of(child) == 0; }));
        MUST(live_tasks() <= before + 1);  // the name service came with the first fork
        port_type_t type = PORT_TYPE_NONE;
        MUST(becomes_true([&] { return port_type(task_self(), its_port, &type) == KERN_SUCCESS && type == PORT_TYPE_DEAD_NAME; }));
        MUST(deleted_of(task_notify(), its_port) == 1);
        MUST(violations().empty());
    }));
}

std::string name_of_case(const testing::TestParamInfo<std::tuple<State, End>>& info) {
    return std::string(name_of(std::get<0>(info.param))) + name_of(std::get<1>(info.param));
}

INSTANTIATE_TEST_SUITE_P(Task, EndInEveryState,
                         testing::Combine(testing::Values(State::running, State::sending, State::receiving,
                                                          State::receiving_from_set, State::calling, State::parked,
                                                          State::joining, State::suspended, State::keeping),
                                          testing::Values(End::killed, End::terminated, End::exec, End::faulted, End::aborted,
                                                          End::exited, End::exhausted, End::stopped)),
                         name_of_case);

}  // namespace
}  // namespace umach::tests
