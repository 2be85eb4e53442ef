// SPDX-License-Identifier: BSL-1.0
// Time, from the time-stamp counter: reading it costs a few nanoseconds. All cores must share it, as those
// with constant_tsc do.
#pragma once

#include <x86intrin.h>

#include <cstdint>

namespace bench {

inline std::uint64_t ticks() {
    return __rdtsc();
}
inline void cpu_relax() {
    _mm_pause();
}

// Calibrated on first use, which takes some milliseconds.
double ticks_per_second();
double monotonic_seconds();
// waits: that long, not for anything.
void sleep_for(double seconds);

inline double nanoseconds(double tick_count) {
    return tick_count * 1e9 / ticks_per_second();
}

}  // namespace bench
