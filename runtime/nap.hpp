// SPDX-License-Identifier: BSL-1.0
// How a carrier that found a lock busy passes the time before it looks again. One that is held by who runs is free within
// a microsecond, if only for an instant when two want it over and over; a nap takes a hundred times as long, and whoever
// waits for the napper falls asleep meanwhile. So there are three rounds of looks, further and further apart, each with a
// yield at its end, five hundred pauses in all, which are ten to twenty microseconds (Intel Xeon); then naps from 50 us,
// doubling to 1 ms.
#pragma once

#include <algorithm>
#include <atomic>
#include <ctime>
#include <sched.h>

namespace umach::runtime {

inline void cpu_pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#else
    std::atomic_signal_fence(std::memory_order_seq_cst);
#endif
}

class Nap {
public:
    void next() {
        if (looks_ == rounds * a_round) return sleep();
        ++looks_;
        if (looks_ % a_round == 0) {
            sched_yield();
            return;
        }
        for (unsigned i = 0; i < 1u << std::min(looks_ / 4, 4u); ++i) cpu_pause();
    }
    bool patient() const { return looks_ >= a_round; }   // time to ask whether the holder lives
    // How often it has slept: of one that runs, a hundred times, about a tenth of a second, are more than enough.
    unsigned naps() const { return naps_; }

private:
    void sleep() {
        const timespec rest{0, nanoseconds_};
        nanosleep(&rest, nullptr);
        nanoseconds_ = std::min(2 * nanoseconds_, longest);
        ++naps_;
    }

    static constexpr unsigned a_round = 16, rounds = 3;
    static constexpr long longest = 1'000'000;
    unsigned looks_ = 0, naps_ = 0;
    long nanoseconds_ = 50'000;
};

}  // namespace umach::runtime
