// SPDX-License-Identifier: BSL-1.0
// What a peer sends, changed in a few hundred thousand ways, under the address and undefined-behaviour
// sanitizers. UMACH_FUZZ_TIMES makes it so many times more; UMACH_FUZZ_SEED others.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "tests/fuzz/targets.hpp"

namespace umach::fuzz {
namespace {

std::uint64_t number_in(const char* name, std::uint64_t otherwise) {
    const char* const text = std::getenv(name);
    return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

class Decoder : public testing::TestWithParam<Target> {};
INSTANTIATE_TEST_SUITE_P(, Decoder, testing::ValuesIn(targets()),
                         [](const auto& one) { return std::string(one.param.name); });

TEST_P(Decoder, KeepsItsPromisesWhateverComes) {
    const auto corpus = GetParam().corpus();
    for (const Bytes& good : corpus) GetParam().feed(good);
    Mutator inputs(corpus, number_in("UMACH_FUZZ_SEED", 1));
    const std::uint64_t runs = GetParam().runs * number_in("UMACH_FUZZ_TIMES", 1);
    for (std::uint64_t i = 0; i < runs; ++i) GetParam().feed(inputs.next());
    if (GetParam().feed == feed_protocol) expect_nothing_left();
    std::printf("%s: %llu inputs\n", GetParam().name, static_cast<unsigned long long>(runs));
}

TEST(Mutator, MakesTheSameInputsOfTheSameSeedAndOthersOfAnother) {
    const auto corpus = targets()[0].corpus();
    Mutator one(corpus, 5), same(corpus, 5), other(corpus, 6);
    int differ = 0;
    for (int i = 0; i < 100; ++i) {
        const Bytes bytes = one.next();
        EXPECT_TRUE(bytes == same.next());
        differ += bytes != other.next() ? 1 : 0;
    }
    EXPECT_GT(differ, 50);
}

}  // namespace
}  // namespace umach::fuzz
