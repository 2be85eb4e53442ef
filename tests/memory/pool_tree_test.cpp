// SPDX-License-Identifier: BSL-1.0
#include "ports/pool_tree.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace umach::ports {
namespace {

class PoolTreeOf16MiB : public ::testing::Test {
protected:
    void SetUp() override {
        HostSizes sizes;
        sizes.pool_bytes = 16u << 20;
        auto made = Kernel::make(sizes);
        ASSERT_TRUE(made.ok());
        k_.emplace(std::move(made).value());
        const std::uint32_t slot = k_->machine().claim_carrier();
        carrier_.emplace(k_->machine().carrier(slot), slot);
    }
    template <class Body>
    auto step(Body&& body) {
        return k_->step(*carrier_, [&](KernelStep& s) {
            s.lock_host();
            return s.keep(body(s));
        });
    }
    void give_back(PoolTree& tree, std::uint32_t block, std::uint32_t order) {
        step([&](KernelStep& s) { return tree.free(s, block, order), 0; });
    }
    std::optional<Kernel> k_;
    std::optional<runtime::Carrier> carrier_;
};

TEST_F(PoolTreeOf16MiB, RandomRunsNeverOverlapAndAllComesTogetherAgain) {
    PoolTree tree(*k_);
    std::mt19937 random(7);
    std::vector<std::pair<std::uint32_t, std::uint32_t>> held;   // block, order
    std::set<std::uint32_t> used;
    for (int round = 0; round < 20'000; ++round) {
        if (random() % 5 < 3) {
            const auto order = static_cast<std::uint32_t>(random() % 5);
            const auto block = step([&](KernelStep& s) { return tree.allocate(s, order); });
            if (!block) continue;
            ASSERT_EQ(0u, *block % (1u << order));
            for (std::uint32_t i = 0; i < 1u << order; ++i) ASSERT_TRUE(used.insert(*block + i).second);
            held.emplace_back(*block, order);
        } else if (!held.empty()) {
            std::swap(held[random() % held.size()], held.back());
            const auto [block, order] = held.back();
            held.pop_back();
            give_back(tree, block, order);
            for (std::uint32_t i = 0; i < 1u << order; ++i) used.erase(block + i);
        }
        const auto somewhere = static_cast<std::uint32_t>(random() % tree.blocks());
        ASSERT_EQ(used.count(somewhere) == 0, tree.is_free(somewhere));
        if (round % 100 == 0) {
            ASSERT_TRUE(tree.is_consistent());
            ASSERT_EQ(tree.blocks() - used.size(), tree.free_blocks());
        }
    }
    for (const auto& [block, order] : held) give_back(tree, block, order);
    EXPECT_EQ(8u, tree.largest().value());
}

TEST_F(PoolTreeOf16MiB, AFullPoolGivesNothing) {
    PoolTree tree(*k_);
    EXPECT_EQ(0u, step([&](KernelStep& s) { return tree.allocate(s, 8); }).value());
    EXPECT_FALSE(step([&](KernelStep& s) { return tree.allocate(s, 0); }).has_value());
    EXPECT_FALSE(tree.largest().has_value());
}

}  // namespace
}  // namespace umach::ports
