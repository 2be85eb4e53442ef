// SPDX-License-Identifier: BSL-1.0
#include "harness/clock.hpp"

#include <time.h>

namespace bench {

double monotonic_seconds() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

double ticks_per_second() {
    static const double frequency = [] {
        const double start = monotonic_seconds();
        const std::uint64_t first = ticks();
        double now = start;
        while (now - start < 5e-3) now = monotonic_seconds();
        return static_cast<double>(ticks() - first) / (now - start);
    }();
    return frequency;
}

void sleep_for(double seconds) {
    timespec time{};
    time.tv_sec = static_cast<time_t>(seconds);
    time.tv_nsec = static_cast<long>((seconds - static_cast<double>(time.tv_sec)) * 1e9);
    nanosleep(&time, nullptr);
}

}  // namespace bench
