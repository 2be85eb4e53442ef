// SPDX-License-Identifier: BSL-1.0
#include "parties.hpp"

#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <utility>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>

namespace umach::tests {

namespace {

constexpr auto longest_wait = std::chrono::milliseconds(patience);

// The state letter and how often the thread has gone to sleep; a state of 0 when it is gone.
struct Doing {
    char state = 0;
    long sleeps = -1;
    bool operator==(const Doing&) const = default;
};

Doing doing(const std::string& path) {
    std::ifstream status(path + "/status");
    Doing now;
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("State:")) now.state = line[line.find_first_not_of(" \t", 6)];
        if (line.starts_with("voluntary_ctxt_switches:")) now.sleeps = std::stol(line.substr(24));
    }
    return now;
}

[[noreturn]] void give_up(const char* text) {
    std::cerr << text << std::endl;
    std::abort();
}

std::map<std::string, void (*)()>& fresh_bodies() {
    static std::map<std::string, void (*)()> bodies;
    return bodies;
}

::testing::AssertionResult outcome(int status) {
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return ::testing::AssertionSuccess();
    if (WIFSIGNALED(status))
        return ::testing::AssertionFailure() << "the child was ended by signal " << WTERMSIG(status);
    return ::testing::AssertionFailure() << "the child says: exit code " << WEXITSTATUS(status);
}

}  // namespace

// Asleep is: seen sleeping for 3 ms without having been up in between. Locks are slept for at most 1 ms at a
// time.
void wait_until_asleep(const std::string& path) {
    using clock = std::chrono::steady_clock;
    const auto deadline = clock::now() + longest_wait;
    Doing last;
    auto since = clock::now();
    while (clock::now() < deadline) {
        const Doing now = doing(path);
        if (now.state == 0) return;
        if (now.state != 'S' || !(now == last)) {
            last = now;
            since = clock::now();
        } else if (clock::now() - since > std::chrono::milliseconds(3)) {
            return;
        }
        sched_yield();
    }
    ADD_FAILURE() << path << " never slept";
}

Party::Party(std::function<int()> call) {
    auto tid = started_.get_future();
    std::packaged_task<int()> work([this, call = std::move(call)] {
        started_.set_value(static_cast<pid_t>(syscall(SYS_gettid)));
        return call();
    });
    result_ = work.get_future();
    thread_ = std::thread(std::move(work));
    tid_ = tid.get();
}

Party::~Party() {
    if (!thread_.joinable()) return;
    if (result_.valid() && result_.wait_for(longest_wait) != std::future_status::ready)
        give_up("a thread never came back from its call");
    thread_.join();
}

void Party::asleep() {
    wait_until_asleep("/proc/self/task/" + std::to_string(tid_));
}

int Party::result() {
    if (result_.wait_for(longest_wait) != std::future_status::ready)
        give_up("a thread never came back from its call");
    thread_.join();
    return result_.get();
}

void Party::signal(int number) {
    syscall(SYS_tgkill, getpid(), tid_, number);
}

namespace {

// Whoever looks whether a child sleeps must not take its joining for it: the child says when it has joined.
class Joining {
public:
    Joining() { EXPECT_EQ(0, pipe(ends_)); }
    ~Joining() {
        close(ends_[0]);
        close(ends_[1]);
    }
    void done() {
        static_cast<void>(task_self());
        EXPECT_EQ(1, write(ends_[1], "j", 1));
    }
    void wait() {
        close(std::exchange(ends_[1], -1));
        char said = 0;
        EXPECT_LE(0, read(ends_[0], &said, 1));
    }

private:
    int ends_[2] = {-1, -1};
};

}  // namespace

Child::Child(const std::function<void()>& body) {
    std::fflush(nullptr);
    Joining joining;
    pid_ = fork();
    if (pid_ != 0) {
        joining.wait();
        return;
    }
    joining.done();
    body();
    std::fflush(nullptr);
    _exit(::testing::Test::HasFailure() ? 1 : 0);
}

Child::~Child() {
    kill();
}

::testing::AssertionResult Child::wait() {
    int status = 0;
    if (pid_ <= 0 || waitpid(pid_, &status, 0) != pid_) return ::testing::AssertionFailure() << "no child";
    pid_ = 0;
    return outcome(status);
}

