// SPDX-License-Identifier: BSL-1.0
// Three processes: the tool, a member of the host, with the wall's own end of the link; the first process
// behind the wall, which makes a host there and has the other end; and the program. Whatever the two behind
// the wall do, the tool gets bytes by a pipe, and its server checks them.
#include "cell.hpp"
#include "command.hpp"
#include "run.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <mach.h>
#include <mach_error.h>
#include <poll.h>
#include <servers/netname.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <umach_inspect.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>

#include "servers/netmsg/server.hpp"

namespace umach::tools {
namespace {

using transport::Deadline;

constexpr auto joining = std::chrono::seconds(2);

int status_of(pid_t process) {
    int status = 0;
    while (waitpid(process, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::unique_ptr<transport::Transport> link_by(const int (&ends)[2]) {
    auto link = transport::connect(fmt::format("pipe:{},{}", ends[0], ends[1]), {}, Deadline::in(joining));
    if (!link.ok()) throw Trouble(link.fault().what);
    return std::move(link).value();
}

// Serves the link until the process has ended.
int serve(netmsg::Server& server, pid_t process) {
    const int ended = static_cast<int>(syscall(SYS_pidfd_open, process, 0));
    if (ended < 0) throw Trouble("the program cannot be watched");
    server.run(ended);
    close(ended);
    return status_of(process);
}

// What was given stands behind the wall under its name, too. The link may be just beginning.
void take(const Isolated& isolated) {
    for (const std::string& name : isolated.given) {
        if (name == "*") continue;
        const Deadline late = Deadline::in(joining);
        port_t port = PORT_NULL;
        const auto look = [&] {
            return netname_look_up(name_server_port, isolated.host.c_str(), name.c_str(), &port);
        };
        int code = look();
        for (; code != NETNAME_SUCCESS && !late.passed(); code = look()) poll(nullptr, 0, 5);
        if (code != NETNAME_SUCCESS)
            throw Trouble(fmt::format("there is no \"{}\" at {} ({})", name, isolated.host, code));
        netname_check_in(name_server_port, name.c_str(), PORT_NULL, port);
    }
}

[[noreturn]] void be_program(const Isolated& isolated) {
    try {
        // The first call that asks the kernel is what joins.
        if (name_server_port == PORT_NULL) throw Trouble("the host behind the wall cannot be joined");
        take(isolated);
        isolated.program();
    } catch (const Trouble& trouble) {
        fmt::print(stderr, "umach: {}\n", trouble.what());
    }
    std::fflush(stdout);
    _exit(126);
}

// The first process behind the wall. When it ends, the system ends all others there.
int be_first(const Isolated& isolated, unsigned number, const int (&ends)[2],
             std::vector<std::string> missed) {
    for (std::string& what : close_in(number)) missed.push_back(std::move(what));
    for (const std::string& what : missed) fmt::print(stderr, "umach: the wall has a gap: {}\n", what);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (task_self() == PORT_NULL) throw Trouble("there is no host behind the wall");
    bool joined = false;
    netmsg::Server server(fmt::format("isolated-{}", number), [&](const std::string& what) {
        joined = joined || what.starts_with("joined");
        isolated.log(what);
    });
    server.add(link_by(ends));
    for (const Deadline late = Deadline::in(joining); !joined && !late.passed();) server.turn(50, -1);
    const pid_t program = fork();
    if (program < 0) throw Trouble("there can be no more processes");
    if (program == 0) be_program(isolated);
    return serve(server, program);
}

[[noreturn]] void be_behind(const Isolated& isolated, unsigned number, const int (&ends)[2]) {
    int status = 125;
    try {
        std::vector<int> kept = isolated.kept;
        kept.insert(kept.end(), {ends[0], ends[1]});
        auto missed = leave(kept);
        const pid_t first = fork();
        if (first == 0) _exit(be_first(isolated, number, ends, std::move(missed)));
        close(ends[0]);
        close(ends[1]);
        status = first > 0 ? status_of(first) : 125;
    } catch (const Trouble& trouble) {
        fmt::print(stderr, "umach: {}\n", trouble.what());
    }
    _exit(status);
}

}  // namespace

int run_isolated(const Isolated& isolated) {
    int there[2], back[2];
    if (pipe2(there, O_CLOEXEC) != 0 || pipe2(back, O_CLOEXEC) != 0)
        throw Trouble("there can be no more pipes");
    const auto number = static_cast<unsigned>(getpid());
    std::fflush(stdout);
    // Before this process maps the host's memory: what is behind the wall never had it.
    const pid_t behind = fork();
    if (behind < 0) throw Trouble("there can be no more processes");
    if (behind == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        be_behind(isolated, number, {there[0], back[1]});
    }
    close(there[0]);
    close(back[1]);
    if (umach_host_attach(isolated.host.c_str()) != KERN_SUCCESS) {
        const std::string why = mach_error_detail();
        kill(behind, SIGKILL);
        status_of(behind);
        throw Trouble(why);
    }
    netmsg::Server server(isolated.host, isolated.log);
    netmsg::Given given;
    if (std::find(isolated.given.begin(), isolated.given.end(), "*") == isolated.given.end())
        given.emplace(isolated.given.begin(), isolated.given.end());
    server.serve_wall(given);
    server.add(link_by({back[0], there[1]}));
    return serve(server, behind);
}

}  // namespace umach::tools
