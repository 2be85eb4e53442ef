// SPDX-License-Identifier: BSL-1.0
// Memory of the dead comes back: of a task, of a message in a queue, of one in the middle of being sent.
#include "parcel.hpp"

#include "ports/region.hpp"

#include <sys/wait.h>
#include <random>

namespace umach::tests {
namespace {

TEST(MemoryAtDeath, WhatATaskHadAndWhatWaitedForItComesBack) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t home = new_port();
        leave_for_children(home);
        const pid_t child = start([] {
            const port_name_t own = new_port();
            MUST(send_right(left_by_parent(), 1, own) == SEND_SUCCESS);
            allocate(100 * page);
            allocate(page);
            static_cast<void>(receive(new_port(), MSG_OPTION_NONE));
        });
        const port_name_t there = receive(home).right;
        char* mine = allocate(4 * page, 1);
        MUST(Parcel(there).data(mine, 4 * page, true).send() == SEND_SUCCESS);
        MUST(Parcel(there).data("copied", 6).send() == SEND_SUCCESS);
        MUST(becomes_true([&] { return waits(child, ports::WaitKind::receive); }));
        MUST((in_use() == InUse{106, 4}));
        kill_and_reap(child);
        MUST((becomes_true([] { return in_use() == InUse{}; })) && violations().empty());
    }));
}

TEST(MemoryAtDeath, APortThatIsDeallocatedGivesBackWhatItsMessagesCarried) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        for (int i = 0; i < 8; ++i) MUST(Parcel(port).data(allocate(20 * page), 20 * page, true).data("x", 1).send() == SEND_SUCCESS);
        MUST((in_use() == InUse{168, 16}));
        MUST(port_deallocate(task_self(), port) == KERN_SUCCESS);
        MUST((in_use() == InUse{}) && violations().empty());
    }));
}

TEST(MemoryAtDeath, BytesAndRegionsReturnToTheStartHoweverManyAreKilledInTheMiddle) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t home = new_port();
        leave_for_children(home);
        std::mt19937 random(20261130);
        int received = 0;
        for (int kill = 0; kill < 120; ++kill) {
            const pid_t child = start([&] { play(left_by_parent(), static_cast<unsigned>(kill) + 1); });
            const int after = static_cast<int>(random() % 60);
            for (int i = 0; i < after; ++i) {
                Parcel got;
                if (got.receive(home, RCV_TIMEOUT, 100) != RCV_SUCCESS) break;
                ++received;
                if (got.part().bytes != 0) deallocate(got.part().at, got.part().bytes);
            }
            MUST(waitpid(child, nullptr, WNOHANG) == 0);   // it has not given up by itself
            kill_and_reap(child);
            if (kill % 10 == 9) MUST(violations().empty());
        }
        for (Parcel got; got.receive(home, RCV_TIMEOUT, 0) == RCV_SUCCESS;)
            if (got.part().bytes != 0) deallocate(got.part().at, got.part().bytes);
        MUST((becomes_true([] { return in_use() == InUse{}; })) && violations().empty() && received > 100);
        MUST(kernel().header().stock_pages <= kernel().header().most_stock_pages);
    }));
}

}  // namespace
}  // namespace umach::tests
