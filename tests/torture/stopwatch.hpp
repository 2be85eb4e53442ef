// SPDX-License-Identifier: BSL-1.0
// How long something took this thread, by itself and because of those that it waited for.
#pragma once

#include <chrono>
#include <fstream>

namespace umach::torture {

// How long this thread has been ready to run, and had no processor: that says nothing of who it waits for.
inline double milliseconds_ready() {
    std::ifstream file("/proc/thread-self/schedstat");
    double ran = 0, ready = 0;
    file >> ran >> ready;
    return ready / 1e6;
}

// Of what is not the fault of a busy machine.
class Stopwatch {
public:
    double milliseconds() const {
        const auto passed = std::chrono::steady_clock::now() - start_;
        return std::chrono::duration<double, std::milli>(passed).count() - (milliseconds_ready() - ready_);
    }

private:
    const double ready_ = milliseconds_ready();
    const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace umach::torture
