// SPDX-License-Identifier: BSL-1.0
// What a forked child has of its parent's memory.
#include "parcel.hpp"

#include <sys/wait.h>
#include <unistd.h>

namespace umach::tests {
namespace {

TEST(MemoryAtFork, AChildHasACopyOfItsOwn) {
    EXPECT_TRUE(runs_well([] {
        char* mine = allocate(10 * page, 3);
        const pid_t child = fork();
        if (child == 0) {
            if (!is_filled(mine, 10 * page, 3)) _exit(1);
            std::memset(mine, 1, 10 * page);
            _exit(new_port() != PORT_NULL && mine[5] == 1 ? 0 : 2);
        }
        int status = -1;
        MUST(waitpid(child, &status, 0) == child && status == 0);
        MUST(is_filled(mine, 10 * page, 3));
        deallocate(mine, 10 * page);
        MUST((in_use() == InUse{}) && violations().empty());
    }));
}

TEST(MemoryAtFork, WhatTheParentWritesAfterwardsTheChildDoesNotSee) {
    EXPECT_TRUE(runs_well([] {
        char* mine = allocate(2 * page, 3);
        int go[2];
        MUST(pipe(go) == 0);
        const pid_t child = fork();
        if (child == 0) {
            char token = 0;
            if (read(go[0], &token, 1) != 1) _exit(3);
            _exit(is_filled(mine, 2 * page, 3) ? 0 : 1);
        }
        std::memset(mine, 9, 2 * page);
        MUST(write(go[1], "x", 1) == 1);
        int status = -1;
        MUST(waitpid(child, &status, 0) == child && status == 0);
    }));
}

}  // namespace
}  // namespace umach::tests
