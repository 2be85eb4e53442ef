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

TEST(MemoryAtFork, MemoryThatTheParentMayNotReadIsNoCrashAndTheChildHasIt) {
    EXPECT_TRUE(runs_well([] {
        char* mine = allocate(3 * page, 3);
        MUST(vm_protect(task_self(), reinterpret_cast<vm_address_t>(mine), 2 * page, FALSE, VM_PROT_NONE) == KERN_SUCCESS);
        const pid_t child = fork();
        if (child == 0) _exit(is_filled(mine, 3 * page, 3) ? 0 : 1);
        int status = -1;
        MUST(waitpid(child, &status, 0) == child && status == 0);
        deallocate(mine, 3 * page);
        MUST((in_use() == InUse{}) && violations().empty());
    }));
}

TEST(MemoryAtFork, NothingIsInheritedOfWhatSaysNoneAndWhatIsSharedIsTheSame) {
    EXPECT_TRUE(runs_well([] {
        char* shared = allocate(2 * page, 3);
        char* none = allocate(page, 3);
        const auto inherit = [](char* at, vm_inherit_t how) {
            return vm_inherit(task_self(), reinterpret_cast<vm_address_t>(at), 1, how) == KERN_SUCCESS;
        };
        MUST(inherit(shared, VM_INHERIT_SHARE) && inherit(none, VM_INHERIT_NONE) && is_filled(shared, 2 * page, 3));
        const pid_t child = fork();
        if (child == 0) {
            shared[0] = 1;
            shared[2 * page - 1] = 2;   // the whole region is
            std::signal(SIGSEGV, [](int) { _exit(0); });
            _exit(none[0] == 3 ? 1 : 2);
        }
        MUST(inherit(shared, VM_INHERIT_SHARE));   // again: nothing changes
        int status = -1;
        MUST(waitpid(child, &status, 0) == child && status == 0);
        MUST(shared[0] == 1 && shared[2 * page - 1] == 2);
        deallocate(shared, 2 * page);
        deallocate(none, page);
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
