// SPDX-License-Identifier: BSL-1.0
// umach host, list, help and --version.
#include "tool.hpp"

#include <umach_inspect.h>

#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace umach::tests {
namespace {

std::size_t shared_memory_files() {
    const std::filesystem::directory_iterator files("/dev/shm");
    return static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

// The id of the System V segment that the process has mapped; -1 if it has none.
long segment_of(pid_t pid) {
    std::ifstream maps("/proc/" + std::to_string(pid) + "/maps");
    for (std::string line; std::getline(maps, line);) {
        if (line.find("/SYSV") == std::string::npos) continue;
        std::istringstream words(line);
        std::string range, access, offset, device;
        long id = -1;
        words >> range >> access >> offset >> device >> id;
        return id;
    }
    return -1;
}

bool segment_exists(long wanted) {
    std::ifstream table("/proc/sysvipc/shm");
    std::string line;
    std::getline(table, line);
    while (std::getline(table, line)) {
        std::istringstream words(line);
        long key = 0, id = -1;
        if (words >> key >> id && id == wanted) return true;
    }
    return false;
}

TEST(ToolHostCommand, SaysWhatItMadeAndIsListed) {
    ToolHost host({"--ports", "1000", "--tasks", "20"});
    EXPECT_EQ(host.greeting(),
              "host " + host.name() + " is ready: posix segment, futex doorbells, 1000 ports, 20 tasks");
    EXPECT_TRUE(is_listed(host.name()));
    EXPECT_NE(run_tool({"list"}).out.find(host.name() + "\n"), std::string::npos);
}

TEST(ToolHostCommand, EndsAtSigtermAndLeavesNothing) {
    const std::size_t before = shared_memory_files();
    std::string name;
    {
        ToolHost host;
        name = host.name();
        host.process().signal(SIGTERM);
        EXPECT_EQ(host.process().status(), 0);
    }
    EXPECT_FALSE(is_listed(name));
    EXPECT_EQ(shared_memory_files(), before);
}

TEST(ToolHostCommand, EndsAtSigintAndLeavesNoSystemVSegment) {
    ToolHost host({"--segment", "sysv", "--doorbell", "sysv"});
    EXPECT_NE(host.greeting().find("sysv segment, sysv doorbells"), std::string::npos) << host.greeting();
    const long segment = segment_of(host.process().pid());
    EXPECT_TRUE(segment_exists(segment)) << segment;
    host.process().signal(SIGINT);
    EXPECT_EQ(host.process().status(), 0);
    EXPECT_FALSE(segment_exists(segment)) << segment;
}

TEST(ToolHostCommand, EndsWhenItsParentEnds) {
    const std::string name = fresh_host_name();
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t parent = fork();
    if (parent == 0) {
        if (fork() != 0) {
            for (;;) pause();
        }
        dup2(ends[1], STDOUT_FILENO);
        execl(UMACH_TOOL, UMACH_TOOL, "host", name.c_str(), nullptr);
        _exit(127);
    }
    close(ends[1]);
    char first = 0;
    ASSERT_EQ(read(ends[0], &first, 1), 1);
    EXPECT_TRUE(is_listed(name));
    kill(parent, SIGKILL);
    waitpid(parent, nullptr, 0);
    while (read(ends[0], &first, 1) == 1) {
    }  // its end is the end of its output
    close(ends[0]);
    EXPECT_TRUE(becomes_true([&] { return !is_listed(name); }));
}

TEST(ToolHostCommand, OfANameThatIsTakenIsRefused) {
    ToolHost host;
    const Ended second = run_tool({"host", host.name()});
    EXPECT_EQ(second.status, 2);
    EXPECT_EQ(second.err, "umach: there is a host " + host.name() + " already\n");
}

TEST(ToolHostCommand, OfANameThatCannotBeIsRefused) {
    const Ended run = run_tool({"host", "a/b"});
    EXPECT_EQ(run.status, 2);
    EXPECT_NE(run.err.find("\"a/b\" cannot be the name of a host"), std::string::npos) << run.err;
}

TEST(ToolHostCommand, WithAnUnknownKindOfSegmentIsRefused) {
    const Ended run = run_tool({"host", fresh_host_name(), "--segment", "paper"});
    EXPECT_EQ(run.status, 2);
    EXPECT_NE(run.err.find("paper"), std::string::npos) << run.err;
}

TEST(ToolCommandLine, HelpNamesEveryCommand) {
    const Ended run = run_tool({"help"});
    EXPECT_EQ(run.status, 0);
    for (const char* command : {"host", "list", "ps", "ports", "check", "deadlock", "help"})
        EXPECT_NE(run.out.find(std::string("\n  ") + command + " "), std::string::npos) << command << " in\n"
                                                                                        << run.out;
    EXPECT_NE(run_tool({"help", "host"}).out.find("--doorbell"), std::string::npos);
}

TEST(ToolCommandLine, VersionIsSaid) {
    const Ended run = run_tool({"--version"});
    EXPECT_EQ(run.status, 0);
    EXPECT_TRUE(run.out.starts_with("umach 0.")) << run.out;
}

TEST(ToolCommandLine, AnUnknownCommandIsRefused) {
    const Ended run = run_tool({"frobnicate"});
    EXPECT_EQ(run.status, 2);
    EXPECT_EQ(run.err, "umach: there is no command \"frobnicate\"; `umach help` names them all\n");
}

// The parent's task has a number, and another task of the other host may have the same.
TEST(ToolHostCommand, AForkedChildThatAttachesToAnotherHostInheritsNothingThere) {
    ToolHost here, there;
    const Process other = start_member(there.name(), [](const std::function<void()>& ready) {
        port_t port = PORT_NULL;
        must(port_allocate(task_self(), &port));
        must(mach_ports_register(task_self(), &port, 1));
        ready();
    });
    const Process parent = start_member(here.name(), [&](const std::function<void()>& ready) {
        must(task_self() != PORT_NULL ? KERN_SUCCESS : KERN_FAILURE);
        const pid_t child = fork();
        if (child == 0) {
            must(umach_host_attach(there.name().c_str()));
            port_array_t ports = nullptr;
            unsigned count = 0, held = 0;
            must(mach_ports_lookup(task_self(), &ports, &count));
            for (unsigned i = 0; i < count; ++i) held += ports[i] != PORT_NULL ? 1 : 0;
            _exit(static_cast<int>(held));
        }
        int status = 0;
        must(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0
                 ? KERN_SUCCESS
                 : KERN_FAILURE);
        ready();
    });
}

}  // namespace
}  // namespace umach::tests
