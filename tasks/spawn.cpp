// SPDX-License-Identifier: BSL-1.0
#include "tasks/spawn.hpp"

#include "ports/calls.hpp"
#include "ports/task.hpp"
#include "runtime/detail.hpp"
#include "tasks/hidden_thread.hpp"
#include "tasks/process_identity.hpp"

#include <cxxabi.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace umach::tasks {
namespace {

using ports::TaskRef;
using ports::ThreadRef;

constexpr int answer_milliseconds = 5'000;
constexpr int could_not_begin = 127;

// For one fork. The end to write is in no other child that is forked meanwhile: it would keep the pipe open. A pair of
// sockets, because a pipe that nobody reads any more would kill who writes.
class Pipe {
public:
    Pipe() {
        writer_ = PrivateDescriptor::from([this] {
            int ends[2] = {-1, -1};
            if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0) reader_ = ends[0];
            return ends[1];
        });
    }
    ~Pipe() {
        if (reader_ >= 0) close(reader_);
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;

    bool made() const { return static_cast<bool>(writer_); }
    int writer() const { return writer_.get(); }
    void hang_up() { writer_.close(); }
    // In a child, where its number may be another descriptor's.
    void forget_writer() { static_cast<void>(new PrivateDescriptor(std::move(writer_))); }
    // returns: false when the other side has gone without a word
    bool hear(int* word) const {
        ssize_t n = 0;
        while ((n = read(reader_, word, sizeof *word)) < 0 && errno == EINTR) {
        }
        return n == sizeof *word;
    }
    void say(int word) const { static_cast<void>(send(writer_.get(), &word, sizeof word, MSG_NOSIGNAL) < 0); }

private:
    int reader_ = -1;
    PrivateDescriptor writer_;
};

// Those that are to be reaped, by pidfd: the program may have waited for one itself.
using Children = std::vector<PrivateDescriptor>;
constinit std::mutex lock_of_children;
constinit Children children;

void note_child(pid_t pid) {
    auto pidfd = PrivateDescriptor::from([pid] { return static_cast<int>(syscall(SYS_pidfd_open, pid, 0)); });
    const std::lock_guard guard(lock_of_children);
    if (pidfd) children.push_back(std::move(pidfd));
}

void reap(pid_t pid) {
    while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
}

// What the parent makes for the child: its place in the host.
struct Place {
    kern_return_t code = KERN_FAILURE;
    ports::ProcessRef process;
    TaskRef task;
    ThreadRef thread;
};

// Asks the keeper to take the process in.
// returns: null when it does not
ports::ProcessRef sponsor(Host& host, pid_t pid) {
    auto connection = connect_to(host.name());
    if (!connection) return runtime::set_detail("%s", connection.fault().what.c_str()), ports::ProcessRef{};
    const Hello hello{.purpose = Purpose::sponsor, .process = static_cast<std::uint32_t>(pid)};
    Welcome welcome;
    const int number = connection.value().get();
    const bool sent = send_record(number, &hello, sizeof hello);
    const Received heard =
        sent ? receive_record(number, &welcome, sizeof welcome, answer_milliseconds) : Received{};
    if (heard.bytes == sizeof welcome && welcome.answer == Answer::welcome) return welcome.process;
    runtime::set_detail(heard.bytes != sizeof welcome         ? "the host's keeper does not answer"
                        : welcome.answer == Answer::host_full ? "the host has no room for another process"
                                                              : "the host's keeper has no descriptor free");
    return {};
}

Place make_place(const Trap& trap, TaskRef parent, pid_t pid, const char* program) {
    ports::Caller& c = trap.caller();
    Place place;
    place.process = sponsor(trap.host(), pid);
    if (!place.process) return place;
    place.code = KERN_RESOURCE_SHORTAGE;
    place.task = ports::create_task(c.k, c.carrier, place.process, parent, program);
    if (place.task)
        place.thread = ports::make_thread(c.k, c.carrier, place.task, ports::CarrierKind::of_process, false);
    if (place.thread) place.code = KERN_SUCCESS;
    return place;
}

// The child, which nobody knows in the host yet: waits to be let go.
bool wait_at(const Pipe& gate) {
    runtime::fault_hook = nullptr;
    int word = 0;
    return gate.hear(&word);
}

const char* last_part(const char* path) {
    const char* slash = std::strrchr(path, '/');
    return slash != nullptr ? slash + 1 : path;
}

// Forks; the parent makes the child's place, names it while it is sure to be there, and lets the child go.
// returns: in the child, once it may go on, a pid of 0
struct Forked {
    pid_t pid = -1;
    Place place;
};
template <class Name>
Forked fork_into_host(const Trap& trap, TaskRef parent, const char* program, Name&& name) {
    Pipe gate;
    Forked forked;
    if (gate.made()) forked.pid = fork();
    if (forked.pid < 0) {
        runtime::set_detail("no process can be made: %s", std::strerror(errno));
        forked.place.code = KERN_RESOURCE_SHORTAGE;
        return forked;
    }
    if (forked.pid == 0) {
        gate.forget_writer();
        if (!wait_at(gate)) _exit(could_not_begin);
        return forked;
    }
    forked.place = make_place(trap, parent, forked.pid, program);
    if (forked.place.code == KERN_SUCCESS) forked.place.code = name(forked.place);
    if (forked.place.code == KERN_SUCCESS) {
        gate.say(0);
    } else {
        gate.hang_up();  // the child ends
        reap(forked.pid);
    }
    return forked;
}

// Once the program runs its end of the pipe is closed; if it cannot be run the child says why.
[[noreturn]] void become(const Pipe& trouble, const char* path, char* const argv[], char* const env[],
                         const std::string& host) {
    std::vector<std::string> kept;
    for (char* const* at = env; *at != nullptr; ++at)
        if (std::strncmp(*at, "UMACH_HOST=", 11) != 0) kept.emplace_back(*at);
    kept.push_back("UMACH_HOST=" + host);
    std::vector<char*> words;
    for (std::string& word : kept) words.push_back(word.data());
    words.push_back(nullptr);
    execve(path, argv, words.data());
    trouble.say(errno);
    _exit(could_not_begin);
}

// As exit() does, without the functions that the parent has left to be called.
[[noreturn]] void end_program() {
    fcloseall();
    _exit(EXIT_SUCCESS);
}

// Only the calling thread ends, as in pthread_exit(); the last one ends the program. The operating system tells the
// keeper of it.
[[noreturn]] void end_first_thread() {
    if (is_last_thread_of_program()) end_program();
    for (;;) syscall(SYS_exit, EXIT_SUCCESS);
}

// The functions that the parent is in are not the child's to go back to, nor to unwind, nor to catch what it throws.
// Not for the undefined-behaviour sanitizer: a forced unwind is no object, and its reference is null.
[[noreturn]] __attribute__((no_sanitize("undefined"))) void be_process(const Work& work) {
    try {
        work();
    } catch (const abi::__forced_unwind&) {
        end_first_thread();
    } catch (...) {
        std::terminate();
    }
    end_program();
}

}  // namespace

