// SPDX-License-Identifier: BSL-1.0
// Out-of-line data with the deallocate bit: the sender loses it, and memory from vm_allocate moves without being copied.
#include "parcel.hpp"

#include "ports/memory.hpp"

#include <sys/mman.h>

namespace umach::tests {
namespace {

bool is_mapped(const void* at) {
    return msync(const_cast<void*>(at), page, MS_ASYNC) == 0;
}

std::uint64_t offset(const void* at) {
    return kernel().pool().offset_of(reinterpret_cast<std::uint64_t>(at));
}

TEST(Moved, ARegionThatMovesIsTheSameMemoryAtTheReceiver) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        leave_for_children(port);
        const pid_t child = start([] {
            char* mine = allocate(5 * page, 4);
            const std::uint64_t at = offset(mine);
            MUST(Parcel(left_by_parent(), static_cast<msg_id_t>(at >> 12)).data(mine + 100, 4 * page, true).send() == SEND_SUCCESS);
            MUST(vm_deallocate(task_self(), reinterpret_cast<vm_address_t>(mine), 5 * page) == KERN_INVALID_ADDRESS);
        });
        Parcel got;
        MUST(ended_well(child) && got.receive(port) == RCV_SUCCESS);
        MUST(offset(got.part().at) == (static_cast<std::uint64_t>(got.header().msg_id) << 12) + 100);
        std::vector<char> whole(5 * page);
        fill(whole.data(), whole.size(), 4);
        MUST(std::memcmp(got.part().at, whole.data() + 100, 4 * page) == 0);
        deallocate(got.part().at, 4 * page);
        MUST((becomes_true([] { return in_use() == InUse{}; })) && violations().empty());
    }));
}

TEST(Moved, MemoryThatIsAskedForUnsetHasWhatWasLeftInItAndMovesAndTheNextThatIsNotIsZero) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        char* const left = allocate(5 * page, 4);
        const std::uint64_t at = offset(left);
        deallocate(left, 5 * page);
        vm_address_t address = 0;
        MUST(vm_allocate(task_self(), &address, 5 * page, VM_ANYWHERE_UNSET) == KERN_SUCCESS);
        char* const again = reinterpret_cast<char*>(address);
        MUST(offset(again) == at && is_filled(again, 5 * page, 4));
        fill(again, 5 * page, 5);
        Parcel got;
        MUST(Parcel(port).data(again, 5 * page, true).send() == SEND_SUCCESS && got.receive(port) == RCV_SUCCESS);
        MUST(offset(got.part().at) == at && is_filled(static_cast<const char*>(got.part().at), 5 * page, 5));
        deallocate(got.part().at, 5 * page);
        MUST(vm_allocate(task_self(), &address, 5 * page, TRUE) == KERN_SUCCESS);
        const std::vector<char> zeros(5 * page);
        MUST(address == reinterpret_cast<vm_address_t>(again) && std::memcmp(again, zeros.data(), zeros.size()) == 0);
        deallocate(again, 5 * page);
        MUST((in_use() == InUse{}) && violations().empty());
    }));
}

TEST(Moved, PartOfARegionIsCopiedAndTheRestStaysTheSenders) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        char* mine = allocate(8 * page, 4);
        MUST(Parcel(port).data(mine + 6 * page, 2 * page, true).send() == SEND_SUCCESS);
        MUST(is_filled(mine, 6 * page, 4));
        Parcel got;
        MUST(got.receive(port) == RCV_SUCCESS);
        std::vector<char> whole(8 * page);
        fill(whole.data(), whole.size(), 4);
        MUST(std::memcmp(got.part().at, whole.data() + 6 * page, 2 * page) == 0);
        deallocate(got.part().at, 2 * page);
        MUST((in_use() == InUse{6, 1}));
        deallocate(mine, 6 * page);
        MUST(vm_deallocate(task_self(), reinterpret_cast<vm_address_t>(mine), 8 * page) == KERN_INVALID_ADDRESS);
        MUST((in_use() == InUse{}) && violations().empty());
    }));
}

TEST(Moved, OtherMemoryIsCopiedAndUnmapped) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        char* mine = static_cast<char*>(mmap(nullptr, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        fill(mine, 3 * page, 2);
        MUST(Parcel(port).data(mine, 3 * page, true).send() == SEND_SUCCESS && !is_mapped(mine) && !is_mapped(mine + 2 * page));
        Parcel got;
        MUST(got.receive(port) == RCV_SUCCESS && is_filled(got.part().at, 3 * page, 2));
        deallocate(got.part().at, 3 * page);
    }));
}

TEST(Moved, ASendThatFailsLeavesAllOfItWithTheSender) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        char* mine = allocate(2 * page, 6);
        char* other = static_cast<char*>(mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        const port_t wrong = 0x1f'fff0;
        MUST(Parcel(port).data(mine, 2 * page, true).data(other, page, true).names(&wrong, 1).send() == SEND_INVALID_PORT);
        MUST(Parcel(wrong).data(mine, 2 * page, true).data(other, page, true).send() == SEND_INVALID_PORT);
        for (int i = 0; i < 8; ++i) MUST(send_plain(port, i) == SEND_SUCCESS);
        MUST(Parcel(port).data(mine, 2 * page, true).data(other, page, true).send(SEND_TIMEOUT, 0) == SEND_TIMED_OUT);
        MUST(Parcel(port).data(mine, 2 * page, true).data(other, page, true).send(SEND_TIMEOUT, 1) == SEND_TIMED_OUT);
        MUST(is_filled(mine, 2 * page, 6) && is_mapped(other));
        deallocate(mine, 2 * page);
        deallocate(other, page);
        MUST((in_use() == InUse{}) && violations().empty());
    }));
}

