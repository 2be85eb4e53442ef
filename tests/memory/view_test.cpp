// SPDX-License-Identifier: BSL-1.0
// What a view of a section is: what vm_region tells of it, and the copy that is written to.
#include "section.hpp"

#include <sys/prctl.h>

namespace umach::tests {
namespace {

// What vm_region tells of an address.
struct Told {
    vm_address_t at = 0;
    vm_size_t size = 0;
    vm_prot_t now = 0, most = 0;
    vm_inherit_t inheritance = VM_INHERIT_SHARE;
    boolean_t shared = FALSE;
    memory_object_t object = MEMORY_OBJECT_NULL;
    vm_offset_t offset = 0;
};
Told told_of(const char* at, task_t task = task_self()) {
    Told t{.at = address(at)};
    MUST(vm_region(task, &t.at, &t.size, &t.now, &t.most, &t.inheritance, &t.shared, &t.object, &t.offset) == KERN_SUCCESS);
    return t;
}

TEST(View, VmRegionTellsThatItIsSharedAndWhatMayBeDone) {
    EXPECT_TRUE(runs_well([] {
        const memory_object_t object = section(4 * page);
        char* mine = map(object, 2 * page, {.protection = VM_PROT_READ, .offset = page});
        const Told told = told_of(mine + 5);
        MUST(told.at == address(mine) && told.size == 2 * page && told.now == VM_PROT_READ && told.most == VM_PROT_ALL);
        MUST(told.inheritance == VM_INHERIT_NONE && told.shared);
        MUST(vm_protect(task_self(), told.at, page, FALSE, VM_PROT_DEFAULT) == KERN_SUCCESS);
        MUST(told_of(mine).now == VM_PROT_DEFAULT);
    }));
}

TEST(View, VmRegionGivesARightToTheObjectByWhichAnotherTaskMapsTheSameMemory) {
    EXPECT_TRUE(runs_well([] {
        task_t second = TASK_NULL;
        MUST(task_create(task_self(), FALSE, &second) == KERN_SUCCESS);
        const memory_object_t object = section(4 * page), proxy = read_only(object);
        char* mine = map(object, page, {.offset = 2 * page});
        const char* shown = map(proxy, page, {.protection = VM_PROT_READ, .task = second});
        release(object);
        release(proxy);
        mine[1] = 8;
        const Told own = told_of(mine), its = told_of(shown, second);
        MUST(own.offset == 2 * page && its.offset == 0 && its.object != own.object);
        char* again = map(own.object, page, {.offset = own.offset});
        MUST(again[1] == 8);
        vm_address_t at = 0;
        MUST(try_to_map(its.object, page, {.protection = VM_PROT_DEFAULT}, &at) == KERN_PROTECTION_FAILURE);
        char* region = allocate(page);
        const Told none = told_of(region), stack = told_of(reinterpret_cast<const char*>(&at));
        MUST(none.object == MEMORY_OBJECT_NULL && none.offset == 0 && stack.object == MEMORY_OBJECT_NULL && stack.offset == 0);
        for (char* gone : {mine, again, region}) deallocate(gone, page);
        MUST(vm_deallocate(second, address(shown), page) == KERN_SUCCESS && (in_use() == InUse{4, 1}));   // the rights hold it
        release(own.object);
        release(its.object);
        MUST(nothing_is_left() && violations().empty());
    }));
}

TEST(View, ACopyThatIsWrittenToIsTheTasksOwnAndTheObjectDoesNotSeeIt) {
    EXPECT_TRUE(runs_well([] {
        const memory_object_t object = section(3 * page);
        char* shared = map(object, 3 * page);
        fill(shared, 3 * page, 2);
        char* first = map(object, 3 * page, {.copy = TRUE});
        char* second = map(read_only(object), page, {.offset = page, .copy = TRUE});   // who may read may have a copy to write to
        MUST(std::memcmp(first, shared, 3 * page) == 0 && std::memcmp(second, shared + page, page) == 0);
        std::memset(first, 7, page);
        std::memset(second, 8, page);
        MUST(is_filled(shared, 3 * page, 2) && std::memcmp(first + page, shared + page, 2 * page) == 0);
        shared[0] = shared[page] = 9;
        MUST(first[0] == 7 && second[0] == 8);   // nor do they see what is written to the object where they have written
        const Told told = told_of(first);
        MUST(!told.shared && told.most == VM_PROT_ALL && told.object == object && violations().empty());
        release(told.object);
    }));
}

TEST(View, ACopyIsProtectedReadWrittenSentAndGivenBackAsOtherMemory) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t port = new_port();
        const memory_object_t object = section(2 * page);
        fill(map(object, 2 * page), 2 * page, 3);
        char* copy = map(object, 2 * page, {.protection = VM_PROT_READ, .copy = TRUE});
        release(object);
        const char was = copy[5], byte = 77;
        const auto write = [&](char* to) { return vm_write(task_self(), address(to), reinterpret_cast<pointer_t>(&byte), 1); };
        MUST(write(copy + 5) == KERN_INVALID_ADDRESS);
        MUST(vm_protect(task_self(), address(copy), page, FALSE, VM_PROT_DEFAULT) == KERN_SUCCESS);
        MUST(write(copy + 5) == KERN_SUCCESS && copy[5] == 77 && write(copy + page) == KERN_INVALID_ADDRESS);
        MUST(Parcel(port).data(copy, 2 * page, true).send() == SEND_SUCCESS);
        MUST(vm_protect(task_self(), address(copy), page, FALSE, VM_PROT_READ) == KERN_INVALID_ADDRESS);   // it is unmapped
        Parcel got;
        MUST(got.receive(port) == RCV_SUCCESS && got.part().at[5] == 77 && violations().empty());
        got.part().at[5] = was;
        MUST(is_filled(got.part().at, 2 * page, 3));
        deallocate(got.part().at, 2 * page);
    }));
}

