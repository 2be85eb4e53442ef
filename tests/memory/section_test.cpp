// SPDX-License-Identifier: BSL-1.0
// Memory that several tasks have at once: a section, by the right to its memory object.
#include "section.hpp"

namespace umach::tests {
namespace {

// A task of another process that answers each message with the first byte of what it maps of the section it got, adds one to
// it, and ends when it has no section.
constexpr msg_id_t looks = 1, ends = 2;
pid_t start_mapper(port_name_t home, vm_prot_t protection = VM_PROT_DEFAULT) {
    leave_for_children(home);
    return start([protection] {
        const port_name_t own = new_port(), back = left_by_parent();
        MUST(send_right(back, looks, own) == SEND_SUCCESS);
        const Got got = receive(own);
        MUST(got.code == RCV_SUCCESS);
        char* mine = map(got.right, 2 * page, {.protection = protection});
        release(got.right);
        for (;;) {
            MUST(send_plain(back, mine[page]) == SEND_SUCCESS);
            if (receive(own, RCV_TIMEOUT, 60'000).id == ends) return;
            if ((protection & VM_PROT_WRITE) != 0) ++mine[page];
        }
    });
}

TEST(Section, BytesThatOneTaskWritesAreReadByAnotherUntilBothHaveUnmappedThem) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t home = new_port();
        const pid_t child = start_mapper(home);
        const port_name_t there = receive(home).right;
        const memory_object_t object = section(2 * page - 5);
        vm_size_t size = 0;
        vm_prot_t most = 0;
        MUST(memory_object_info(object, &size, &most) == KERN_SUCCESS && size == 2 * page && most == VM_PROT_ALL);
        char* mine = map(object, 2 * page);
        MUST(mine[0] == 0 && mine[2 * page - 1] == 0);
        mine[page] = 41;
        MUST(send_right(there, looks, object) == SEND_SUCCESS);
        MUST(receive(home).id == 41);
        MUST(send_plain(there, looks) == SEND_SUCCESS && receive(home).id == 42 && mine[page] == 42);
        release(object);
        MUST((in_use() == InUse{2, 1}));   // it is mapped here and there
        deallocate(mine, 2 * page);
        MUST((in_use() == InUse{2, 1}) && violations().empty());
        MUST(send_plain(there, ends) == SEND_SUCCESS && ended_well(child));
        MUST(becomes_true(nothing_is_left) && violations().empty());
    }));
}

TEST(Section, WhoHasARightToReadOnlyFaultsWhenItWritesAndCannotAllowItself) {
    EXPECT_TRUE(runs_well([] {
        const memory_object_t object = section(page), proxy = read_only(object);
        char* writer = map(object, page);
        char* reader = map(proxy, page, {.protection = VM_PROT_READ, .inheritance = VM_INHERIT_NONE});
        writer[7] = 3;
        MUST(reader[7] == 3 && reader != writer);
        MUST(vm_write(task_self(), address(reader), address(writer), 1) == KERN_INVALID_ADDRESS);
        MUST(vm_protect(task_self(), address(reader), page, FALSE, VM_PROT_DEFAULT) == KERN_PROTECTION_FAILURE);
        MUST(vm_protect(task_self(), address(reader), page, FALSE, VM_PROT_NONE) == KERN_SUCCESS);
        MUST(vm_protect(task_self(), address(reader), page, FALSE, VM_PROT_READ) == KERN_SUCCESS);
        vm_address_t at = 0;
        MUST(try_to_map(proxy, page, {.protection = VM_PROT_DEFAULT}, &at) == KERN_PROTECTION_FAILURE);
        MUST(std::string(mach_error_detail()).find("allows 0x1") != std::string::npos);
        memory_object_t more = MEMORY_OBJECT_NULL;
        MUST(memory_object_create_proxy(proxy, VM_PROT_DEFAULT, &more) == KERN_PROTECTION_FAILURE);
        MUST(memory_object_create_proxy(proxy, 64, &more) == KERN_INVALID_ARGUMENT);
        release(object);
        release(proxy);
        deallocate(writer, page);
        MUST((in_use() == InUse{1, 1}) && reader[7] == 3 && violations().empty());   // a proxy holds what it stands for
        deallocate(reader, page);
        MUST(nothing_is_left() && violations().empty());
    }));
}

TEST(Section, AWriteToWhatIsMappedForReadingIsAFault) {
    EXPECT_TRUE(runs_well([] {
        const pid_t child = start([] {
            const memory_object_t proxy = read_only(section(page));
            char* reader = map(proxy, page, {.protection = VM_PROT_READ});
            std::signal(SIGSEGV, [](int) { _exit(7); });
            *static_cast<volatile char*>(reader) = 1;
        });
        int status = 0;
        MUST(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7);
    }));
}

