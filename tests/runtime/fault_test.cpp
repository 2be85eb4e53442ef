// SPDX-License-Identifier: BSL-1.0
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

#include <fcntl.h>
#include <unistd.h>

#include "runtime/bug.hpp"
#include "runtime/descriptor.hpp"
#include "runtime/fault.hpp"

namespace umach::runtime {
namespace {

TEST(Fault, SaysTheCallAndTheSystemsOwnWords) {
    errno = ENOSPC;
    const Fault fault = last_fault("shmget of 4096 bytes");
    EXPECT_EQ(fault.error, ENOSPC);
    EXPECT_EQ(fault.what, "shmget of 4096 bytes: No space left on device");
}

TEST(Outcome, HoldsAValueThatCanBeMovedOut) {
    Outcome<std::unique_ptr<int>> outcome(std::make_unique<int>(7));
    ASSERT_TRUE(outcome.ok());
    const std::unique_ptr<int> taken = std::move(outcome).value();
    EXPECT_EQ(*taken, 7);
}

TEST(Outcome, HoldsAFaultInstead) {
    const Outcome<int> outcome(make_fault(EPERM, "attach"));
    ASSERT_FALSE(outcome.ok());
    EXPECT_EQ(outcome.fault().error, EPERM);
}

TEST(Outcome, OfNothingIsDoneOrAFault) {
    EXPECT_TRUE(Outcome<void>().ok());
    EXPECT_EQ(Outcome<void>(make_fault(EIO, "read")).fault().error, EIO);
}

TEST(OutcomeDeathTest, ReadingTheValueOfAFaultAborts) {
    const Outcome<int> outcome(make_fault(EPERM, "attach"));
    EXPECT_DEATH(static_cast<void>(outcome.value()), "umach: bug at .*fault.hpp:[0-9]+: ok\\(\\)");
}

TEST(OutcomeDeathTest, ReadingTheFaultOfAValueAborts) {
    const Outcome<int> outcome(1);
    EXPECT_DEATH(static_cast<void>(outcome.fault()), "umach: bug at");
}

TEST(BugDeathTest, AFailedAssertionAbortsWithFileLineAndCondition) {
    const int one = 1;
    EXPECT_EXIT(UMACH_ASSERT(one == 2), testing::KilledBySignal(SIGABRT),
                "umach: bug at .*fault_test.cpp:[0-9]+: one == 2");
}

TEST(Bug, AnAssertionThatHoldsDoesNothing) {
    int evaluated = 0;
    UMACH_ASSERT(++evaluated == 1);
    EXPECT_EQ(evaluated, 1);
}

bool is_open(int number) { return fcntl(number, F_GETFD) >= 0; }

TEST(Descriptor, ClosesWhatItHoldsWhenItGoes) {
    int number = -1;
    {
        const Descriptor file(open("/dev/null", O_RDONLY | O_CLOEXEC));
        number = file.get();
        ASSERT_TRUE(is_open(number));
    }
    EXPECT_FALSE(is_open(number));
}

TEST(Descriptor, MovingLeavesNothingBehindAndClosesWhatWasThere) {
    Descriptor first(open("/dev/null", O_RDONLY | O_CLOEXEC));
    Descriptor second(open("/dev/zero", O_RDONLY | O_CLOEXEC));
    const int kept = first.get();
    const int replaced = second.get();
    second = std::move(first);
    EXPECT_EQ(second.get(), kept);
    EXPECT_TRUE(is_open(kept));
    EXPECT_FALSE(is_open(replaced));
    EXPECT_EQ(second.release(), kept);
    EXPECT_FALSE(second.valid());
    close(kept);
}

TEST(Descriptor, ADuplicateIsOfTheSameFileAndCloseOnExec) {
    const Descriptor file(open("/dev/null", O_RDONLY));
    const auto copy = file.duplicate();
    ASSERT_TRUE(copy.ok());
    EXPECT_NE(copy.value().get(), file.get());
    EXPECT_EQ(fcntl(copy.value().get(), F_GETFD), FD_CLOEXEC);
}

TEST(Descriptor, DuplicatingNoneIsAFault) { EXPECT_EQ(Descriptor().duplicate().fault().error, EBADF); }

}  // namespace
}  // namespace umach::runtime
