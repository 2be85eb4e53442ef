// SPDX-License-Identifier: BSL-1.0
// One suite on both ways of a checked copy: the machine's own, and the operating system's.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/checked_copy.hpp"
#include "runtime/checked_copy_machine.hpp"
#include "runtime/descriptor.hpp"

namespace umach::runtime {
namespace {

struct Preferred {
    static bool in(void* to, const void* user, std::size_t bytes) { return copy_in(to, user, bytes); }
    static bool out(void* user, const void* from, std::size_t bytes) { return copy_out(user, from, bytes); }
    static bool probe(void* user, std::size_t bytes) { return probe_write(user, bytes); }
};

struct BySyscall {
    static bool in(void* to, const void* user, std::size_t bytes) {
        return by_syscall::copy_in(to, user, bytes);
    }
    static bool out(void* user, const void* from, std::size_t bytes) {
        return by_syscall::copy_out(user, from, bytes);
    }
    static bool probe(void* user, std::size_t bytes) { return by_syscall::probe_write(user, bytes); }
};

// Two pages that can be used, and one behind them that cannot.
class Pages {
public:
    Pages() {
        void* base = mmap(nullptr, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        EXPECT_NE(base, MAP_FAILED);
        base_ = static_cast<unsigned char*>(base);
        for (std::size_t i = 0; i < 2 * page; ++i) base_[i] = static_cast<unsigned char>(i * 7);
        protect(2, PROT_NONE);
    }
    Pages(const Pages&) = delete;
    Pages& operator=(const Pages&) = delete;
    ~Pages() { munmap(base_, 3 * page); }

    void protect(std::size_t index, int protection) { mprotect(base_ + index * page, page, protection); }
    unsigned char* begin() { return base_; }
    unsigned char* end() { return base_ + 2 * page; }

    static constexpr std::size_t page = 4096;

private:
    unsigned char* base_ = nullptr;
};

void* address(std::uintptr_t value) { return reinterpret_cast<void*>(value); }

const std::array<std::uintptr_t, 8> wild{0, 1, 4095, 0xdead0000, 0x0000'8000'0000'0000, 0x8000'0000'0000'0000,
                                         0xffff'8880'0000'0000, ~std::uintptr_t{0} - 3};
const std::array<std::size_t, 8> sizes{1, 2, 3, 8, 15, 64, 1000, 5000};

template <class Way>
class CheckedCopy : public testing::Test {};
using Ways = testing::Types<Preferred, BySyscall>;
TYPED_TEST_SUITE(CheckedCopy, Ways);

TYPED_TEST(CheckedCopy, EverySmallSizeAtEveryAlignmentCopiesThatAndNothingElse) {
    std::array<unsigned char, 512> source{};
    for (std::size_t i = 0; i < source.size(); ++i) source[i] = static_cast<unsigned char>(i + 1);
    for (std::size_t shift = 0; shift < 16; ++shift) {
        for (std::size_t bytes = 0; bytes <= 200; ++bytes) {
            std::array<unsigned char, 512> target{};
            ASSERT_TRUE(TypeParam::in(target.data() + shift, source.data() + 16 - shift, bytes));
            std::array<unsigned char, 512> expected{};
            std::memcpy(expected.data() + shift, source.data() + 16 - shift, bytes);
            ASSERT_EQ(target, expected) << bytes << " bytes at " << shift;
        }
    }
}

TYPED_TEST(CheckedCopy, LargeCopiesAreComplete) {
    std::vector<unsigned char> source(3'000'001);
    for (std::size_t i = 0; i < source.size(); ++i) source[i] = static_cast<unsigned char>(i * 31 + (i >> 8));
    for (const std::size_t bytes : {std::size_t{1023}, std::size_t{1024}, std::size_t{8192}, source.size()}) {
        std::vector<unsigned char> target(bytes + 1, 0xee);
        ASSERT_TRUE(TypeParam::out(target.data(), source.data(), bytes));
        EXPECT_EQ(std::memcmp(target.data(), source.data(), bytes), 0);
        EXPECT_EQ(target[bytes], 0xee);
    }
}

TYPED_TEST(CheckedCopy, CopiesThatGoPastTheCachesAreCompleteAtEveryAlignmentAndCopyNothingElse) {
    constexpr std::size_t threshold = 2u << 20;
    std::vector<unsigned char> source(threshold + 200), target(threshold + 200);
    for (std::size_t i = 0; i < source.size(); ++i) source[i] = static_cast<unsigned char>(i * 31 + (i >> 8));
    for (std::size_t shift = 0; shift < 16; ++shift) {
        for (const std::size_t more : {0u, 1u, 15u, 16u, 63u, 64u, 77u}) {
            std::fill(target.begin(), target.end(), std::uint8_t{0xee});
            const std::size_t bytes = threshold + more;
            ASSERT_TRUE(TypeParam::in(target.data() + shift, source.data() + 16 - shift, bytes));
            ASSERT_EQ(std::memcmp(target.data() + shift, source.data() + 16 - shift, bytes), 0) << bytes << " at " << shift;
            ASSERT_TRUE(target[shift + bytes] == 0xee && (shift == 0 || target[shift - 1] == 0xee)) << bytes << " at " << shift;
        }
    }
}

TYPED_TEST(CheckedCopy, ALargeCopyThatRunsIntoMemoryThatIsNotThereFails) {
    constexpr std::size_t bytes = 3u << 20;
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    auto* first = static_cast<unsigned char*>(memory);
    ASSERT_EQ(munmap(first + bytes - Pages::page, Pages::page), 0);
    std::vector<unsigned char> ours(bytes);
    EXPECT_FALSE(TypeParam::in(ours.data(), first, bytes));
    EXPECT_FALSE(TypeParam::out(first + 5, ours.data(), bytes - 5));
    EXPECT_TRUE(TypeParam::out(first, ours.data(), bytes - Pages::page));
    munmap(first, bytes - Pages::page);
}

TYPED_TEST(CheckedCopy, WildPointersAreErrors) {
    std::vector<unsigned char> ours(5000);
    for (const std::uintptr_t value : wild) {
        for (const std::size_t bytes : sizes) {
            EXPECT_FALSE(TypeParam::in(ours.data(), address(value), bytes)) << std::hex << value;
            EXPECT_FALSE(TypeParam::out(address(value), ours.data(), bytes)) << std::hex << value;
            EXPECT_FALSE(TypeParam::probe(address(value), bytes)) << std::hex << value;
        }
    }
}

TYPED_TEST(CheckedCopy, NothingCanAlwaysBeCopied) {
    for (const std::uintptr_t value : wild) {
        EXPECT_TRUE(TypeParam::in(nullptr, address(value), 0));
        EXPECT_TRUE(TypeParam::out(address(value), nullptr, 0));
    }
}

TYPED_TEST(CheckedCopy, ReadsUpToTheLastByteOfAPageAndFailsOneBeyond) {
    Pages pages;
    std::array<unsigned char, 2 * Pages::page> ours{};
    for (std::size_t before = 0; before <= 100; ++before) {
        for (std::size_t bytes = 1; bytes <= 140; ++bytes) {
            const bool copied = TypeParam::in(ours.data(), pages.end() - before, bytes);
            ASSERT_EQ(copied, bytes <= before) << before << " bytes there, " << bytes << " asked";
        }
    }
    EXPECT_TRUE(TypeParam::in(ours.data(), pages.begin() + 1, 2 * Pages::page - 1));
    EXPECT_FALSE(TypeParam::in(ours.data(), pages.begin() + 1, 2 * Pages::page));
}

TYPED_TEST(CheckedCopy, WritesUpToTheLastByteOfAPageAndFailsOneBeyond) {
    Pages pages;
    const std::array<unsigned char, 2 * Pages::page> ours{};
    for (std::size_t before = 0; before <= 100; ++before) {
        for (std::size_t bytes = 1; bytes <= 140; ++bytes) {
            ASSERT_EQ(TypeParam::out(pages.end() - before, ours.data(), bytes), bytes <= before);
            ASSERT_EQ(TypeParam::probe(pages.end() - before, bytes), bytes <= before);
        }
    }
    EXPECT_TRUE(TypeParam::out(pages.begin() + 1, ours.data(), 2 * Pages::page - 1));
    EXPECT_FALSE(TypeParam::out(pages.begin() + 1, ours.data(), 2 * Pages::page));
}

TYPED_TEST(CheckedCopy, ReadOnlyMemoryCanBeReadButNotWritten) {
    Pages pages;
    pages.protect(1, PROT_READ);
    std::array<unsigned char, 64> ours{};
    EXPECT_TRUE(TypeParam::in(ours.data(), pages.begin() + Pages::page, 64));
    EXPECT_FALSE(TypeParam::out(pages.begin() + Pages::page, ours.data(), 64));
    EXPECT_FALSE(TypeParam::probe(pages.begin() + Pages::page, 1));
    EXPECT_FALSE(TypeParam::probe(pages.begin(), Pages::page + 1));
    EXPECT_TRUE(TypeParam::probe(pages.begin(), Pages::page));
}

TYPED_TEST(CheckedCopy, ProbeFindsAHoleBetweenGoodPages) {
    Pages pages;
    pages.protect(2, PROT_READ | PROT_WRITE);
    pages.protect(1, PROT_NONE);
    EXPECT_FALSE(TypeParam::probe(pages.begin() + 100, 2 * Pages::page));
}

TYPED_TEST(CheckedCopy, ProbeChangesNothing) {
    Pages pages;
    const std::vector<unsigned char> before(pages.begin(), pages.end());
    EXPECT_TRUE(TypeParam::probe(pages.begin() + 3, 2 * Pages::page - 3));
    EXPECT_EQ(std::vector<unsigned char>(pages.begin(), pages.end()), before);
}

TYPED_TEST(CheckedCopy, ProbeLosesNoWriteOfAnotherThread) {
    std::atomic<std::uint32_t> counter{0};
    std::atomic<bool> stop{false};
    std::thread prober([&] {
        while (!stop.load()) EXPECT_TRUE(TypeParam::probe(&counter, sizeof counter));
    });
    for (int i = 0; i < 100'000; ++i) counter.fetch_add(1);
    stop = true;
    prober.join();
    EXPECT_EQ(counter.load(), 100'000u);
}

TYPED_TEST(CheckedCopy, MemoryBehindTheEndOfAFileIsAnError) {
    const Descriptor file(memfd_create("short", MFD_CLOEXEC));
    ASSERT_EQ(ftruncate(file.get(), 4096), 0);
    void* base = mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    ASSERT_NE(base, MAP_FAILED);
    std::array<unsigned char, 16> ours{};
    auto* bytes = static_cast<unsigned char*>(base);
    EXPECT_TRUE(TypeParam::in(ours.data(), bytes + 4080, 16));
    EXPECT_FALSE(TypeParam::in(ours.data(), bytes + 4096, 16));
    EXPECT_FALSE(TypeParam::out(bytes + 4090, ours.data(), 16));
    munmap(base, 8192);
}

TYPED_TEST(CheckedCopy, ManyThreadsMayFaultAtOnce) {
    std::vector<std::thread> threads;
    std::atomic<int> wrong{0};
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            std::array<unsigned char, 64> ours{};
            for (int round = 0; round < 500; ++round) {
                wrong += TypeParam::in(ours.data(), address(0x1000), 64) ? 1 : 0;
                wrong += TypeParam::in(ours.data(), &round, sizeof round) ? 0 : 1;
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong.load(), 0);
}

TYPED_TEST(CheckedCopy, ThreadThatBlockedAllSignalsBeforeItsFirstCopyGetsErrorsToo) {
    bool copied = true;
    std::thread([&] {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, nullptr);
        int value = 0;
        copied = TypeParam::in(&value, address(0x1000), sizeof value);
    }).join();
    EXPECT_FALSE(copied);
}

}  // namespace
}  // namespace umach::runtime
