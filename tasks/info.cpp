// SPDX-License-Identifier: BSL-1.0
#include "tasks/info.hpp"

#include "ports/thread_calls.hpp"
#include "runtime/detail.hpp"
#include "tasks/process_identity.hpp"

#include <mach/host_info.h>
#include <mach/task_info.h>
#include <mach/thread_info.h>

#include <linux/futex.h>
#include <sys/sysinfo.h>
#include <unistd.h>
#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>
#include <string>

namespace umach::tasks {
namespace {

using ports::Caller;
using ports::Kernel;
using ports::TaskRef;
using ports::ThreadRef;
using runtime::set_detail;

kern_return_t unknown_flavor(int flavor) {
    set_detail("%d is no flavor", flavor);
    return KERN_INVALID_ARGUMENT;
}

template <class Info>
kern_return_t give(const Info& info, Array<Int>* to) {
    static_assert(sizeof(Info) % sizeof(int) == 0);
    to->values.resize(sizeof(Info) / sizeof(int));
    std::memcpy(to->values.data(), &info, sizeof(Info));
    return KERN_SUCCESS;
}

unsigned int clamped(std::uint64_t value) {
    return static_cast<unsigned int>(
        std::min<std::uint64_t>(value, std::numeric_limits<unsigned int>::max()));
}

// ---- what /proc tells -------------------------------------------------------------------------------------

// Of /proc/PID/stat, or of a thread's: fields 3, 14, 15, 18, 19 and 22.
struct Stat {
    char state = 0;
    std::uint64_t user = 0, system = 0;  // ticks
    int priority = 0, nice = 0;
    std::uint64_t start_time = 0;  // ticks since the system's start
};

std::optional<Stat> stat_at(const std::string& folder) {
    std::ifstream file(folder + "/stat");
    std::string line;
    if (!std::getline(file, line)) return std::nullopt;
    const auto end_of_name = line.rfind(") ");  // the program's name may hold anything
    if (end_of_name == std::string::npos) return std::nullopt;
    std::istringstream words(line.substr(end_of_name + 2));
    Stat stat;
    std::string other;
    const auto skip = [&](int fields) {
        while (fields-- > 0) words >> other;
    };
    words >> stat.state;
    skip(10);
    words >> stat.user >> stat.system;
    skip(2);
    words >> stat.priority >> stat.nice;
    skip(2);
    words >> stat.start_time;
    return words ? std::optional(stat) : std::nullopt;
}

std::string folder_of(pid_t pid) {
    return "/proc/" + std::to_string(pid);
}

time_value_t time_of_ticks(std::uint64_t ticks) {
    const auto a_second = static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
    return {static_cast<int>(ticks / a_second), static_cast<int>(ticks % a_second * 1'000'000 / a_second)};
}

std::uint64_t ticks_since_start_of_system() {
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    const auto a_second = static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
    const auto parts = static_cast<std::uint64_t>(now.tv_nsec) * a_second / 1'000'000'000;
    return static_cast<std::uint64_t>(now.tv_sec) * a_second + parts;
}

// Of memory, in KiB.
struct Sizes {
    unsigned int whole = 0, resident = 0;
};
Sizes sizes_at(const std::string& folder) {
    std::ifstream file(folder + "/statm");
    std::uint64_t whole = 0, resident = 0;
    file >> whole >> resident;
    const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) / 1024;
    return {clamped(whole * page), clamped(resident * page)};
}

// ---- tasks ------------------------------------------------------------------------------------------------

// The process of a task. The host's own task has none; its pid is 0.
const ports::ProcessRecord& process_of(Kernel& k, TaskRef task) {
    return k.process(static_cast<std::uint32_t>(k.task(task.index).process.get()));
}

// What stands in a folder of /proc under a pid that may be another process's by now.
std::optional<Stat> stat_of_process(const ports::ProcessRecord& process) {
    const auto pid = static_cast<pid_t>(process.pid.get());
    const auto stat = stat_at(folder_of(pid));
    return stat && stat->start_time == process.start_time.get() ? stat : std::nullopt;
}

kern_return_t has_ended(const char* what) {
    set_detail("the %s has ended", what);
    return KERN_INVALID_ARGUMENT;
}

kern_return_t basic_info(Kernel& k, TaskRef task, Array<Int>* to) {
    const ports::ProcessRecord& process = process_of(k, task);
    task_basic_info_data_t info{};
    info.suspend_count = static_cast<int>(k.task(task.index).suspends.get());
    if (k.task(task.index).process.get() != 0) {
        const Sizes sizes = sizes_at(folder_of(static_cast<pid_t>(process.pid.get())));
        const auto stat = stat_of_process(process);
        if (!stat) return has_ended("task");
        info.base_priority = stat->nice;
        info.virtual_size = sizes.whole;
        info.resident_size = sizes.resident;
        info.user_time = time_of_ticks(stat->user);
        info.system_time = time_of_ticks(stat->system);
    }
    if (k.ref_of_task(task.index) != task) return has_ended("task");
    return give(info, to);
}

// ---- threads ----------------------------------------------------------------------------------------------

pid_t tid_of(Kernel& k, const ports::ThreadRecord& record) {
    const auto carrier = runtime::CarrierName::of(record.carrier);
    return carrier ? static_cast<pid_t>(k.machine().carrier(carrier.slot).life.load() & FUTEX_TID_MASK) : 0;
}

std::optional<Stat> stat_of_thread(Kernel& k, const ports::ThreadRecord& record) {
    const ports::ProcessRecord& process = process_of(k, record.task);
    const auto pid = static_cast<pid_t>(process.pid.get());
    const auto stat = stat_at(folder_of(pid) + "/task/" + std::to_string(tid_of(k, record)));
    return start_time_of(pid) == process.start_time.get() ? stat : std::nullopt;
}

bool is_fiber(const ports::ThreadRecord& record) {
    return record.identity.get().kind == static_cast<std::uint8_t>(ports::CarrierKind::fiber);
}

// As the operating system sees it: a thread that sleeps there is in a call too, if not in one of ours.
int state_of_carrier(char letter) {
    switch (letter) {
        case 'D': return TH_STATE_UNINTERRUPTIBLE;
        case 'S': return TH_STATE_WAITING;
        case 'T':
        case 't': return TH_STATE_STOPPED;
        default: return TH_STATE_RUNNING;
    }
}

int run_state(const ports::ThreadRecord& record, char letter) {
    const std::uint64_t stopped = record.stopped.load();
    const ports::Wait wait = record.wait;
    const bool waits = wait.state == ports::WaitState::waiting;
    if (record.carrier.get() == 0) return TH_STATE_HALTED;
    if (stopped == ports::stands_still || stopped == ports::stands_in_exception) return TH_STATE_STOPPED;
    if (waits) return wait.kind == ports::WaitKind::suspended ? TH_STATE_STOPPED : TH_STATE_WAITING;
    const int state = state_of_carrier(letter);
    // The OS thread sleeps for another one of its fibers.
    return is_fiber(record) && state == TH_STATE_WAITING ? TH_STATE_RUNNING : state;
}

int share_of_processor(const Stat& stat) {
    const std::uint64_t now = ticks_since_start_of_system();
    const std::uint64_t lived = now > stat.start_time ? now - stat.start_time : 0;
    const std::uint64_t used = std::min(stat.user + stat.system, lived);
    return lived != 0 ? static_cast<int>(used * TH_USAGE_SCALE / lived) : 0;
}

// Priorities of /proc are nice values from 20 on.
void fill_in(const Stat& stat, thread_basic_info_data_t& info) {
    constexpr int priority_of_nice_0 = 20;
    info.user_time = time_of_ticks(stat.user);
    info.system_time = time_of_ticks(stat.system);
    info.cpu_usage = share_of_processor(stat);
    info.base_priority = stat.nice;
    info.cur_priority = stat.priority - priority_of_nice_0;
}

kern_return_t basic_info(Kernel& k, ThreadRef thread, Array<Int>* to) {
    const ports::ThreadRecord& record = k.thread(thread.index);
    thread_basic_info_data_t info{};
    std::optional<Stat> stat;
    if (record.carrier.get() != 0) {
        stat = stat_of_thread(k, record);
        if (!stat) return has_ended("thread");
        fill_in(*stat, info);
    }
    info.run_state = run_state(record, stat ? stat->state : 0);
    info.suspend_count = static_cast<int>(record.suspends.get());
    if (k.ref_of_thread(thread.index) != thread) return has_ended("thread");
    return give(info, to);
}

// ---- the machine ------------------------------------------------------------------------------------------

kern_return_t basic_info(Array<Int>* to) {
    struct sysinfo system {};
    sysinfo(&system);
    host_basic_info_data_t info{};
    info.max_cpus = static_cast<int>(sysconf(_SC_NPROCESSORS_CONF));
    info.avail_cpus = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
    info.memory_size = clamped(std::uint64_t{system.totalram} * system.mem_unit / 1024);
#if defined(__x86_64__)
    info.cpu_type = CPU_TYPE_X86_64;
#endif
    return give(info, to);
}

// What is idle, or an equal share with those who run.
double share_of_newcomer(double load, double processors) {
    return std::max(processors - load, processors / (load + 1));
}

kern_return_t load_info(Array<Int>* to) {
    double loads[3] = {};
    if (getloadavg(loads, 3) != 3) std::fill(std::begin(loads), std::end(loads), 0.0);
    const auto processors = static_cast<double>(sysconf(_SC_NPROCESSORS_ONLN));
    host_load_info_data_t info{};
    for (std::size_t i = 0; i < 3; ++i) {
        info.avenrun[i] = static_cast<int>(loads[i] * LOAD_SCALE);
        info.mach_factor[i] = static_cast<int>(share_of_newcomer(loads[i], processors) * LOAD_SCALE);
    }
    return give(info, to);
}

}  // namespace

namespace calls {

kern_return_t task_info(Caller& caller, TaskRef task, Int flavor, Array<Int>* info) {
    return flavor.value == TASK_BASIC_INFO ? basic_info(caller.k, task, info) : unknown_flavor(flavor.value);
}

kern_return_t thread_info(Caller& caller, ThreadRef thread, Int flavor, Array<Int>* info) {
    return flavor.value == THREAD_BASIC_INFO ? basic_info(caller.k, thread, info)
                                             : unknown_flavor(flavor.value);
}

kern_return_t host_info(Caller&, HostRef, Int flavor, Array<Int>* info) {
    switch (flavor.value) {
        case HOST_BASIC_INFO: return basic_info(info);
        case HOST_LOAD_INFO: return load_info(info);
        default: return unknown_flavor(flavor.value);
    }
}

}  // namespace calls
}  // namespace umach::tasks