void Child::kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
}

void Child::asleep() const {
    wait_until_asleep("/proc/" + std::to_string(pid_));
}

// Slot 0 is the name server's.
port_t inherited(unsigned which) {
    const unsigned slot = which + 1;
    port_t* ports = nullptr;
    unsigned number = 0;
    if (mach_ports_lookup(task_self(), &ports, &number) != KERN_SUCCESS || slot >= number) return PORT_NULL;
    const port_t found = ports[slot];
    vm_deallocate(task_self(), reinterpret_cast<vm_address_t>(ports), number * sizeof *ports);
    return found;
}

void Family::SetUp() {
    Mach25::SetUp();
    ASSERT_EQ(KERN_SUCCESS, port_allocate(self_, &hub_));
    ASSERT_EQ(KERN_SUCCESS, port_allocate(self_, &side_));
    port_t ports[] = {PORT_NULL, hub_, side_};
    ASSERT_EQ(KERN_SUCCESS, mach_ports_register(self_, ports, 3));
}

void Family::TearDown() {
    EXPECT_EQ(KERN_SUCCESS, mach_ports_register(self_, nullptr, 0));
    port_deallocate(self_, hub_);
    port_deallocate(self_, side_);
    Mach25::TearDown();
}

void report_at_side() {
    port_t own = PORT_NULL;
    ASSERT_EQ(KERN_SUCCESS, port_allocate(task_self(), &own));
    ASSERT_EQ(SEND_SUCCESS, Letter(inherited(1), 1).item(MSG_TYPE_PORT, {own}).send());
}

port_t reported(port_t side) {
    Letter letter;
    EXPECT_EQ(RCV_SUCCESS, letter.receive(side, RCV_TIMEOUT, patience));
    return letter.name();
}

namespace {

void listen_at_hub() {
    const port_t hub = inherited();
    port_t own = PORT_NULL;
    ASSERT_EQ(KERN_SUCCESS, port_allocate(task_self(), &own));
    Letter hello(hub, 1);
    hello.item(MSG_TYPE_PORT, {task_self(), own});
    ASSERT_EQ(SEND_SUCCESS, hello.send(SEND_TIMEOUT, patience));
    Letter letter;
    while (letter.receive(own, MSG_OPTION_NONE) == RCV_SUCCESS) {
        for (const Item& item : letter.items())
            for (port_t name : item.names) port_deallocate(task_self(), name);
    }
}

}  // namespace

Peer::Peer(port_t hub) : child_(listen_at_hub) {
    Letter hello;
    EXPECT_EQ(RCV_SUCCESS, hello.receive(hub, RCV_TIMEOUT, patience));
    const auto items = hello.items();
    if (items.empty() || items[0].names.size() != 2) return;
    task_ = items[0].names[0];
    port_ = items[0].names[1];
}

void Peer::kill() {
    child_.kill();
    for (int i = 0; i < 2; ++i) {
        const auto notice = next_notice(patience);
        EXPECT_TRUE(notice && notice->notify_header.msg_id == NOTIFY_PORT_DELETED);
    }
    gone_ = true;
}

Peer::~Peer() {
    if (!gone_) kill();
}

FreshBody::FreshBody(const char* name, void (*body)()) {
    fresh_bodies()[name] = body;
}

int run_fresh_body(const char* name) {
    const auto found = fresh_bodies().find(name);
    if (found == fresh_bodies().end()) give_up("no such body");
    found->second();
    return ::testing::Test::HasFailure() ? 1 : 0;
}

::testing::AssertionResult run_fresh(const std::string& name, const std::vector<std::string>& settings) {
    std::fflush(nullptr);
    const pid_t pid = fork();
    if (pid == 0) {
        unsetenv("UMACH_HOST");
        for (const std::string& setting : settings) {
            const auto equals = setting.find('=');
            setenv(setting.substr(0, equals).c_str(), setting.c_str() + equals + 1, 1);
        }
        execl("/proc/self/exe", "mach25_tests", "--fresh", name.c_str(), nullptr);
        _exit(127);
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid) return ::testing::AssertionFailure() << "no child";
    return outcome(status);
}

}  // namespace umach::tests
