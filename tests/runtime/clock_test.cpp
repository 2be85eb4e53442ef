// SPDX-License-Identifier: BSL-1.0
#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <thread>

#include "runtime/clock.hpp"
#include "runtime/detail.hpp"
#include "runtime/wait.hpp"

namespace umach::runtime {
namespace {

using namespace std::chrono_literals;

Instant fake_time = Instant(1000s);
Instant fake_now() noexcept { return fake_time; }

class FakeClock : public testing::Test {
protected:
    FakeClock() { fake_time = Instant(1000s); }
    ~FakeClock() override { replace_clock(earlier_); }
    ClockFunction earlier_ = replace_clock(fake_now);
};

TEST(MonotonicClock, IsTheSystemsAndNeverGoesBack) {
    timespec system{};
    clock_gettime(CLOCK_MONOTONIC, &system);
    const Instant before(std::chrono::seconds(system.tv_sec) + std::chrono::nanoseconds(system.tv_nsec));
    const Instant first = MonotonicClock::now();
    const Instant second = MonotonicClock::now();
    EXPECT_LE(before, first);
    EXPECT_LE(first, second);
    EXPECT_LT(first - before, 10s);
}

TEST_F(FakeClock, DeadlinePassesAtItsInstantAndNotBefore) {
    const Deadline deadline = Deadline::in(5ms);
    EXPECT_EQ(deadline.remaining(), 5ms);
    fake_time += 5ms - 1ns;
    EXPECT_FALSE(deadline.passed());
    EXPECT_EQ(deadline.remaining(), 1ns);
    fake_time += 1ns;
    EXPECT_TRUE(deadline.passed());
    EXPECT_EQ(deadline.remaining(), 0ns);
    fake_time += 1h;
    EXPECT_EQ(deadline.remaining(), 0ns);
}

TEST_F(FakeClock, NeverDoesNotPass) {
    fake_time = Instant::max();
    EXPECT_FALSE(Deadline::never().passed());
    EXPECT_EQ(Deadline::never().remaining(), std::chrono::nanoseconds::max());
    EXPECT_TRUE(Deadline::never().is_never());
}

TEST_F(FakeClock, NegativeSpanHasPassed) {
    EXPECT_TRUE(Deadline::in(-1ms).passed());
    EXPECT_TRUE(Deadline::in(std::chrono::milliseconds::min()).passed());
}

TEST_F(FakeClock, SpanBeyondTheClockIsNever) {
    EXPECT_TRUE(Deadline::in(std::chrono::milliseconds::max()).is_never());
    EXPECT_TRUE(Deadline::in(std::chrono::nanoseconds::max()).is_never());
}

TEST_F(FakeClock, EarlierOfTwoIsEarlierAndNeverIsLatest) {
    const Deadline soon = Deadline::in(1ms);
    const Deadline late = Deadline::in(2ms);
    EXPECT_EQ(Deadline::earlier(soon, late), soon);
    EXPECT_EQ(Deadline::earlier(late, soon), soon);
    EXPECT_EQ(Deadline::earlier(Deadline::never(), late), late);
    EXPECT_EQ(Deadline::earlier(late, Deadline::never()), late);
}

TEST_F(FakeClock, AbsoluteIsSecondsAndNanoseconds) {
    const timespec absolute = Deadline::in(1500ms).absolute();
    EXPECT_EQ(absolute.tv_sec, 1001);
    EXPECT_EQ(absolute.tv_nsec, 500'000'000);
    EXPECT_EQ(Deadline::at(Instant(-5s)).absolute().tv_sec, 0);
}

TEST(FutexWait, ReturnsAtOnceWhenTheWordDiffers) {
    const std::atomic<std::uint32_t> word{1};
    EXPECT_EQ(futex_wait(word, 0, Deadline::never()), WaitEnd::rung);
}

TEST(FutexWait, EndsAtItsDeadlineAndNotBefore) {
    const std::atomic<std::uint32_t> word{0};
    const Deadline deadline = Deadline::in(20ms);
    EXPECT_EQ(futex_wait(word, 0, deadline), WaitEnd::deadline);
    EXPECT_TRUE(deadline.passed());
}

TEST(FutexWait, EndsWhenWoken) {
    std::atomic<std::uint32_t> word{0};
    WaitEnd end = WaitEnd::deadline;
    std::thread sleeper([&] { end = futex_wait(word, 0, Deadline::in(60s)); });
    while (futex_wake(word, 1) == 0) std::this_thread::yield();
    sleeper.join();
    EXPECT_EQ(end, WaitEnd::rung);
}

TEST(Detail, IsThisThreadsLastText) {
    set_detail("quota %s is %d", "ports", 64);
    EXPECT_STREQ(detail(), "quota ports is 64");
    std::string elsewhere = "unset";
    std::thread([&] { elsewhere = detail(); }).join();
    EXPECT_EQ(elsewhere, "");
    clear_detail();
    EXPECT_STREQ(detail(), "");
}

TEST(Detail, LongTextIsCutAndErrnoIsKept) {
    errno = EDOM;
    set_detail("%s", std::string(1000, 'x').c_str());
    EXPECT_EQ(errno, EDOM);
    EXPECT_EQ(std::string(detail()), std::string(detail_bytes - 1, 'x'));
}

}  // namespace
}  // namespace umach::runtime
