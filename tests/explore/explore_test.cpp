// SPDX-License-Identifier: BSL-1.0
// Every scene, within bounds: UMACH_FULL has wider ones.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "tests/explore/host.hpp"

namespace umach::explore {
namespace {

bool is_full_run() { return std::getenv("UMACH_FULL") != nullptr; }

struct Way {
    const char* name;
    Bounds usual, full;
};
const std::vector<Way>& ways() {
    static const std::vector<Way> all{
        {"PreemptionsAnywhere", {1, 0, true, 12'000}, {2, 0, true, 300'000}},
        {"DeathsAnywhere", {0, 1, true, 4'500}, {0, 2, true, 200'000}},
        {"PreemptionsWhereTheyOrder", {3, 0, false, 6'000}, {3, 0, false, 200'000}},
        {"APreemptionAndADeath", {1, 1, false, 3'000}, {1, 1, true, 200'000}},
    };
    return all;
}

// Of what is drawn: the same executions every time, others with another UMACH_EXPLORE_SEED.
std::uint64_t seed() {
    const char* const text = std::getenv("UMACH_EXPLORE_SEED");
    return text != nullptr ? std::strtoull(text, nullptr, 10) : 1;
}

std::string extent(const Figures& figures, const Bounds& bounds) {
    if (figures.exhausted) return "all";
    std::string whole;
    if (figures.levels > 0) whole = "all with up to " + std::to_string(figures.levels - 1) + " deviations, ";
    return "cut: " + whole + std::to_string(figures.drawn) + " drawn with seed " + std::to_string(bounds.seed);
}

using Case = std::tuple<const Scene*, const Way*>;

std::vector<Case> cases() {
    std::vector<Case> all;
    for (const Scene& scene : scenes())
        for (const Way& way : ways()) all.emplace_back(&scene, &way);
    return all;
}

class Explored : public testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(, Explored, testing::ValuesIn(cases()), [](const auto& one) {
    return std::string(std::get<0>(one.param)->name) + "_" + std::get<1>(one.param)->name;
});

TEST_P(Explored, EveryExecutionLeavesTheHostWholeAndNobodyWaiting) {
    const auto& [scene, way] = GetParam();
    Host host(*scene);
    Bounds bounds = is_full_run() ? way->full : way->usual;
    bounds.seed = seed();
    const Figures figures = explore(host, bounds);
    EXPECT_EQ(figures.failure, "");
    std::printf("%s %s: %llu executions, %s, %llu ends, %llu accesses, %llu deaths\n", scene->name, way->name,
                static_cast<unsigned long long>(figures.executions), extent(figures, bounds).c_str(),
                static_cast<unsigned long long>(figures.ends), static_cast<unsigned long long>(figures.accesses),
                static_cast<unsigned long long>(figures.crashes));
}

}  // namespace
}  // namespace umach::explore
