// SPDX-License-Identifier: BSL-1.0
#include "processes.hpp"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>
#include <chrono>
#include <fstream>

namespace umach::tests {

void give_up(const char* file, int line, const char* condition) {
    std::fprintf(stderr, "%s:%d: does not hold: %s (cause: %s)\n", file, line, condition,
                 mach_error_detail());
    _exit(1);
}

pid_t start(const std::function<void()>& scenario) {
    const pid_t child = fork();
    if (child != 0) return child;
    alarm(30);  // nothing here takes seconds; what hangs must not stay
    scenario();
    _exit(0);
}

bool ended_well(pid_t child) {
    int status = 0;
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void kill_and_reap(pid_t child) {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
}

bool becomes_true(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (std::chrono::steady_clock::now() < end) {
        if (condition()) return true;
        sched_yield();
    }
    return false;
}

Signal::Signal() {
    MUST(pipe(ends_) == 0);
}
void Signal::give() {
    MUST(write(ends_[1], "x", 1) == 1);
}
void Signal::await() {
    char one;
    MUST(read(ends_[0], &one, 1) == 1);
}

std::vector<std::string> violations() {
    ports::Audit found = ports::audit(kernel(), tasks::enter()->carrier);
    if (found.rescued_wakeups != 0)
        found.violations.push_back(std::to_string(found.rescued_wakeups) + " wake-ups were lost and found again");
    for (const std::string& one : found.violations) std::fprintf(stderr, "%s\n", one.c_str());
    return found.violations;
}

unsigned live_tasks() {
    unsigned live = 0;
    for (std::uint32_t i = 1; i < kernel().capacity(ports::zone_tasks); ++i)
        live += kernel().task(i).identity.get().life != ports::Life::free;
    return live;
}

namespace {

bool is_of(std::uint32_t task, pid_t pid) {
    const ports::TaskRecord& record = kernel().task(task);
    const auto process = static_cast<std::uint32_t>(record.process.get());
    return record.identity.get().life != ports::Life::free &&
           kernel().process(process).pid.get() == static_cast<std::uint64_t>(pid);
}

bool carrier_sleeps(const ports::ThreadRecord& thread) {
    const auto name = runtime::CarrierName::of(thread.carrier);
    return kernel().machine().carrier(name.slot).asleep.load() != 0;
}

}  // namespace

unsigned tasks_of(pid_t pid) {
    unsigned found = 0;
    for (std::uint32_t i = 1; i < kernel().capacity(ports::zone_tasks); ++i) found += is_of(i, pid);
    return found;
}

bool waits(pid_t pid, ports::WaitKind kind) {
    for (std::uint32_t i = 1; i < kernel().capacity(ports::zone_threads); ++i) {
        const ports::ThreadRecord& thread = kernel().thread(i);
        const ports::Wait wait = thread.wait;
        if (thread.identity.get().life == ports::Life::live && is_of(thread.task.get().index, pid) &&
            wait.kind == kind && wait.state == ports::WaitState::waiting && carrier_sleeps(thread))
            return true;
    }
    return false;
}

port_name_t new_port() {
    port_name_t port = PORT_NULL;
    MUST(port_allocate(task_self(), &port) == KERN_SUCCESS);
    return port;
}

// The second slot: the first is the name server's.
void leave_for_children(port_name_t port) {
    port_t ports[2] = {PORT_NULL, port};
    MUST(mach_ports_register(task_self(), ports, 2) == KERN_SUCCESS);
}

port_name_t left_by_parent() {
    port_array_t ports = nullptr;
    unsigned int count = 0;
    MUST(mach_ports_lookup(task_self(), &ports, &count) == KERN_SUCCESS && count == TASK_PORT_REGISTER_MAX);
    const port_name_t port = ports[1];
    MUST(vm_deallocate(task_self(), reinterpret_cast<vm_address_t>(ports), count * sizeof *ports) ==
         KERN_SUCCESS);
    return port;
}

namespace {

struct WithRight {
    msg_header_t header{};
    msg_type_t type{MSG_TYPE_PORT, 32, 1, 1, 0, 0, 0};
    port_t port = PORT_NULL;
};

}  // namespace

msg_return_t send_plain(port_name_t to, msg_id_t id, msg_option_t option, msg_timeout_t timeout) {
    msg_header_t header{};
    header.msg_simple = TRUE;
    header.msg_size = sizeof header;
    header.msg_remote_port = to;
    header.msg_id = id;
    return msg_send(&header, option, timeout);
}

msg_return_t send_right(port_name_t to, msg_id_t id, port_name_t right) {
    WithRight message;
    message.header.msg_size = sizeof message;
    message.header.msg_remote_port = to;
    message.header.msg_id = id;
    message.port = right;
    return msg_send(&message.header, MSG_OPTION_NONE, 0);
}

Got receive(port_name_t from, msg_option_t option, msg_timeout_t timeout) {
    WithRight message;
    message.header.msg_size = sizeof message;
    message.header.msg_local_port = from;
    const msg_return_t code = msg_receive(&message.header, option, timeout);
    const bool has_port = code == RCV_SUCCESS && message.header.msg_size == sizeof message;
    return {code, code == RCV_SUCCESS ? message.header.msg_id : 0, has_port ? message.port : PORT_NULL};
}

bool name_is_taken(const std::string& name) {
    std::ifstream sockets("/proc/net/unix");
    for (std::string line; std::getline(sockets, line);)
        if (line.ends_with("@umach/" + std::to_string(geteuid()) + "/" + name)) return true;
    return false;
}

}  // namespace umach::tests
