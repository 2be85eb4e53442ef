// SPDX-License-Identifier: BSL-1.0
// Processes that work are killed at random moments by `umach torture`, which says what it found wrong.
#include "../tools/tool.hpp"

#include <cstdio>
#include <cstdlib>

namespace umach::tests {
namespace {

constexpr double most_gap =
    2000;  // ms; a successor is there within one second, on a machine that is not busy

struct Quota {
    const char* seconds;
    const char* seconds_in_full;
    int ends, ends_as_keeper;
};

void torture(Words words, const Quota& quota) {
    words.insert(words.begin(), "torture");
    for (const char* word : {"--json", "--seconds"}) words.emplace_back(word);
    words.emplace_back(std::getenv("UMACH_FULL") != nullptr ? quota.seconds_in_full : quota.seconds);
    const Ended run = run_tool(words);
    const Json found = run.json();
    ASSERT_TRUE(found.is_object()) << run.out << run.err;
    EXPECT_EQ(found["complaint"], "");
    EXPECT_EQ(run.status, 0);
    EXPECT_EQ(found["rescued_wakeups"], 0);
    EXPECT_GE(found["ended"], quota.ends);
    EXPECT_GE(found["as_keeper"], quota.ends_as_keeper);
    EXPECT_GE(found["received"], 10 * quota.ends);
    EXPECT_LT(found["longest_gap"], most_gap);
    std::printf("%s\n", found.dump().c_str());
}

TEST(KilledAtRandom, ProcessesAndTheirKeepersDoAHostNoHarm) {
    torture({"--seed", "1"}, {"8", "3600", 200, 40});
}

TEST(KilledAtRandom, KeepersOfAHostWithPosixDoorbellsDoItNoHarm) {
    torture({"--doorbell", "posix", "--seed", "5"}, {"4", "900", 30, 8});
}

TEST(KilledAtRandom, KeepersOfAHostWithSystemVDoorbellsDoItNoHarm) {
    torture({"--doorbell", "sysv", "--seed", "6"}, {"4", "900", 30, 8});
}

TEST(KilledAtRandom, ProcessesOfAHostThatAnotherKeepsDoItNoHarm) {
    ToolHost host;
    torture({host.name(), "--seed", "2"}, {"4", "900", 100, 0});
}

TEST(KilledAtRandom, ProcessesDoAHostWithSystemVDoorbellsNoHarm) {
    ToolHost host({"--doorbell", "sysv", "--segment", "sysv"});
    torture({host.name(), "--seed", "3"}, {"3", "900", 50, 0});
}

TEST(KilledAtRandom, ProcessesDoAHostWithPosixDoorbellsNoHarm) {
    ToolHost host({"--doorbell", "posix"});
    torture({host.name(), "--seed", "4"}, {"3", "900", 50, 0});
}

}  // namespace
}  // namespace umach::tests
