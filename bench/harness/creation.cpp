// SPDX-License-Identifier: BSL-1.0
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <malloc.h>
#include <nlohmann/json.hpp>
#include <string_view>

#include "harness/run.hpp"

namespace bench {
namespace {

constexpr unsigned time_limit = 20;  // seconds

// Bytes, from a "Name:   123 kB" line of a /proc file.
double proc_field(const char* path, std::string_view field) {
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);)
        if (line.starts_with(field) && line[field.size()] == ':')
            return std::strtod(line.c_str() + field.size() + 1, nullptr) * kib;
    return 0;
}

// Bytes of the kernel's objects in use; only root may read them.
double kernel_object_bytes() {
    std::ifstream file("/proc/slabinfo");
    std::string line, name;
    std::getline(file, line);
    std::getline(file, line);  // two lines of headings
    double sum = 0, active = 0, all = 0, size = 0;
    while (file >> name >> active >> all >> size && std::getline(file, line)) sum += active * size;
    return sum;
}

struct Memory {
    double user;    // this process's share of its anonymous and shared pages, bytes
    double kernel;  // bytes
};

Memory memory_now() {
    const char* own = "/proc/self/smaps_rollup";
    return {proc_field(own, "Pss_Anon") + proc_field(own, "Pss_Shmem"), kernel_object_bytes()};
}

double seconds_for(unsigned count, const std::function<void(unsigned)>& work) {
    const double start = monotonic_seconds();
    for (unsigned i = 1; i < count; ++i) work(i);
    return monotonic_seconds() - start;
}

// What one handle of the harness itself takes, however small the peer's port is.
double handle_bytes(unsigned count) {
    std::vector<std::shared_ptr<void>> handles(count);
    const Memory before = memory_now();
    for (unsigned i = 0; i < count; ++i) handles[i] = std::make_shared<unsigned>(i);
    return (memory_now().user - before.user) / count;
}

}  // namespace

void measure_creation(const char* name, unsigned count,
                      const std::function<std::shared_ptr<void>(unsigned)>& create) {
    alarm(time_limit);
    const double handle = handle_bytes(count);
    malloc_trim(0);
    std::vector<std::shared_ptr<void>> ports(count);
    ports[0] = create(0);  // first use pays for what all ports share
    const Memory before = memory_now();
    const double creating = seconds_for(count, [&](unsigned i) { ports[i] = create(i); });
    const Memory after = memory_now();
    const double destroying = seconds_for(count, [&](unsigned i) { ports[i].reset(); });
    const double cycling = seconds_for(count, [&](unsigned i) { create(count + i).reset(); });
    const double n = count - 1;
    const nlohmann::json line = {{"peer", name},
                                 {"mode", "idle"},
                                 {"create_ns", creating / n * 1e9},
                                 {"destroy_ns", destroying / n * 1e9},
                                 {"cycle_ns", cycling / n * 1e9},
                                 {"user_bytes", (after.user - before.user) / n - handle},
                                 {"kernel_bytes", (after.kernel - before.kernel) / n}};
    std::printf("%s\n", line.dump().c_str());
}

}  // namespace bench
