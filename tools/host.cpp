// SPDX-License-Identifier: BSL-1.0
// umach host: makes a named host and keeps it until the tool is interrupted or its parent ends.
#include "command.hpp"
#include "ends.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <mach_error.h>
#include <poll.h>
#include <sys/syscall.h>
#include <umach_inspect.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

namespace umach::tools {
namespace {

struct Asked {
    std::string name, segment, doorbell;
    umach_host_options_t sizes{};
};

const char* given(const std::string& text) {
    return text.empty() ? nullptr : text.c_str();
}

// Readable once the parent has ended; -1 when there is none but init.
int open_parent() {
    const pid_t parent = getppid();
    return parent > 1 ? static_cast<int>(syscall(SYS_pidfd_open, parent, 0)) : -1;
}

void say_ready() {
    umach_host_seen_t seen{};
    if (umach_inspect_host(&seen) != KERN_SUCCESS) throw Trouble(mach_error_detail());
    fmt::print("host {} is ready: {} segment, {} doorbells, {} ports, {} tasks\n", seen.name, seen.segment,
               seen.doorbell, seen.most_ports, seen.most_tasks);
    std::fflush(stdout);
}

int run(const Asked& asked) {
    pollfd ends[2] = {{open_signals({SIGINT, SIGTERM}), POLLIN, 0}, {open_parent(), POLLIN, 0}};
    umach_host_options_t options = asked.sizes;
    options.segment = given(asked.segment);
    options.doorbell = given(asked.doorbell);
    if (umach_host_create(asked.name.c_str(), &options) != KERN_SUCCESS) throw Trouble(mach_error_detail());
    say_ready();
    while (poll(ends, 2, -1) < 0 && errno == EINTR) {
    }
    return 0;
}

}  // namespace

void add_host(CLI::App& app, int& status) {
    auto asked = std::make_shared<Asked>();
    CLI::App* command = app.add_subcommand(
        "host", "Makes a host of that name and keeps it, until interrupted or the parent ends");
    command->add_option("NAME", asked->name, "1 to 31 bytes, no '/', no '#' first")->required();
    command->add_option("--segment", asked->segment, "Kind of shared memory")
        ->check(CLI::IsMember({"posix", "sysv"}))
        ->default_str("posix");
    command->add_option("--doorbell", asked->doorbell, "Kind of wake-up")
        ->check(CLI::IsMember({"futex", "posix", "sysv"}))
        ->default_str("futex");
    command->add_option("--ports", asked->sizes.ports, "How many there can be")
        ->check(CLI::Range(64u, 1u << 24))
        ->default_str("16384");
    command->add_option("--threads", asked->sizes.threads, "Threads of control there can be, fibers too: 16 a task")
        ->check(CLI::Range(1u, 1u << 22));
    command->add_option("--tasks", asked->sizes.tasks, "How many there can be")
        ->check(CLI::Range(4u, 1u << 13))
        ->default_str("256");
    command
        ->add_option("--memory", asked->sizes.message_bytes, "For messages, in bytes, or with a unit (16M)")
        ->transform(CLI::AsSizeValue(false))
        ->default_str("8M");
    command
        ->add_option("--pool", asked->sizes.pool_bytes, "Addresses for memory that moves in messages; costs nothing until used")
        ->transform(CLI::AsSizeValue(false))
        ->default_str("8G");
    command->add_option("--task-memory", asked->sizes.task_memory, "How much of that one task may have; all if not given")
        ->transform(CLI::AsSizeValue(false));
    command
        ->add_option("--task-in-flight", asked->sizes.task_in_flight,
                     "How much of that may be in messages that one task sent and nobody received; all if not given")
        ->transform(CLI::AsSizeValue(false));
    command->callback([asked, &status] { status = run(*asked); });
}

}  // namespace umach::tools
