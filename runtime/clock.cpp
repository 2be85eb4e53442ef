// SPDX-License-Identifier: BSL-1.0
#include "runtime/clock.hpp"

#include <atomic>

namespace umach::runtime {

namespace {

std::atomic<ClockFunction> replacement{nullptr};

Instant system_now() noexcept {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return Instant(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

}  // namespace

Instant MonotonicClock::now() noexcept {
    const ClockFunction clock = replacement.load(std::memory_order_acquire);
    return clock == nullptr ? system_now() : clock();
}

ClockFunction replace_clock(ClockFunction clock) noexcept { return replacement.exchange(clock); }

Deadline Deadline::from_now(std::chrono::nanoseconds span) noexcept {
    const Instant now = MonotonicClock::now();
    return span >= Instant::max() - now ? never() : at(now + span);
}

std::chrono::nanoseconds Deadline::remaining() const noexcept {
    if (is_never()) return std::chrono::nanoseconds::max();
    const Instant now = MonotonicClock::now();
    return now >= at_ ? std::chrono::nanoseconds::zero() : at_ - now;
}

timespec Deadline::absolute() const noexcept {
    const auto since_start = at_.time_since_epoch();
    if (since_start <= std::chrono::nanoseconds::zero()) return timespec{};
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_start);
    return timespec{seconds.count(), (since_start - seconds).count()};
}

}  // namespace umach::runtime
