// SPDX-License-Identifier: BSL-1.0
#include "tasks/fiber/stack.hpp"

#include "owner.hpp"

#include <sys/mman.h>
#include <algorithm>
#include <cstring>
#include <iterator>
#include <set>
#include <string>
#include <vector>

namespace umach::tests {
namespace {

using tasks::Guard;
using tasks::ordinary_guards;
using tasks::Stack;
using tasks::stack_bytes;
using tasks::StackPool;

bool kernel_has_light_guards() {
    void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const bool has = madvise(page, 4096, 102) == 0;
    munmap(page, 4096);
    return has;
}

std::vector<Stack> take(StackPool& pool, std::size_t count) {
    std::vector<Stack> stacks;
    while (stacks.size() < count) stacks.push_back(pool.take().value());
    return stacks;
}

void give(StackPool& pool, const std::vector<Stack>& stacks) {
    for (const Stack& stack : stacks) pool.give(stack);
}

std::size_t mappings() {
    std::ifstream maps("/proc/self/maps");
    return static_cast<std::size_t>(std::count(std::istreambuf_iterator<char>(maps), {}, '\n'));
}

// Uses at least so much stack, every line of it.
[[gnu::noinline]] int dig(const std::byte* start, std::size_t bytes) {
    volatile char here[128];
    for (std::size_t i = 0; i < sizeof here; ++i) here[i] = static_cast<char>(i);
    const auto* frame = static_cast<std::byte*>(__builtin_frame_address(0));
    if (static_cast<std::size_t>(start - frame) >= bytes) return here[1];
    return dig(start, bytes) + here[0];
}

// In a fiber with such a guard that then yields.
void use_stack(Guard guard, std::size_t bytes) {
    TestScheduler scheduler(guard);
    scheduler.spawn([&] {
        dig(static_cast<std::byte*>(__builtin_frame_address(0)), bytes);
        scheduler.yield();
    });
    scheduler.run_all();
}

class GuardTest : public testing::TestWithParam<Guard> {};

TEST_P(GuardTest, EveryByteOfAStackCanBeWritten) {
    StackPool pool(GetParam());
    for (const Stack& stack : take(pool, 100)) {
        std::memset(stack.low, 0x5a, stack_bytes);
        check(stack);
        pool.give(stack);
    }
}

TEST_P(GuardTest, FiberMayUseNearlyAllOfItsStack) {
    use_stack(GetParam(), stack_bytes * 3 / 4);
}

TEST_P(GuardTest, StackThatIsTakenAgainIsGuardedAgain) {
    StackPool pool(GetParam());
    std::vector<Stack> stacks = take(pool, 2 * StackPool::warm_stacks);
    std::set<std::byte*> before;
    for (const Stack& stack : stacks) before.insert(stack.low);
    give(pool, stacks);
    stacks = take(pool, 2 * StackPool::warm_stacks);
    for (const Stack& stack : stacks) {
        EXPECT_TRUE(before.count(stack.low));
        EXPECT_EQ(stack.guard, pool.guard());
        check(stack);
    }
    const auto overflow = [&](const Stack& stack) {
        std::memset(stack.low - 64, 0, 64);
        check(stack);
    };
    EXPECT_DEATH(overflow(stacks.front()), "");
    EXPECT_DEATH(overflow(stacks.back()), "");
}

INSTANTIATE_TEST_SUITE_P(EachKind, GuardTest, testing::Values(Guard::light, Guard::page, Guard::canary));

TEST(StackGuard, IsLightWhereTheKernelHasIt) {
    const StackPool pool;
    EXPECT_EQ(pool.guard(), kernel_has_light_guards() ? Guard::light : Guard::page);
}

TEST(StackGuard, LightOneEndsTheOverflowAtOnce) {
    if (!kernel_has_light_guards()) GTEST_SKIP() << "this kernel has no light guards";
    EXPECT_EXIT(use_stack(Guard::light, stack_bytes), of_a_fault, "");
}

TEST(StackGuard, PageEndsTheOverflowAtOnce) {
    EXPECT_EXIT(use_stack(Guard::page, stack_bytes), of_a_fault, "");
}

TEST(StackGuard, CanaryEndsTheProcessWithAMessageAtTheNextSwitch) {
    EXPECT_EXIT(use_stack(Guard::canary, stack_bytes), testing::KilledBySignal(SIGABRT),
                "a fiber's stack has overflowed");
}

TEST(StackGuard, OrdinaryPagesGiveWayToCanariesAtTheirLimit) {
    StackPool pool(Guard::page, 100);
    const std::vector<Stack> stacks = take(pool, 150);
    for (std::size_t i = 0; i < stacks.size(); ++i)
        EXPECT_EQ(stacks[i].guard, i < 100 ? Guard::page : Guard::canary);
    EXPECT_EQ(pool.guard(), Guard::canary);
    give(pool, stacks);
}

TEST(StackGuard, OrdinaryPagesOfAPoolThatIsGoneCountNoMore) {
    for (int round = 0; round < 3; ++round) {
        StackPool pool(Guard::page, 100);
        EXPECT_EQ(take(pool, 100).back().guard, Guard::page);
    }
}

TEST(StackGuard, SixteenThousandOrdinaryPagesAreToBeHad) {
    StackPool pool(Guard::page);
    const std::vector<Stack> stacks = take(pool, ordinary_guards + 1);
    EXPECT_EQ(stacks[ordinary_guards - 1].guard, Guard::page);
    EXPECT_EQ(stacks[ordinary_guards].guard, Guard::canary);
}

TEST(StackGuard, LightOnesSplitNoMapping) {
    if (!kernel_has_light_guards()) GTEST_SKIP() << "this kernel has no light guards";
    const std::size_t before = mappings();
    StackPool pool;
    take(pool, 10'000);
    EXPECT_LT(mappings(), before + 10'000 / 50);
}

TEST(StackPool, TakesTheStackThatWasGivenLast) {
    StackPool pool;
    const std::vector<Stack> stacks = take(pool, 3);
    pool.give(stacks[1]);
    EXPECT_EQ(pool.take()->low, stacks[1].low);
}

TEST(StackPool, GivesTheMemoryOfFreeStacksBack) {
    const long before = resident_bytes();
    StackPool pool;
    const std::vector<Stack> stacks = take(pool, 500);
    for (const Stack& stack : stacks) std::memset(stack.low, 1, stack_bytes);
    const long full = resident_bytes() - before;
    EXPECT_GT(full, static_cast<long>(500 * stack_bytes * 9 / 10));
    give(pool, stacks);
    const long warm = static_cast<long>(StackPool::warm_stacks * stack_bytes);
    EXPECT_LT(resident_bytes() - before, warm + full / 4);
}

TEST(StackPool, UnmapsSlabsOfWhichNoStackIsUsed) {
    const auto address_space = [] {
        long pages = 0;
        std::ifstream("/proc/self/statm") >> pages;
        return pages * 4096;
    };
    StackPool pool;
    pool.give(pool.take().value());
    const long before = address_space();
    const std::vector<Stack> stacks = take(pool, 1000);
    EXPECT_GT(address_space() - before, static_cast<long>(900 * stack_bytes));
    give(pool, stacks);
    EXPECT_LT(address_space() - before, static_cast<long>(200 * stack_bytes));
}

}  // namespace
}  // namespace umach::tests