TEST(View, AChildOfForkHasWhatIsInACopyAlsoWhereItMayNotBeRead) {
    EXPECT_TRUE(runs_well([] {
        const memory_object_t object = section(2 * page);
        char* copy = map(object, 2 * page, {.inheritance = VM_INHERIT_COPY, .copy = TRUE});
        char* none = map(object, page, {.inheritance = VM_INHERIT_NONE, .copy = TRUE});
        copy[0] = 4;
        copy[page] = 5;
        for (const int dumpable : {1, 0}) {
            MUST(vm_protect(task_self(), address(copy) + page, page, FALSE, dumpable != 0 ? VM_PROT_NONE : VM_PROT_READ) == KERN_SUCCESS);
            MUST(prctl(PR_SET_DUMPABLE, dumpable) == 0 && faults(none, false));
            const pid_t child = fork();
            if (child == 0) {
                const bool fits = copy[0] == 4 && copy[page] == 5;
                copy[0] = 6;
                _exit(fits ? 0 : 1);
            }
            int status = -1;
            MUST(waitpid(child, &status, 0) == child && status == 0 && copy[0] == 4);
        }
        MUST(violations().empty());
    }));
}

TEST(View, ACopyHoldsThePagesThatNobodyElseHasUntilItIsUnmappedOrItsProcessIsKilled) {
    EXPECT_TRUE(runs_well([] {
        const port_name_t home = new_port();
        leave_for_children(home);
        const pid_t child = start([] {
            const memory_object_t object = section(2 * page);
            char* shared = map(object, 2 * page);
            fill(shared, 2 * page, 6);
            char* copy = map(object, 2 * page, {.copy = TRUE});
            copy[0] = 1;
            deallocate(shared, 2 * page);
            release(object);
            std::memset(allocate(2 * page), 0x55, 2 * page);
            copy[0] = 6;
            MUST(is_filled(copy, 2 * page, 6));
            MUST(send_plain(left_by_parent(), 1) == SEND_SUCCESS);
            static_cast<void>(receive(new_port(), MSG_OPTION_NONE));
        });
        MUST(receive(home).code == RCV_SUCCESS && (in_use() == InUse{4, 2}) && violations().empty());
        kill_and_reap(child);
        MUST(becomes_true(nothing_is_left) && violations().empty());
    }));
}

}  // namespace
}  // namespace umach::tests
