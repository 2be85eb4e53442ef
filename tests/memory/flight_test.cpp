// SPDX-License-Identifier: BSL-1.0
// Memory in messages that nobody has received yet: counted to who sent them, up to a quota.
#include "parcel.hpp"

#include <sys/wait.h>

namespace umach::tests {
namespace {

std::uint64_t in_flight() { return kernel().task(tasks::current_host()->task().index).flight_pages; }
bool is_refused(msg_return_t code) {
    return code == SEND_KERNEL_REFUSED && std::string(mach_error_detail()).find("quota: the task may have 64 KiB of memory in messages") != std::string::npos;
}
void with_quota_of_16_pages() { setenv("UMACH_TASK_IN_FLIGHT", "65536", 1); }

TEST(MemoryInFlight, IsCountedToItsSenderFromTheSendUntilTheReceive) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        MUST(Parcel(port).data(allocate(3 * page), 3 * page, true).data("x", 1).send() == SEND_SUCCESS);
        MUST(in_flight() == 4 && violations().empty());
        Parcel got;
        MUST(got.receive(port) == RCV_SUCCESS && in_flight() == 0 && violations().empty());
        MUST(Parcel(port).data(got.part(0).at, 3 * page).send() == SEND_SUCCESS && in_flight() == 3);
        MUST(port_deallocate(task_self(), port) == KERN_SUCCESS);   // with what stands in its queue
        MUST(in_flight() == 0 && violations().empty());
    }));
}

TEST(MemoryInFlight, OverItsQuotaASendIsRefusedAndTakesNothingUntilSomeIsReceived) {
    EXPECT_TRUE(runs_well([] {
        with_quota_of_16_pages();
        const port_name_t port = new_port();
        char* moves = allocate(10 * page, 1);
        char* stays = allocate(7 * page, 2);
        MUST(Parcel(port).data(moves, 10 * page, true).send() == SEND_SUCCESS);
        MUST(is_refused(Parcel(port).data(stays, 7 * page, true).send()) && is_refused(Parcel(port).data(stays, 7 * page).send()));
        MUST(is_refused(Parcel(port).data(stays, 6 * page).data("x", 1).send()) && in_flight() == 10);
        MUST(is_filled(stays, 7 * page, 2) && (in_use() == InUse{17, 2}) && violations().empty());
        Parcel got;
        MUST(got.receive(port) == RCV_SUCCESS);
        MUST(Parcel(port).data(stays, 7 * page, true).data(got.part().at, 9 * page).send() == SEND_SUCCESS && in_flight() == 16);
        MUST(got.receive(port) == RCV_SUCCESS && in_flight() == 0 && violations().empty());
    }));
}

TEST(MemoryInFlight, MemoryThatMovesIsCountedWhenItsMessageIsAcceptedNotWhileItWaits) {
    EXPECT_TRUE(runs_well([] {
        with_quota_of_16_pages();
        const port_name_t port = new_port();
        for (int i = 0; i < PORT_BACKLOG_MAX; ++i) MUST(send_plain(port, i) == SEND_SUCCESS);
        MUST(Parcel(port).data(allocate(9 * page), 9 * page, true).send(SEND_TIMEOUT, 1) == SEND_TIMED_OUT && in_flight() == 0);
        MUST(Parcel(port).data(allocate(9 * page), 9 * page, true).send(SEND_NOTIFY) == SEND_WILL_NOTIFY && in_flight() == 9);
        MUST(is_refused(Parcel(port).data(allocate(9 * page), 9 * page, true).send(SEND_TIMEOUT, 0)) || in_flight() == 9);
        for (int i = 0; i < PORT_BACKLOG_MAX; ++i) MUST(receive(port).code == RCV_SUCCESS);
        Parcel got;
        MUST(got.receive(port) == RCV_SUCCESS && in_flight() == 0 && violations().empty());
    }));
}

TEST(MemoryInFlight, OfASenderThatDiedIsNobodysAndComesBackWhenItIsReceived) {
    EXPECT_TRUE(runs_well([] {
        with_quota_of_16_pages();
        const port_name_t port = new_port();
        leave_for_children(port);
        for (int round = 0; round < 3; ++round) {
            const pid_t child = start([] { MUST(Parcel(left_by_parent()).data(allocate(12 * page), 12 * page, true).send() == SEND_SUCCESS); });
            MUST(ended_well(child));
            MUST(becomes_true([] { return live_tasks() == 2; }) && (in_use() == InUse{12, 1}) && violations().empty());
            Parcel got;
            MUST(got.receive(port) == RCV_SUCCESS && in_flight() == 0);
            deallocate(got.part().at, 12 * page);
        }
        MUST((in_use() == InUse{}) && violations().empty());
    }));
}

}  // namespace
}  // namespace umach::tests
