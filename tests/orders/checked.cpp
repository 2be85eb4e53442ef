// SPDX-License-Identifier: BSL-1.0
#include "tests/orders/checked.hpp"

#include <cstdio>
#include <cstdlib>

namespace umach::orders {
namespace {

// UMACH_FULL looks at more.
Bounds wider(Bounds bounds) {
    if (std::getenv("UMACH_FULL") == nullptr) return bounds;
    if (bounds.preemptions >= 0) ++bounds.preemptions;
    bounds.executions *= 10;
    return bounds;
}

}  // namespace

void expect_sound(Scene scene, Bounds usual) {
    const Found found = search(scene, wider(usual));
    EXPECT_EQ(found.failure, "") << found.history;
    std::printf("%llu executions%s\n", static_cast<unsigned long long>(found.executions),
                found.exhausted ? ", all within the bounds" : "");
}

void expect_unsound(Scene scene, Bounds usual, const Weakening& weakening) {
    const Found found = search(scene, usual, &weakening);
    EXPECT_NE(found.weakened, 0u) << "no access of " << weakening.function << " has that order";
    EXPECT_NE(found.failure, "") << "of " << found.executions << " executions";
    std::printf("%s after %llu executions\n", found.failure.c_str(), static_cast<unsigned long long>(found.executions));
}

}  // namespace umach::orders
