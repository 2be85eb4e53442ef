// SPDX-License-Identifier: BSL-1.0
// Memory that is changed while a message waits with it, that is protected or shared, and that one process copies for
// another that dies meanwhile.
#include "parcel.hpp"

#include "ports/calls.hpp"
#include "ports/memory.hpp"
#include "tasks/address_space.hpp"

#include <sys/mman.h>
#include <sys/wait.h>
#include <csignal>
#include <thread>

namespace umach::tests {
namespace {

vm_address_t address(const void* at) { return reinterpret_cast<vm_address_t>(at); }

void fill_queue(port_name_t port) {
    for (int i = 0; i < 8; ++i) MUST(send_plain(port, i) == SEND_SUCCESS);
}

// What a thread's send, which waits for room with a region of two pages, comes to when the region is changed meanwhile.
msg_return_t send_of_changed(const std::function<void(char*)>& change) {
    const port_name_t port = new_port();
    fill_queue(port);
    char* mine = allocate(2 * page, 4);
    msg_return_t code = SEND_SUCCESS;
    std::thread sender([&] { code = Parcel(port).data(mine, 2 * page, true).send(); });
    MUST(becomes_true([] { return waits(getpid(), ports::WaitKind::send); }));
    change(mine);
    for (int i = 0; i < 8; ++i) MUST(receive(port).id == i);
    sender.join();
    MUST(violations().empty());
    return code;
}

TEST(MemoryChanged, ARegionThatIsCutShortWhileItsMessageWaitsDoesNotMove) {
    EXPECT_TRUE(runs_well([] {
        const auto cut = [](char* mine) { deallocate(mine + page, page); };
        MUST(send_of_changed(cut) == SEND_INVALID_MEMORY && (in_use() == InUse{1, 1}));
    }));
}

TEST(MemoryChanged, ARegionThatIsSharedWhileItsMessageWaitsDoesNotMove) {
    EXPECT_TRUE(runs_well([] {
        const auto share = [](char* mine) { MUST(vm_inherit(task_self(), address(mine), page, VM_INHERIT_SHARE) == KERN_SUCCESS); };
        MUST(send_of_changed(share) == SEND_INVALID_MEMORY);
    }));
}

TEST(MemoryChanged, ProtectedMemoryIsCopiedWhenItIsSentAndItsAddressesComeBackWhole) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        char* mine = allocate(2 * page, 4);
        MUST(vm_protect(task_self(), address(mine), page, FALSE, VM_PROT_READ) == KERN_SUCCESS);
        MUST(Parcel(port).data(mine, 2 * page, true).send() == SEND_SUCCESS);
        Parcel got;
        MUST(got.receive(port) == RCV_SUCCESS && got.part().at != mine && is_filled(got.part().at, 2 * page, 4));
        deallocate(got.part().at, 2 * page);
        MUST((in_use() == InUse{}));
        for (int i = 0; i < 4; ++i) fill(allocate(2 * page), 2 * page, 1);   // among them that one's addresses
        MUST(violations().empty());
    }));
}

TEST(MemoryChanged, DeallocatingAPartOfSharedMemoryLeavesTheRestAsItIs) {
    EXPECT_TRUE(runs_well([] {
        char* mine = allocate(2 * page, 4);
        MUST(vm_inherit(task_self(), address(mine), 2 * page, VM_INHERIT_SHARE) == KERN_SUCCESS);
        fill(mine, page, 77);
        deallocate(mine + page, page);
        MUST(is_filled(mine, page, 77));
        MUST(vm_deallocate(task_self(), address(mine), 5 * page) == KERN_INVALID_ADDRESS);
    }));
}

