// SPDX-License-Identifier: BSL-1.0
// Out-of-line data that is copied: the receiver sees what the sender had when it sent.
#include "section.hpp"

#include <sys/mman.h>
#include <atomic>
#include <thread>

namespace umach::tests {
namespace {

struct Kind {
    const char* name;
    char* (*make)(std::size_t bytes);
};

char* heap(std::size_t bytes) { return static_cast<char*>(std::malloc(bytes)); }
char* region(std::size_t bytes) { return allocate(bytes); }
char* mapped_file(std::size_t bytes) {
    std::FILE* file = std::tmpfile();   // without a name, so that nothing can stay behind
    MUST(file != nullptr && ftruncate(fileno(file), static_cast<off_t>(bytes)) == 0);
    void* at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
    MUST(at != MAP_FAILED && std::fclose(file) == 0);
    return static_cast<char*>(at);
}
char* shared_pages(std::size_t bytes) {
    void* at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    MUST(at != MAP_FAILED);
    return static_cast<char*>(at);
}

char* view_of_section(std::size_t bytes, boolean_t copy) {
    const memory_object_t object = section(bytes);
    char* at = map(object, bytes, {.inheritance = VM_INHERIT_COPY, .copy = copy});
    release(object);
    return at;
}
char* view(std::size_t bytes) { return view_of_section(bytes, FALSE); }
char* copy_of_section(std::size_t bytes) { return view_of_section(bytes, TRUE); }

class SnapshotOf : public ::testing::TestWithParam<Kind> {};

TEST_P(SnapshotOf, WhatIsWrittenAfterTheSendIsNotSeenByTheOther) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        for (const std::size_t bytes : {std::size_t{1}, std::size_t{100}, page, 3 * page + 17, std::size_t{1} << 20}) {
            char* mine = GetParam().make(bytes + 100);
            fill(mine + 33, bytes, 5);
            MUST(Parcel(port).data(mine + 33, bytes).send() == SEND_SUCCESS);
            std::memset(mine, 0x55, bytes + 100);
            Parcel got;
            MUST(got.receive(port) == RCV_SUCCESS);
            const Parcel::Part part = got.part();
            MUST(!part.in_line && part.bytes == bytes && is_filled(part.at, bytes, 5));
            MUST(reinterpret_cast<std::uintptr_t>(part.at) % page == reinterpret_cast<std::uintptr_t>(mine + 33) % page);
            std::memset(part.at, 0x66, bytes);
            for (std::size_t i = 0; i < bytes + 100; ++i) MUST(mine[i] == 0x55);
            deallocate(part.at, bytes);
        }
        MUST(violations().empty());
    }));
}

TEST_P(SnapshotOf, AnotherProcessSeesItAfterItsSenderHasDied) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        leave_for_children(port);
        const pid_t child = start([&] {
            char* mine = GetParam().make(300'000);
            fill(mine, 300'000, 9);
            MUST(Parcel(left_by_parent()).data(mine, 300'000).send() == SEND_SUCCESS);
        });
        MUST(ended_well(child));
        Parcel got;
        MUST(got.receive(port) == RCV_SUCCESS && is_filled(got.part().at, 300'000, 9));
        deallocate(got.part().at, 300'000);
        MUST((becomes_true([] { return in_use() == InUse{}; })) && violations().empty());
    }));
}

TEST_P(SnapshotOf, AThreadThatWritesDuringTheSendChangesEachByteOnlyBeforeItIsCopied) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        constexpr std::size_t bytes = 64 * page;
        char* mine = GetParam().make(bytes);
        std::memset(mine, 0, bytes);
        std::atomic<bool> over{false};
        std::thread writer([&] { for (char value = 1; !over.load(); ++value) std::memset(mine, value, bytes); });
        for (int round = 0; round < 20; ++round) {
            MUST(Parcel(port).data(mine, bytes).send() == SEND_SUCCESS);
            Parcel got;
            MUST(got.receive(port) == RCV_SUCCESS);
            const std::vector<char> first(got.part().at, got.part().at + bytes);
            for (int look = 0; look < 3; ++look) MUST(std::memcmp(first.data(), got.part().at, bytes) == 0);
            deallocate(got.part().at, bytes);
        }
        over.store(true);
        writer.join();
    }));
}