TEST(Section, ItOutlivesItsMakerAndNobodyElseGetsItsPagesAsLongAsSomebodyMapsThem) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t home = new_port();
        leave_for_children(home);
        const pid_t maker = start([] {
            const memory_object_t object = section(2 * page);
            fill(map(object, 2 * page), 2 * page, 5);
            MUST(send_right(left_by_parent(), looks, object) == SEND_SUCCESS);
            static_cast<void>(receive(new_port(), MSG_OPTION_NONE));
        });
        const memory_object_t object = receive(home).right;
        char* mine = map(object, 2 * page, {.protection = VM_PROT_READ});
        release(object);
        kill_and_reap(maker);
        MUST(becomes_true([] { return live_tasks() == 3; }));   // this one, the host's, and the name service's
        for (int i = 0; i < 20; ++i) std::memset(allocate(2 * page), 0x55, 2 * page);
        MUST(is_filled(mine, 2 * page, 5) && (in_use() == InUse{42, 21}) && violations().empty());
        deallocate(mine, 2 * page);
        MUST((in_use() == InUse{40, 20}) && violations().empty());
    }));
}

TEST(Section, ItGoesWithItsMakerWhoIsKilledWhenNobodyElseHasARight) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t home = new_port();
        leave_for_children(home);
        const pid_t maker = start([] {
            const memory_object_t object = section(9 * page);
            map(object, 9 * page);
            map(read_only(object), page, {.protection = VM_PROT_READ});
            MUST(send_plain(left_by_parent(), looks) == SEND_SUCCESS);
            static_cast<void>(receive(new_port(), MSG_OPTION_NONE));
        });
        MUST(receive(home).code == RCV_SUCCESS && (in_use() == InUse{9, 1}) && violations().empty());
        kill_and_reap(maker);
        MUST(becomes_true(nothing_is_left) && violations().empty());
    }));
}

TEST(Section, ARightOnItsWayHoldsItAndComesBackWithItsMessage) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t home = new_port();
        const memory_object_t object = section(page);
        MUST(send_right(home, looks, object) == SEND_SUCCESS);
        release(object);
        MUST((in_use() == InUse{1, 1}) && violations().empty());
        release(home);
        MUST(nothing_is_left() && violations().empty());
    }));
}

TEST(Section, ItIsMappedWhereAndAsFarAsOneAsks) {
    EXPECT_TRUE(runs_well([] {
        const memory_object_t object = section(8 * page);
        char* all = map(object, 8 * page);
        fill(all, 8 * page, 1);
        char* middle = map(object, 2 * page, {.offset = 3 * page, .at = 0x7b00'0000'0000});
        MUST(address(middle) == 0x7b00'0000'0000 && std::memcmp(middle, all + 3 * page, 2 * page) == 0);
        MUST(address(map(object, page, {.mask = (1u << 24) - 1})) % (1u << 24) == 0);
        vm_address_t at = 0;
        MUST(try_to_map(object, page, {.at = 0x7b00'0000'0000}, &at) == KERN_NO_SPACE);
        MUST(try_to_map(object, 2 * page, {.offset = 7 * page}, &at) == KERN_INVALID_ARGUMENT);
        MUST(std::string(mach_error_detail()).find("32 KiB") != std::string::npos);
        MUST(try_to_map(object, 0, {}, &at) == KERN_INVALID_ARGUMENT);
        MUST(try_to_map(object, page, {.offset = 5}, &at) == KERN_INVALID_ARGUMENT);
        MUST(try_to_map(object, page, {.mask = 5}, &at) == KERN_INVALID_ARGUMENT);
        MUST(try_to_map(task_self(), page, {}, &at) == KERN_INVALID_ARGUMENT);
        // its beginning and its end go, a hole changes nothing
        deallocate(all, page);
        deallocate(all + 7 * page, 1);
        deallocate(all + 3 * page, page);
        MUST(is_filled(all + page, 6 * page, 1 + static_cast<char>(page * 7 + 1)) && violations().empty());
        MUST(vm_deallocate(task_self(), address(all), page) == KERN_INVALID_ADDRESS);
        deallocate(all + page, 6 * page);
        MUST(violations().empty() && std::memcmp(middle, "\0", 1) != 0);
    }));
}

TEST(Section, WithoutAMemoryObjectVmMapGivesZerosOfTheTasksOwn) {
    EXPECT_TRUE(runs_well([] {
        char* mine = map(MEMORY_OBJECT_NULL, 3 * page, {.inheritance = VM_INHERIT_COPY});
        MUST(mine[0] == 0 && (in_use() == InUse{3, 1}));
        mine[0] = 1;
        deallocate(mine, 3 * page);
        char* fixed = map(MEMORY_OBJECT_NULL, page, {.protection = VM_PROT_READ, .at = 0x7b00'0000'0000});
        MUST(fixed[0] == 0 && faults(fixed, true));
        deallocate(fixed, page);
        MUST(nothing_is_left());
    }));
}

