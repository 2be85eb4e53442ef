// SPDX-License-Identifier: BSL-1.0
// Two hosts that know nothing of each other, and find each other by "*". On each runs `umach link HOST --seek`,
// which hears questions and asks them by UDP multicast; one of them has a clock, the other one looks up "clock"
// at "*". The question goes to everybody, who has a clock answers, the two are linked, and the right that comes
// back is a right like any other.
#include <sys/prctl.h>
#include <sys/wait.h>
#include <umach_inspect.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include <umach/umach.hpp>

using namespace std::chrono_literals;

namespace {

constexpr msg_id_t ask_the_time = 1;
constexpr const char* meeting_place = "multicast:239.255.86.77:8677";

// The tool, until this process ends.
void run_tool(std::vector<std::string> words) {
    if (fork() != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    std::string program = "umach";
    std::vector<char*> arguments{program.data()};
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    execv(UMACH_TOOL, arguments.data());
    _exit(127);
}

// A host with its link, and what its task does.
template <class Work>
pid_t host(const std::string& name, Work work) {
    const pid_t process = fork();
    if (process != 0) return process;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (umach_host_create(name.c_str(), nullptr) != KERN_SUCCESS) _exit(1);
    // Both are on this machine; between machines they would listen at tcp:0.0.0.0:0 and show keys (umach key).
    run_tool({"link", name, "--listen", "tcp:127.0.0.1:0", "--insecure", "--seek", meeting_place});
    const int status = work();
    std::fflush(nullptr);
    _exit(status);
}

int keep_the_clock(int ready) {
    umach::Server server;
    const umach::PortName port = server.add_port().value();
    server.handle<int, int>(ask_the_time, [](int zone) { return 12 + zone; });
    umach::Host::join().value().check_in("clock", port).value();
    if (write(ready, "r", 1) != 1) return 1;
    return server.run() ? 0 : 1;
}

// The other link may be just starting, and so may ours: who finds nobody asks again.
int look_around() {
    port_t clock = PORT_NULL;
    int code = NETNAME_NOT_CHECKED_IN;
    const auto late = std::chrono::steady_clock::now() + 10s;
    for (; code != NETNAME_SUCCESS && std::chrono::steady_clock::now() < late; std::this_thread::sleep_for(10ms))
        code = netname_look_up(name_server_port, "*", "clock", &clock);
    if (code != NETNAME_SUCCESS) return std::printf("nobody has a clock\n"), 1;
    const umach::SendRight right(clock);
    std::printf("the clock that was found says %d\n", umach::call<int, int>(right, ask_the_time, 1).value());
    return 0;
}

int status_of(pid_t process) {
    int status = 0;
    return waitpid(process, &status, 0) == process && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

}  // namespace

int main() {
    int ready[2];
    if (pipe(ready) != 0) return 1;
    const std::string own = std::to_string(getpid());
    const pid_t here = host("here-" + own, [&] { return keep_the_clock(ready[1]); });
    close(ready[1]);
    char r = 0;
    if (read(ready[0], &r, 1) != 1) return 1;
    const pid_t there = host("there-" + own, look_around);
    const int found = status_of(there);
    kill(here, SIGKILL);
    waitpid(here, nullptr, 0);
    return found;
}
