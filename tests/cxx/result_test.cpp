// SPDX-License-Identifier: BSL-1.0
// Result, Error and the policies as values.
#include <gtest/gtest.h>

#include <memory>

#include <umach/umach.hpp>

namespace umach::test {
namespace {

TEST(Result, ValueComesOutAndTheCodeIsSuccess) {
    const Result<int> result = 5;
    EXPECT_TRUE(result);
    EXPECT_EQ(result.value(), 5);
    EXPECT_EQ(result.code(), KERN_SUCCESS);
}

TEST(Result, ErrorKeepsCodeAndDetail) {
    const Result<int> result = Error(SEND_TIMED_OUT, "the queue of port 5");
    EXPECT_FALSE(result);
    EXPECT_EQ(result.code(), SEND_TIMED_OUT);
    EXPECT_EQ(result.error().detail(), "the queue of port 5");
}

TEST(Result, AskingForAMissingValueThrowsTheError) {
    const Result<int> result = Error(KERN_FAILURE, "why");
    try {
        static_cast<void>(result.value());
        FAIL() << "no exception";
    } catch (const Failure& failure) {
        EXPECT_EQ(failure.error().code(), KERN_FAILURE);
        EXPECT_NE(std::string(failure.what()).find("why"), std::string::npos);
    }
}

TEST(Result, HoldsWhatOnlyMoves) {
    Result<std::unique_ptr<int>> result = std::make_unique<int>(3);
    const std::unique_ptr<int> taken = std::move(result).value();
    EXPECT_EQ(*taken, 3);
}

TEST(Result, OfNothingThrowsOnlyOnError) {
    EXPECT_NO_THROW(Result<void>().value());
    EXPECT_THROW(Result<void>(Error(KERN_FAILURE)).value(), Failure);
}

TEST(Error, DescribeIsTheCodeInWordsThenTheDetail) {
    const Error error(SEND_INVALID_PORT, "msg_remote_port");
    EXPECT_EQ(error.describe(), std::string(mach_error_string(SEND_INVALID_PORT)) + ": msg_remote_port");
    EXPECT_EQ(Error(SEND_INVALID_PORT).describe(), mach_error_string(SEND_INVALID_PORT));
}

TEST(Policy, FourPoliciesAreTheFourCombinationsOfOptions) {
    using std::chrono::milliseconds;
    EXPECT_EQ(WhenFull::wait().option(), MSG_OPTION_NONE);
    EXPECT_EQ(WhenFull::wait_for(milliseconds(20)).option(), SEND_TIMEOUT);
    EXPECT_EQ(WhenFull::wait_for(milliseconds(20)).timeout(), 20U);
    EXPECT_EQ(WhenFull::never_wait().option(), SEND_TIMEOUT);
    EXPECT_EQ(WhenFull::never_wait().timeout(), 0U);
    EXPECT_EQ(WhenFull::notify().option(), SEND_NOTIFY);
    EXPECT_EQ(WhenFull::notify_after(milliseconds(1)).option(), SEND_TIMEOUT | SEND_NOTIFY);
    EXPECT_EQ(WhenFull::wait().interruptible().option(), SEND_INTERRUPT);
}

TEST(Policy, TimesOutOfRangeAreCutNotWrapped) {
    using std::chrono::milliseconds;
    EXPECT_EQ(WhenFull::wait_for(milliseconds(-1)).timeout(), 0U);
    EXPECT_EQ(WhenEmpty::wait_for(std::chrono::hours(24 * 365)).timeout(), 0xffffffffU);
}

}  // namespace
}  // namespace umach::test
