// SPDX-License-Identifier: BSL-1.0
// Time: one clock (CLOCK_MONOTONIC), read in one place, which a test may replace; and the deadline of a wait.
// No order and no wait depends on the wall clock.
#pragma once

#include <chrono>
#include <ctime>

namespace umach::runtime {

struct MonotonicClock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<MonotonicClock>;
    static constexpr bool is_steady = true;

    // returns: nanoseconds of CLOCK_MONOTONIC, or what the clock says that `replace_clock` put in its place.
    static time_point now() noexcept;
};

using Instant = MonotonicClock::time_point;
using ClockFunction = Instant (*)() noexcept;

// For tests: every later `MonotonicClock::now()` of the process asks `clock`; null brings the system's back.
// returns: the clock that was in place, null if it was the system's.
// limits: the kernel sleeps by its own clock whatever this says.
ClockFunction replace_clock(ClockFunction clock) noexcept;

// An absolute time on the monotonic clock at which a wait ends, or never. An interrupted wait that goes on
// with the same deadline therefore waits for the time that is left.
class Deadline {
public:
    static constexpr Deadline never() noexcept { return Deadline(Instant::max()); }
    static constexpr Deadline at(Instant instant) noexcept { return Deadline(instant); }
    // limits: a negative span has passed already; one of more than 290 years is `never()`.
    template <class Count, class Unit>
    static Deadline in(std::chrono::duration<Count, Unit> span) noexcept {
        constexpr std::chrono::duration<double> longest = std::chrono::hours(24) * 365 * 290;
        if (span >= longest) return never();
        if (span < span.zero()) return at(MonotonicClock::now());
        return from_now(std::chrono::duration_cast<std::chrono::nanoseconds>(span));
    }

    static constexpr Deadline earlier(Deadline a, Deadline b) noexcept { return b.at_ < a.at_ ? b : a; }

    constexpr bool is_never() const noexcept { return at_ == Instant::max(); }
    constexpr Instant instant() const noexcept { return at_; }
    bool passed() const noexcept { return !is_never() && MonotonicClock::now() >= at_; }
    // returns: the time left, 0 once passed, `nanoseconds::max()` for never.
    std::chrono::nanoseconds remaining() const noexcept;
    // returns: the deadline as an absolute timespec; for never one some 290 years off, which every call
    // accepts.
    timespec absolute() const noexcept;

    friend constexpr bool operator==(Deadline, Deadline) = default;

private:
    static Deadline from_now(std::chrono::nanoseconds span) noexcept;
    explicit constexpr Deadline(Instant at) noexcept : at_(at) {}
    Instant at_;
};

}  // namespace umach::runtime