kern_return_t start_process(const Trap& trap, TaskRef parent, Work work, port_name_t* thread) {
    reap_processes();
    const auto named = [&](const Place& place) {
        return ports::thread_port(trap.caller(), place.thread, thread);
    };
    const Forked forked = fork_into_host(trap, parent, program_invocation_short_name, named);
    if (forked.pid == 0) be_process(work);
    if (forked.place.code != KERN_SUCCESS) return forked.place.code;
    note_child(forked.pid);
    return KERN_SUCCESS;
}

kern_return_t start_program(const Trap& trap, const char* path, char* const argv[], char* const env[],
                            port_name_t* task) {
    reap_processes();
    Pipe trouble;
    kept_in_child = trouble.writer();
    ports::Caller& c = trap.caller();
    const auto named = [&](const Place& place) { return ports::task_port(c, place.task, task); };
    const Forked forked = fork_into_host(trap, c.task, last_part(path), named);
    if (forked.pid == 0) become(trouble, path, argv, env, trap.host().name());
    kept_in_child = -1;
    if (forked.place.code != KERN_SUCCESS) return forked.place.code;
    trouble.hang_up();
    if (int error = 0; trouble.hear(&error)) {
        reap(forked.pid);
        take_back(c, *task);
        runtime::set_detail("%s cannot be run: %s", path, std::strerror(error));
        return KERN_INVALID_ARGUMENT;
    }
    note_child(forked.pid);
    return KERN_SUCCESS;
}

void reap_processes() {
    const std::lock_guard guard(lock_of_children);
    std::erase_if(children, [](const PrivateDescriptor& pidfd) {
        siginfo_t ended{};
        const int found = waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &ended, WEXITED | WNOHANG);
        return found != 0 || ended.si_pid != 0;
    });
}

void flush_output() {
    std::fflush(stdout);
    std::fflush(stderr);
}

std::mutex& children_lock() {
    return lock_of_children;
}

// The parent's are closed here, and their numbers may be others' by now: they are kept, not destroyed.
void forget_children() {
    static auto* left_by_fork = new std::vector<Children>;
    left_by_fork->push_back(std::exchange(children, {}));
}

}  // namespace umach::tasks