TEST(Section, AChildOfForkHasNothingOfAViewOrACopyAndNeverTheSame) {
    EXPECT_TRUE(runs_well([] {
        const memory_object_t object = section(page);
        char* none = map(object, page);
        char* copied = map(object, page, {.inheritance = VM_INHERIT_COPY});
        none[0] = 4;
        MUST(vm_inherit(task_self(), address(none), page, VM_INHERIT_SHARE) == KERN_INVALID_ARGUMENT);
        const pid_t child = fork();
        if (child == 0) {
            if (copied[0] != 4) _exit(1);
            copied[0] = 5;
            _exit(0);
        }
        int status = -1;
        MUST(waitpid(child, &status, 0) == child && status == 0 && none[0] == 4 && copied[0] == 4);
        MUST(faults(none, false) && !faults(copied, true));
        MUST(vm_inherit(task_self(), address(none), page, VM_INHERIT_COPY) == KERN_SUCCESS && !faults(none, true) && none[0] == 4);
        MUST(vm_inherit(task_self(), address(none), page, VM_INHERIT_NONE) == KERN_SUCCESS && faults(none, false));
        MUST(violations().empty());
    }));
}

TEST(Section, ItIsMappedIntoATaskOfAnotherProcessAndUnmappedThere) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t home = new_port();
        leave_for_children(home);
        const pid_t child = start([] {
            MUST(send_right(left_by_parent(), looks, task_self()) == SEND_SUCCESS);
            static_cast<void>(receive(new_port(), MSG_OPTION_NONE));
        });
        const task_t there = receive(home).right;
        const memory_object_t object = section(page);
        char* mine = map(object, page);
        std::strcpy(mine, "seen from here");
        const vm_address_t at = address(map(object, page, {.protection = VM_PROT_READ, .task = there}));
        pointer_t read = 0;
        unsigned count = 0;
        MUST(vm_read(there, at, 15, &read, &count) == KERN_SUCCESS && std::strcmp(reinterpret_cast<char*>(read), mine) == 0);
        MUST(vm_write(there, at, read, count) == KERN_INVALID_ADDRESS && violations().empty());
        MUST(vm_deallocate(there, at, page) == KERN_SUCCESS && vm_read(there, at, 1, &read, &count) == KERN_INVALID_ADDRESS);
        map(object, page, {.task = there});
        release(object);
        deallocate(mine, page);
        kill_and_reap(child);
        MUST(becomes_true([] { return kernel().zone(ports::zone_views).fresh() - 1 == kernel().zone(ports::zone_views).on_free_list(); }));
        MUST(violations().empty());
    }));
}

TEST(Section, ATaskThatIsTerminatedInALivingProcessLeavesNoViewBehind) {
    EXPECT_TRUE(runs_well([] {
        task_t second = TASK_NULL;
        MUST(task_create(task_self(), FALSE, &second) == KERN_SUCCESS);
        const memory_object_t object = section(page);
        char* its = map(object, page, {.task = second});
        release(object);
        its[0] = 1;
        MUST((in_use() == InUse{1, 1}) && violations().empty());
        MUST(task_terminate(second) == KERN_SUCCESS);
        MUST(becomes_true([] { return live_tasks() == 2; }));
        MUST(nothing_is_left() && faults(its, false) && violations().empty());
    }));
}

TEST(Section, DataInAViewIsCopiedWhenItIsSentAndTheDeallocateBitUnmapsIt) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        const memory_object_t object = section(2 * page);
        char* mine = map(object, 2 * page);
        fill(mine, 2 * page, 9);
        MUST(Parcel(port).data(mine, 2 * page, true).send() == SEND_SUCCESS);
        MUST(faults(mine, false));
        Parcel got;
        MUST(got.receive(port) == RCV_SUCCESS && is_filled(got.part().at, 2 * page, 9));
        deallocate(got.part().at, 2 * page);
        char* again = map(object, 2 * page);
        MUST(is_filled(again, 2 * page, 9));
        deallocate(again, 2 * page);
        release(object);
        MUST(nothing_is_left() && violations().empty());
    }));
}

TEST(Section, TheQuotaOfItsMakerCountsItAsLongAsBothAreThere) {
    EXPECT_TRUE(runs_well([] {
        setenv("UMACH_TASK_MEMORY", "65536", 1);
        const memory_object_t object = section(10 * page);
        memory_object_t more = MEMORY_OBJECT_NULL;
        MUST(memory_object_create(task_self(), 7 * page, &more) == KERN_RESOURCE_SHORTAGE);
        MUST(std::string(mach_error_detail()).find("64 KiB of memory in regions") != std::string::npos);
        map(object, 10 * page);
        map(object, 10 * page);   // of the same memory
        release(section(6 * page));
        allocate(6 * page);
        vm_address_t at = 0;
        MUST(vm_allocate(task_self(), &at, 1, TRUE) == KERN_RESOURCE_SHORTAGE && violations().empty());
        MUST(memory_object_create(task_self(), 0, &more) == KERN_INVALID_ARGUMENT);
        MUST(memory_object_create(new_port(), page, &more) == KERN_INVALID_ARGUMENT);
    }));
}

}  // namespace
}  // namespace umach::tests
