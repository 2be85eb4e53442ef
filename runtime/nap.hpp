// SPDX-License-Identifier: BSL-1.0
// How a carrier that found a lock busy passes the time before it looks again: about a microsecond of pauses, three
// yields, then naps from 50 us, doubling to 1 ms.
#pragma once

#include <algorithm>
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
        ++looks_;
        if (looks_ < pauses) return cpu_pause();
        if (looks_ < pauses + yields) {
            sched_yield();
            return;
        }
        timespec rest{0, nanoseconds_};
        nanosleep(&rest, nullptr);
        nanoseconds_ = std::min(2 * nanoseconds_, longest);
    }
    bool patient() const { return looks_ >= pauses; }   // time to ask whether the holder lives
    // How often it has slept: of one that runs, a hundred times, about a tenth of a second, are more than enough.
    unsigned naps() const { return looks_ < pauses + yields ? 0 : looks_ - (pauses + yields); }

private:
    static constexpr unsigned pauses = 40;
    static constexpr unsigned yields = 3;
    static constexpr long longest = 1'000'000;
    unsigned looks_ = 0;
    long nanoseconds_ = 50'000;
};

}  // namespace umach::runtime
