// SPDX-License-Identifier: BSL-1.0
#include "memory_limit.hpp"

#include "../tasks/processes.hpp"

#include <unistd.h>
#include <fstream>

namespace umach::tests {
namespace {

const std::filesystem::path first_root = "/sys/fs/cgroup/memory", second_root = "/sys/fs/cgroup";

// Into a file that is there already: in a folder that is no cgroup there is none.
bool is_written(const std::filesystem::path& file, const std::string& text) {
    std::fstream out(file, std::ios::in | std::ios::out);
    out << text << std::flush;
    return out.good();
}

}  // namespace

MemoryLimit::MemoryLimit(std::size_t bytes)
    : first_version_(std::filesystem::exists(first_root / "memory.limit_in_bytes")),
      folder_((first_version_ ? first_root : second_root) / ("umach-test-" + std::to_string(getpid()))) {
    const std::string limit = std::to_string(bytes);
    std::error_code problem;
    if (!std::filesystem::create_directory(folder_, problem)) return;
    made_ = is_written(folder_ / (first_version_ ? "memory.limit_in_bytes" : "memory.max"), limit);
    // Where there is no swap there is no such file.
    is_written(folder_ / (first_version_ ? "memory.memsw.limit_in_bytes" : "memory.swap.max"), first_version_ ? limit : "0");
}

// The last of the dead may still be on their way out of it.
MemoryLimit::~MemoryLimit() {
    std::error_code problem;
    becomes_true([&] { return rmdir(folder_.c_str()) == 0 || !std::filesystem::exists(folder_, problem); });
}

void MemoryLimit::join() const {
    MUST(is_written(folder_ / "cgroup.procs", "0"));
}

unsigned MemoryLimit::kills() const {
    std::ifstream counts(folder_ / (first_version_ ? "memory.oom_control" : "memory.events"));
    std::string name;
    for (unsigned value = 0; counts >> name >> value;)
        if (name == "oom_kill") return value;
    return 0;
}

}  // namespace umach::tests