TEST(Moved, MemoryOfAMessageThatIsKeptLeavesAtOnceAndArrivesInItsTurn) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        char* mine = allocate(2 * page, 6);
        for (int i = 0; i < 8; ++i) MUST(send_plain(port, i) == SEND_SUCCESS);
        MUST(Parcel(port, 99).data(mine, 2 * page, true).send(SEND_NOTIFY) == SEND_WILL_NOTIFY);
        MUST(vm_deallocate(task_self(), reinterpret_cast<vm_address_t>(mine), 2 * page) == KERN_INVALID_ADDRESS);
        for (int i = 0; i < 8; ++i) MUST(receive(port).id == i);
        Parcel got;
        MUST(got.receive(port) == RCV_SUCCESS && got.header().msg_id == 99 && is_filled(got.part().at, 2 * page, 6));
        deallocate(got.part().at, 2 * page);
    }));
}

TEST(Moved, ASenderThatWaitsLosesItsMemoryOnlyWhenItIsAdmitted) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        leave_for_children(port);
        for (int i = 0; i < 8; ++i) MUST(send_plain(port, i) == SEND_SUCCESS);
        const pid_t child = start([] {
            char* mine = allocate(3 * page, 8);
            MUST(Parcel(left_by_parent(), 9).data(mine, 3 * page, true).send() == SEND_SUCCESS);
            MUST(vm_deallocate(task_self(), reinterpret_cast<vm_address_t>(mine), 3 * page) == KERN_INVALID_ADDRESS);
        });
        MUST(becomes_true([&] { return waits(child, ports::WaitKind::send); }));
        for (int i = 0; i < 8; ++i) MUST(receive(port).id == i);
        Parcel got;
        MUST(got.receive(port) == RCV_SUCCESS && is_filled(got.part().at, 3 * page, 8) && ended_well(child));
        deallocate(got.part().at, 3 * page);
        MUST((becomes_true([] { return in_use() == InUse{}; })) && violations().empty());
    }));
}

TEST(Moved, ARegionGivenUpTwiceInOneMessageIsRefusedAndStays) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        char* mine = allocate(page, 1);
        MUST(Parcel(port).data(mine, page, true).data(mine, page, true).send() == SEND_INVALID_MEMORY);
        MUST(is_filled(mine, page, 1));
        deallocate(mine, page);
        MUST((in_use() == InUse{}) && violations().empty());
    }));
}

// Each way the same number of records changes; nothing depends on the length.
TEST(Moved, AGibibyteGoesThereAndBackWithoutACopy) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        leave_for_children(port);
        constexpr std::size_t bytes = std::size_t{1} << 30;
        vm_address_t at = 0;
        MUST(vm_allocate(task_self(), &at, bytes, TRUE) == KERN_SUCCESS);
        const port_name_t back = new_port();
        const pid_t child = start([&] {
            const port_name_t own = new_port();
            MUST(send_right(left_by_parent(), 1, own) == SEND_SUCCESS);
            for (int round = 0; round < 100; ++round) {
                Parcel got;
                MUST(got.receive(own) == RCV_SUCCESS && got.part().bytes == bytes);
                got.part().at[bytes - 1] = static_cast<char>(round);
                got.header().msg_local_port = PORT_NULL;
                MUST(Parcel(got.header().msg_remote_port).data(got.part().at, bytes, true).send() == SEND_SUCCESS);
            }
        });
        const port_name_t there = receive(port).right;
        auto* mine = reinterpret_cast<char*>(at);
        for (int round = 0; round < 100; ++round) {
            Parcel call(there);
            call.data(mine, bytes, true);
            MUST(call.rpc(back) == RCV_SUCCESS && call.part().at == mine && mine[bytes - 1] == static_cast<char>(round));
        }
        MUST(ended_well(child));
        deallocate(mine, bytes);
        MUST((in_use() == InUse{}) && kernel().header().stock_pages <= kernel().header().most_stock_pages);
    }));
}

TEST(Moved, TheQuotaOfATaskIsNamedAndKeepsTheMessageInTheQueue) {
    EXPECT_TRUE(runs_well([] {
        setenv("UMACH_POOL", "4194304", 1);
        setenv("UMACH_TASK_MEMORY", "16384", 1);
        const port_name_t port = new_port();
        vm_address_t at = 0;
        MUST(vm_allocate(task_self(), &at, 8u << 20, TRUE) == KERN_RESOURCE_SHORTAGE);
        MUST(std::string(mach_error_detail()).find("pool has") != std::string::npos);
        MUST(vm_allocate(task_self(), &at, 5 * page, TRUE) == KERN_RESOURCE_SHORTAGE);
        MUST(std::string(mach_error_detail()).find("quota") != std::string::npos);
        char* mine = allocate(3 * page, 1);
        MUST(Parcel(port).data(mine, 2 * page).send() == SEND_SUCCESS);
        Parcel got;
        MUST(got.receive(port) == RCV_NOT_ENOUGH_MEMORY);
        deallocate(mine, 3 * page);
        MUST(got.receive(port) == RCV_SUCCESS && is_filled(got.part().at, 2 * page, 1));
    }));
}

}  // namespace
}  // namespace umach::tests