TEST_P(SnapshotOf, AChildOfForkThatWritesChangesNeitherWhatIsOnItsWayNorWhatHasArrived) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        constexpr std::size_t bytes = 300'000;
        const auto child_writes_to = [](char* at) {
            const pid_t child = fork();
            if (child == 0) {
                std::memset(at, 0x55, bytes);
                _exit(0);
            }
            int status = -1;
            MUST(waitpid(child, &status, 0) == child && status == 0);
        };
        char* mine = GetParam().make(bytes);
        fill(mine, bytes, 3);
        MUST(Parcel(port).data(mine, bytes).send() == SEND_SUCCESS);
        child_writes_to(mine);
        Parcel got;
        MUST(got.receive(port) == RCV_SUCCESS && is_filled(got.part().at, bytes, 3));
        child_writes_to(got.part().at);
        MUST(is_filled(got.part().at, bytes, 3) && violations().empty());
    }));
}

INSTANTIATE_TEST_SUITE_P(Memory, SnapshotOf,
                         ::testing::Values(Kind{"Heap", heap}, Kind{"Region", region}, Kind{"MappedFile", mapped_file},
                                           Kind{"SharedPages", shared_pages}, Kind{"View", view}, Kind{"CopyOfASection", copy_of_section}),
                         [](const auto& kind) { return kind.param.name; });

TEST(Snapshot, DataOnTheStackAndNextToInLineItemsArrivesInItsPlace) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        char stack[10'000];
        fill(stack, sizeof stack, 1);
        MUST(Parcel(port, 7).in_line("before").data(stack + 5, 9'000).in_line("between").data(stack, 3).in_line("x").send() == SEND_SUCCESS);
        Parcel got;
        MUST(got.receive(port) == RCV_SUCCESS && got.header().msg_id == 7 && got.header().msg_simple == 0);
        const auto parts = got.parts();
        MUST(parts.size() == 5 && std::memcmp(parts[0].at, "before", 6) == 0 && std::memcmp(parts[2].at, "between", 7) == 0);
        MUST(std::memcmp(parts[1].at, stack + 5, 9'000) == 0 && std::memcmp(parts[3].at, stack, 3) == 0 && parts[4].in_line);
        deallocate(parts[1].at, parts[1].bytes);
        deallocate(parts[3].at, parts[3].bytes);
        MUST((in_use() == InUse{}));
    }));
}

TEST(Snapshot, NothingOfWhatOthersLeftInMemoryIsSeenAroundTheData) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        for (int round = 0; round < 3; ++round) {
            char* left = allocate(5 * page);
            std::memset(left, 0x77, 5 * page);
            deallocate(left, 5 * page);
            char text[200] = "short";
            MUST(Parcel(port).data(text, sizeof text).send() == SEND_SUCCESS);
            Parcel got;
            MUST(got.receive(port) == RCV_SUCCESS);
            char* at = got.part().at;
            auto* first = reinterpret_cast<char*>(reinterpret_cast<std::uintptr_t>(at) & ~(page - 1));
            for (char* byte = first; byte < first + page; ++byte) MUST((byte >= at && byte < at + sizeof text) || *byte == 0);
            deallocate(at, sizeof text);
            vm_address_t zeroed = 0;
            MUST(vm_allocate(task_self(), &zeroed, 5 * page, TRUE) == KERN_SUCCESS);
            for (std::size_t i = 0; i < 5 * page; ++i) MUST(reinterpret_cast<char*>(zeroed)[i] == 0);
            deallocate(reinterpret_cast<char*>(zeroed), 5 * page);
        }
    }));
}