TEST(MemoryChanged, SharedFileMemoryStaysTheFilesWhenItIsSaidToBeShared) {
    EXPECT_TRUE(runs_well([] {
        const int file = memfd_create("file", 0);
        MUST(file >= 0 && ftruncate(file, page) == 0);
        auto* at = static_cast<char*>(mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
        MUST(vm_inherit(task_self(), address(at), page, VM_INHERIT_SHARE) == KERN_SUCCESS);
        at[5] = 'x';
        char read = 0;
        MUST(pread(file, &read, 1, 5) == 1 && read == 'x');
    }));
}

TEST(MemoryChanged, ARangeOverSeveralRegionsGoesAndOneThatRunsIntoThePoolFromOutsideDoesNot) {
    EXPECT_TRUE(runs_well([] {
        char* first = allocate(16 * page);
        char* second = allocate(16 * page);
        if (second < first) std::swap(first, second);
        MUST(second == first + 16 * page && vm_deallocate(task_self(), address(first), 32 * page) == KERN_SUCCESS);
        MUST((in_use() == InUse{}));
        const auto base = reinterpret_cast<std::uint64_t>(kernel().pool().base());
        MUST(vm_deallocate(task_self(), base - page, 2 * page) == KERN_INVALID_ADDRESS);
        const std::uint64_t end = base + kernel().pool().bytes();
        MUST(vm_deallocate(task_self(), end - page, 2 * page) == KERN_INVALID_ADDRESS);
        char* still = allocate(page, 1);
        MUST(is_filled(still, page, 1) && violations().empty());
    }));
}

TEST(MemoryChanged, WhatOverlapsIsCopiedRight) {
    EXPECT_TRUE(runs_well([] {
        char text[] = "abcdefghij";
        MUST(vm_copy(task_self(), address(text), 8, address(text + 2)) == KERN_SUCCESS && std::string_view(text) == "ababcdefgh");
        char* two = static_cast<char*>(mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        MUST(munmap(two + page, page) == 0);
        char* to = allocate(2 * page, 9);
        MUST(vm_copy(task_self(), address(two), page + 1, address(to)) == KERN_INVALID_ADDRESS && is_filled(to, 2 * page, 9));
        pointer_t data = 0;
        unsigned number = 0;
        MUST(vm_read(task_self(), 0, std::size_t{1} << 32, &data, &number) == KERN_INVALID_ARGUMENT);
        MUST(vm_write(task_self(), address(to), address(two), 0xffff'ffff) != KERN_SUCCESS && is_filled(to, 2 * page, 9));
        MUST((in_use() == InUse{2, 1}));
    }));
}

struct Other {
    pid_t pid;
    task_t task;
};

Other start_other() {
    const port_name_t home = new_port();
    leave_for_children(home);
    const pid_t pid = start([] {
        MUST(send_right(left_by_parent(), 1, task_self()) == SEND_SUCCESS);
        static_cast<void>(receive(new_port(), MSG_OPTION_NONE));
    });
    return {pid, static_cast<task_t>(receive(home).right)};
}

// Who asks dies again and again while the other copies; what a third has meanwhile stays as it is.
TEST(MemoryChanged, WhoDiesWhileAnotherProcessCopiesForItSpoilsNobodysMemory) {
    EXPECT_TRUE(runs_well([] {
        constexpr std::size_t bytes = 2'000'000;
        const Other other = start_other();
        vm_address_t there = 0;
        MUST(vm_allocate(other.task, &there, bytes, TRUE) == KERN_SUCCESS);
        const port_name_t home = new_port();
        leave_for_children(home);
        const auto process = static_cast<std::uint32_t>(kernel().task(ports::task_of_name(tasks::Trap().caller(), other.task).index).process.get());
        const auto is_copying = [&] {
            return kernel().process(process).service.state.load() == static_cast<std::uint64_t>(ports::OrderState::running);
        };
        int copies_cut = 0;
        for (int kill = 0; kill < 40; ++kill) {
            const pid_t asker = start([&] {
                const port_name_t answers = new_port();
                MUST(send_right(left_by_parent(), 1, answers) == SEND_SUCCESS);
                const auto task = static_cast<task_t>(receive(answers).right);
                for (pointer_t data = 0;;) {
                    unsigned number = 0;
                    MUST(vm_read(task, there, bytes, &data, &number) == KERN_SUCCESS && vm_deallocate(task_self(), data, number) == KERN_SUCCESS);
                }
            });
            MUST(send_right(static_cast<port_name_t>(receive(home).right), 1, other.task) == SEND_SUCCESS);
            // A copy is not always seen in time on a busy machine.
            const auto until = runtime::Deadline::in(std::chrono::milliseconds(500));
            while (!is_copying() && !until.passed()) sched_yield();
            copies_cut += is_copying() ? 1 : 0;
            kill_and_reap(asker);
            char* mine = allocate(bytes, 7);
            MUST(is_filled(mine, bytes, 7));
            deallocate(mine, bytes);
        }
        kill_and_reap(other.pid);
        MUST(copies_cut >= 10);
        MUST((becomes_true([] { return in_use() == InUse{}; })) && violations().empty());
    }));
}

TEST(MemoryChanged, AnOrderForATaskThatHasEndedIsRefusedThoughItsRecordIsAnothers) {
    EXPECT_TRUE(runs_well([] {
        char text[8] = "before";
        tasks::Trap trap;
        const ports::TaskRef own = trap.caller().task;
        tasks::MemoryWords words{address(text), 6, 0};
        const ports::TaskRef stale{own.index, own.generation + 1};
        MUST(tasks::change_memory(trap.caller(), stale, tasks::MemoryCall::deallocate, words) == KERN_INVALID_ARGUMENT);
        MUST(tasks::change_memory_of(trap.caller(), stale, tasks::MemoryCall::deallocate, words) == KERN_INVALID_ARGUMENT);
    }));
}

}  // namespace
}  // namespace umach::tests
