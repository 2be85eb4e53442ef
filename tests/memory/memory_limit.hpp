// SPDX-License-Identifier: BSL-1.0
// A memory cgroup of a test's own: who joins it and wants more is killed by the system, at whatever instruction
// asked for the page.
#pragma once

#include <cstddef>
#include <filesystem>

namespace umach::tests {

class MemoryLimit {
public:
    // Not made where the system lets nobody make one: is_made() says so.
    explicit MemoryLimit(std::size_t bytes);
    MemoryLimit(const MemoryLimit&) = delete;
    ~MemoryLimit();

    [[nodiscard]] bool is_made() const { return made_; }
    // The calling process, and what it forks, from now on.
    void join() const;
    // How many the system has killed here for want of memory.
    [[nodiscard]] unsigned kills() const;

private:
    bool first_version_;  // of the system's interface
    std::filesystem::path folder_;
    bool made_ = false;
};

}  // namespace umach::tests