TEST(Snapshot, DataThatLiesInPagesOfTheStockAndInNewOnesArrivesWhole) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        std::vector<char> data(16 * page);
        fill(data.data(), data.size(), 4);
        for (const std::size_t had : {std::size_t{0}, std::size_t{1}, std::size_t{5}, std::size_t{11}}) {
            if (had != 0) deallocate(allocate(had * page, 1), had * page);
            MUST(Parcel(port).data(data.data() + 7, 11 * page).send() == SEND_SUCCESS);
            Parcel got;
            MUST(got.receive(port) == RCV_SUCCESS && std::memcmp(got.part().at, data.data() + 7, 11 * page) == 0);
            kernel().header().most_stock_pages.put(0);   // the next begins with what it allocates
            deallocate(got.part().at, 11 * page);
            MUST(kernel().header().stock_pages == 0);
            kernel().header().most_stock_pages.put(1000);
        }
    }));
}

TEST(Snapshot, ZeroBytesHaveNoPointerAndNeedNone) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        MUST(Parcel(port).data(reinterpret_cast<void*>(0x10), 0).send() == SEND_SUCCESS);
        Parcel got;
        MUST(got.receive(port) == RCV_SUCCESS && got.part().at == nullptr && got.part().bytes == 0 && got.header().msg_simple == 0);
    }));
}

TEST(Snapshot, MemoryThatCannotBeReadIsInvalidMemoryAndNothingIsTaken) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        char* two = static_cast<char*>(mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        MUST(munmap(two + page, page) == 0);
        char* whole = allocate(page, 3);
        MUST(Parcel(port).data(whole, page, true).data(two, page + 1).send() == SEND_INVALID_MEMORY);
        MUST(Parcel(port).data(whole, page, true).data(nullptr, 5).send() == SEND_INVALID_MEMORY);
        MUST(std::string(mach_error_detail()).find("out-of-line") != std::string::npos);
        const auto* wild = reinterpret_cast<const void*>(~std::uintptr_t{0} - page);   // nor is so much memory looked for
        MUST(Parcel(port).data(wild, 0xffff'ffff).send() == SEND_INVALID_MEMORY);
        MUST(is_filled(whole, page, 3));
        deallocate(whole, page);
        MUST((in_use() == InUse{}) && violations().empty());
    }));
}

TEST(Snapshot, RightsInAnArrayOutOfLineArriveUnderTheReceiversNames) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        leave_for_children(port);
        const pid_t child = start([&] {
            port_t names[40];
            for (port_t& name : names) name = new_port();
            MUST(Parcel(left_by_parent()).names(names, 40, MSG_TYPE_PORT_ALL).in_line("and more").send() == SEND_SUCCESS);
            static_cast<void>(receive(new_port(), MSG_OPTION_NONE));
        });
        Parcel got;
        MUST(got.receive(port) == RCV_SUCCESS && got.part().bytes == 160 && got.part().code == MSG_TYPE_PORT_ALL);
        const auto* names = reinterpret_cast<const port_t*>(got.part().at);
        for (int i = 0; i < 40; ++i) {
            MUST(send_plain(names[i], i) == SEND_SUCCESS && receive(names[i]).id == i);
            MUST(port_deallocate(task_self(), names[i]) == KERN_SUCCESS);
        }
        deallocate(names, 160);
        kill_and_reap(child);
        MUST(violations().empty());
    }));
}

TEST(Snapshot, MoreThan64RightsAndItemsAreRefused) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        std::vector<port_t> names(64, port);
        MUST(Parcel(port).names(names.data(), 64).send() == SEND_KERNEL_REFUSED);
        MUST(Parcel(port).names(names.data(), 63).send() == SEND_SUCCESS);
        Parcel many(port);
        for (int i = 0; i < 64; ++i) many.data(names.data(), 4);
        MUST(many.send() == SEND_SUCCESS);
        many = Parcel(port);
        for (int i = 0; i < 65; ++i) many.data(names.data(), 4);
        MUST(many.send() == SEND_KERNEL_REFUSED && violations().empty());
    }));
}

}  // namespace
}  // namespace umach::tests
