// SPDX-License-Identifier: BSL-1.0
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <thread>

#include "harness/names.hpp"
#include "harness/run.hpp"

namespace bench {
namespace {

constexpr unsigned role_time_limit = 20;  // seconds

struct Usage {
    double processor_seconds = 0;  // inside the window
    std::uint64_t switches = 0;    // context switches over the whole life of the roles
};

double processor_seconds(pid_t pid) {
    clockid_t clock{};
    timespec time{};
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) return 0;
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

double processor_seconds(const std::vector<pid_t>& pids) {
    double sum = 0;
    for (const pid_t pid : pids) sum += processor_seconds(pid);
    return sum;
}

pid_t start_process(const std::function<void()>& role) {
    const auto parent = getpid();
    const auto pid = static_cast<pid_t>(check(fork(), "fork"));
    if (pid != 0) return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) std::_Exit(1);
    alarm(role_time_limit);
    role();
    std::exit(0);  // runs the exit handlers by which some libraries leave their daemon
}

std::uint64_t switches_in(const rusage& usage) {
    return static_cast<std::uint64_t>(usage.ru_nvcsw + usage.ru_nivcsw);
}

void sleep_until(std::uint64_t when) {
    const std::uint64_t now = ticks();
    if (when > now) sleep_for(static_cast<double>(when - now) / ticks_per_second());
}

// Sleeps through the window. returns: the processor time of the given processes inside it
double sample_window(const Control& control, const std::vector<pid_t>& pids) {
    const Window window = control.await_start();
    sleep_until(window.begin);
    const double before = processor_seconds(pids);
    sleep_until(window.end);
    return processor_seconds(pids) - before;
}

Usage run_processes(Control& control, const Roles& roles, std::vector<pid_t> watched) {
    std::vector<pid_t> children{start_process(roles.server)};
    for (unsigned id = 0; id < control.config.clients; ++id)
        children.push_back(start_process([&] { roles.client(id); }));
    watched.insert(watched.end(), children.begin(), children.end());

    Usage usage;
    usage.processor_seconds = sample_window(control, watched);
    for (const pid_t child : children) {
        int status = 0;
        rusage child_usage{};
        check(wait4(child, &status, 0, &child_usage), "wait4");
        if (WIFEXITED(status) && WEXITSTATUS(status) == exit_unsupported) std::exit(exit_unsupported);
        if (status != 0) fail(control.traits.name + std::string(": a role failed"));
        usage.switches += switches_in(child_usage);
    }
    return usage;
}

Usage run_in_process(Control& control, const Roles& roles) {
    std::vector<std::thread> threads;
    if (roles.together) {
        threads.emplace_back(roles.together);
    } else {
        threads.emplace_back(roles.server);
        for (unsigned id = 0; id < control.config.clients; ++id) threads.emplace_back(roles.client, id);
    }
    Usage usage;
    usage.processor_seconds = sample_window(control, {getpid()});
    for (std::thread& thread : threads) thread.join();
    rusage own{};
    getrusage(RUSAGE_SELF, &own);
    usage.switches = switches_in(own);
    return usage;
}

struct Sum {
    Histogram latency;
    std::uint64_t calls = 0, errors = 0, least = UINT64_MAX;
};

Sum sum_of_clients(const Control& control) {
    Sum sum;
    for (unsigned id = 0; id < control.config.clients; ++id) {
        const ClientLog& log = control.clients[id];
        sum.latency.add(log.latency);
        sum.least = std::min(sum.least, log.latency.total());
        sum.calls += log.calls;
        sum.errors += log.errors;
    }
    return sum;
}

struct Work {
    double operations;
    double rate;  // a second
};

Work work_done(const Control& control, const Sum& sum) {
    if (control.config.mode != Mode::stream) {
        const auto calls = static_cast<double>(sum.latency.total());
        return {calls, calls / control.config.seconds};
    }
    const ServerLog& server = control.server;
    const auto received = static_cast<double>(server.received);
    const auto span = static_cast<double>(server.last - server.first);
    return {received, received > 0 ? received / span * ticks_per_second() : 0};
}

void print_result(const Control& control, const Usage& usage) {
    const Config& config = control.config;
    const Sum sum = sum_of_clients(control);
    const Work work = work_done(control, sum);
    const auto total = static_cast<double>(sum.latency.total());
    const auto calls = static_cast<double>(sum.calls);
    const nlohmann::json line = {
        {"peer", control.traits.name},
        {"mode", name_of(config.mode)},
        {"place", name_of(config.place)},
        {"payload", config.payload},
        {"clients", config.clients},
        {"operations", work.operations},
        {"rate", work.rate},
        {"p50_ns", nanoseconds(sum.latency.quantile(0.50))},
        {"p99_ns", nanoseconds(sum.latency.quantile(0.99))},
        {"max_ns", nanoseconds(sum.latency.quantile(1.0))},
        {"cpu_ns", work.operations > 0 ? usage.processor_seconds * 1e9 / work.operations : 0},
        {"cpu_share", usage.processor_seconds / config.seconds},
        {"switches", calls > 0 ? static_cast<double>(usage.switches) / calls : 0},
        {"least_share", total > 0 ? static_cast<double>(sum.least) * config.clients / total : 0},
        {"lost", control.server.lost},
        {"errors", control.server.errors + sum.errors},
    };
    std::printf("%s\n", line.dump().c_str());
}

}  // namespace

void measure_roles(Control& control, const Roles& roles) {
    alarm(role_time_limit + 5);
    std::vector<pid_t> watched;
    if (const char* pid = std::getenv("BENCH_DAEMON_PID"); pid && *control.traits.daemon)
        watched.push_back(std::atoi(pid));
    const Usage usage = control.traits.space == Space::processes ? run_processes(control, roles, watched)
                                                                 : run_in_process(control, roles);
    print_result(control, usage);
}

}  // namespace bench
