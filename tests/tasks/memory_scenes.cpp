// SPDX-License-Identifier: BSL-1.0
// Scenes of the calls on memory.
#include "stage.hpp"

#include "tasks/kernel/memory_calls.hpp"
#include "tasks/kernel/memory_object_calls.hpp"

#include <unistd.h>
#include <cstring>

namespace umach::tests {
namespace {

// vm_allocate reads and writes its address: as a function of an address in and an address out.
kern_return_t allocate(vm_task_t task, std::uint64_t asked, std::uint64_t size, boolean_t anywhere,
                       std::uint64_t* address) {
    vm_address_t at = asked;
    const kern_return_t code = vm_allocate(task, &at, size, anywhere);
    *address = at;
    return code;
}

constexpr std::uint64_t page = 4096;

template <class T>
std::uint64_t address_of(T* at) { return reinterpret_cast<std::uint64_t>(at); }

bool is_writable(std::uint64_t address) {
    int ends[2];
    MUST(pipe(ends) == 0 && ::write(ends[1], "x", 1) == 1);
    const bool writable = ::read(ends[0], reinterpret_cast<void*>(address), 1) == 1;   // the system looks
    close(ends[0]);
    close(ends[1]);
    return writable;
}

kern_return_t inherit(vm_task_t task, std::uint64_t address, std::uint64_t size, int inheritance) {
    return vm_inherit(task, address, size, static_cast<vm_inherit_t>(inheritance));
}

kern_return_t write(vm_task_t task, std::uint64_t address, std::byte* data, unsigned number) {
    return vm_write(task, address, reinterpret_cast<pointer_t>(data), number);
}

kern_return_t region(vm_task_t task, std::uint64_t asked, std::uint64_t* address, std::uint64_t* size, int* protection, int* most,
                     int* inheritance, boolean_t* shared, memory_object_t* object, std::uint64_t* offset) {
    vm_inherit_t inherited = 0;
    *address = asked;
    const kern_return_t code = vm_region(task, address, size, protection, most, &inherited, shared, object, offset);
    *inheritance = static_cast<int>(inherited);
    return code;
}

kern_return_t map(vm_task_t task, std::uint64_t asked, std::uint64_t size, std::uint64_t mask, boolean_t anywhere, memory_object_t object,
                  std::uint64_t offset, boolean_t copy, int protection, int most, int inheritance, std::uint64_t* address) {
    vm_address_t at = asked;
    const kern_return_t code =
        vm_map(task, &at, size, mask, anywhere, object, offset, copy, protection, most, static_cast<vm_inherit_t>(inheritance));
    *address = at;
    return code;
}

// The bytes of a section's size, and what it allows.
kern_return_t info(memory_object_t object, std::uint64_t* size, int* protection) {
    vm_size_t bytes = 0;
    const kern_return_t code = memory_object_info(object, &bytes, protection);
    *size = bytes;
    return code;
}

memory_object_t section(std::size_t bytes) {
    memory_object_t object = MEMORY_OBJECT_NULL;
    MUST(memory_object_create(task_self(), bytes, &object) == KERN_SUCCESS);
    return object;
}

std::uint64_t map_scene(Stage& stage, task_t task, port_t object, std::uint64_t size, int protection, std::uint64_t at = 0) {
    const auto [address] = stage.ask<calls::vm_map, map>(task, Word{at}, Word{size}, Word{0}, Bool{at == 0 ? TRUE : FALSE}, Port{object}, Word{0}, Bool{FALSE},
                                                         Int{protection}, Int{VM_PROT_ALL}, Int{VM_INHERIT_COPY});
    return address.value;
}

kern_return_t statistics(vm_task_t task, int** array, unsigned* number) {
    vm_address_t at = 0;
    MUST(vm_allocate(task_self(), &at, sizeof(vm_statistics_data_t), TRUE) == KERN_SUCCESS);
    *array = reinterpret_cast<int*>(at);
    *number = VM_STATISTICS_COUNT;
    const kern_return_t code = vm_statistics(task, reinterpret_cast<vm_statistics_data_t*>(at));
    MUST(code != KERN_SUCCESS || (*array)[0] == 4096);
    return code;
}

}  // namespace

const std::vector<Scene> memory_scenes = {
    {"vm_allocate", "GivesPagesOfTheCallersOwn",
     [](Stage& stage) {
         const auto [at] =
             stage.ask<calls::vm_allocate, allocate>(stage.self(), Word{0}, Word{5000}, Bool{TRUE});
         auto* bytes = reinterpret_cast<char*>(at.value);
         MUST(at.value % 4096 == 0 && bytes[0] == 0 && bytes[8191] == 0);
         bytes[8191] = 1;
         stage.ask<calls::vm_allocate, allocate>(stage.self(), Word{at.value + 4096}, Word{1}, Bool{FALSE});
         MUST(vm_deallocate(task_self(), at.value, 8192) == KERN_SUCCESS);
         stage.ask<calls::vm_allocate, allocate>(stage.self(), at, Word{1}, Bool{FALSE});
         const std::uint64_t elsewhere = 0x7a00'0000'0000;
         const auto [there] = stage.ask<calls::vm_allocate, allocate>(stage.self(), Word{elsewhere + 9}, Word{1}, Bool{FALSE});
         MUST(there.value == elsewhere && *reinterpret_cast<char*>(elsewhere) == 0);
         stage.ask<calls::vm_allocate, allocate>(stage.self(), Word{0}, Word{0}, Bool{TRUE});
         stage.ask<calls::vm_allocate, allocate>(stage.self(), Word{~0ULL - 100}, Word{4096}, Bool{FALSE});
     }},
    {"vm_allocate", "GivesATaskOfAnotherProcessMemoryThere",
     [](Stage& stage) {
         const auto [at] = stage.ask<calls::vm_allocate, allocate>(stage.peer(), Word{0}, Word{5000}, Bool{TRUE});
         stage.ask<calls::vm_deallocate, ::vm_deallocate>(stage.peer(), at, Word{5000});
         stage.ask<calls::vm_deallocate, ::vm_deallocate>(stage.peer(), at, Word{5000});
         const std::uint64_t elsewhere = 0x7a00'0000'0000;
         stage.ask<calls::vm_allocate, allocate>(stage.peer(), Word{elsewhere}, Word{1}, Bool{FALSE});
         stage.ask<calls::vm_allocate, allocate>(stage.peer(), Word{elsewhere + 5}, Word{1}, Bool{FALSE});
         stage.ask<calls::vm_deallocate, ::vm_deallocate>(stage.peer(), Word{elsewhere}, Word{1});
     }},
    {"vm_deallocate", "TakesPagesAndRefusesWhatIsNotThere",
     [](Stage& stage) {
         vm_address_t at = 0;
         MUST(vm_allocate(task_self(), &at, 8192, TRUE) == KERN_SUCCESS);
         stage.ask<calls::vm_deallocate, ::vm_deallocate>(stage.self(), Word{at}, Word{8192});
         stage.ask<calls::vm_deallocate, ::vm_deallocate>(stage.self(), Word{at}, Word{8192});
         stage.ask<calls::vm_deallocate, ::vm_deallocate>(stage.self(), Word{~0ULL - 100}, Word{8192});
         stage.ask<calls::vm_deallocate, ::vm_deallocate>(stage.peer(), Word{at}, Word{0});
     }},
    {"vm_protect", "ChangesWhatMayBeDoneAndIsUndoneWhenTheMemoryGoes",
     [](Stage& stage) {
         vm_address_t at = 0;
         MUST(vm_allocate(task_self(), &at, 2 * page, TRUE) == KERN_SUCCESS);
         const auto protect = [&](std::uint64_t address, std::uint64_t size, int what, boolean_t maximum = FALSE) {
             stage.ask<calls::vm_protect, ::vm_protect>(stage.self(), Word{address}, Word{size}, Bool{maximum}, Int{what});
         };
         protect(at, page, VM_PROT_READ);
         stage.note(is_writable(at) ? "writable" : "not writable");
         stage.note(is_writable(at + page) ? "writable" : "not writable");
         protect(at, page, 99);
         protect(at, page, VM_PROT_READ, TRUE);
         protect(at, 3 * page, VM_PROT_READ);
         protect(at, 0, VM_PROT_NONE);
         MUST(vm_deallocate(task_self(), at, 2 * page) == KERN_SUCCESS);
         MUST(vm_allocate(task_self(), &at, 2 * page, TRUE) == KERN_SUCCESS);
         stage.note(is_writable(at) ? "writable" : "not writable");
     }},
    {"vm_inherit", "IsTakenForAllKindsAndRefusedForOthers",
     [](Stage& stage) {
         vm_address_t at = 0;
         MUST(vm_allocate(task_self(), &at, page, TRUE) == KERN_SUCCESS);
         for (const int kind : {0, 1, 2, 3, -1})
             stage.ask<calls::vm_inherit, inherit>(stage.self(), Word{at}, Word{page}, Int{kind});
         stage.ask<calls::vm_inherit, inherit>(stage.self(), Word{0x10}, Word{page}, Int{1});
     }},
    {"vm_read", "CopiesMemoryOfAnyTask",
     [](Stage& stage) {
         char text[] = "read by its own task";
         const auto [own] = stage.ask<calls::vm_read, ::vm_read>(stage.self(), Word{address_of(text)}, Word{sizeof text});
         MUST(own.values.size() == sizeof text && std::memcmp(own.values.data(), text, sizeof text) == 0);
         const auto at = reinterpret_cast<std::uint64_t>(&memory_scenes);   // the peer, a fork, has it at the same address
         const auto [theirs] = stage.ask<calls::vm_read, ::vm_read>(stage.peer(), Word{at}, Word{sizeof memory_scenes});
         MUST(theirs.values.size() == sizeof memory_scenes);
         stage.ask<calls::vm_read, ::vm_read>(stage.self(), Word{0x10}, Word{5});
         stage.ask<calls::vm_read, ::vm_read>(stage.peer(), Word{0x10}, Word{5});
         stage.ask<calls::vm_read, ::vm_read>(stage.self(), Word{0x10}, Word{0});
     }},
    {"vm_write", "ChangesMemoryOfAnyTaskOrNothing",
     [](Stage& stage) {
         char text[] = "before";
         const auto bytes = [](std::string_view what) { return Data{std::as_bytes(std::span(what))}; };
         stage.ask<calls::vm_write, write>(stage.self(), Word{address_of(text)}, bytes("after!"));
         MUST(std::string_view(text) == "after!");
         const auto [there] = stage.ask<calls::vm_allocate, allocate>(stage.peer(), Word{0}, Word{page}, Bool{TRUE});
         stage.ask<calls::vm_write, write>(stage.peer(), there, bytes("written"));
         const auto [back] = stage.ask<calls::vm_read, ::vm_read>(stage.peer(), there, Word{7});
         MUST(std::memcmp(back.values.data(), "written", 7) == 0);
         stage.ask<calls::vm_write, write>(stage.peer(), Word{0x10}, bytes("written"));
         stage.ask<calls::vm_write, write>(stage.self(), Word{address_of("constant")}, bytes("no"));
     }},
    {"vm_copy", "CopiesWithinATask",
     [](Stage& stage) {
         char text[] = "from....to......";
         stage.ask<calls::vm_copy, ::vm_copy>(stage.self(), Word{address_of(text)}, Word{4}, Word{address_of(text) + 8});
         MUST(std::string_view(text) == "from....from....");
         stage.ask<calls::vm_copy, ::vm_copy>(stage.self(), Word{0x10}, Word{4}, Word{address_of(text)});
         stage.ask<calls::vm_copy, ::vm_copy>(stage.self(), Word{address_of(text)}, Word{4}, Word{0x10});
         const auto [there] = stage.ask<calls::vm_allocate, allocate>(stage.peer(), Word{0}, Word{page}, Bool{TRUE});
         stage.ask<calls::vm_copy, ::vm_copy>(stage.peer(), there, Word{100}, Word{there.value + 200});
     }},
    {"vm_region", "TellsWhatIsAtAnAddressOrAboveIt",
     [](Stage& stage) {
         vm_address_t at = 0;
         MUST(vm_allocate(task_self(), &at, 3 * page, TRUE) == KERN_SUCCESS);
         const auto [address, size, protection, most, inheritance, shared, object, offset] =
             stage.ask<calls::vm_region, region>(stage.self(), Word{at + page});
         MUST(address.value == at && size.value == 3 * page && protection.value == VM_PROT_DEFAULT && shared.value == FALSE);
         MUST(most.value == VM_PROT_ALL && inheritance.value == VM_INHERIT_COPY && object.value == MEMORY_OBJECT_NULL && offset.value == 0);
         stage.ask<calls::vm_region, region>(stage.self(), Word{~std::uint64_t{0} - 4});
         stage.ask<calls::vm_region, region>(stage.peer(), Word{0});
         const std::uint64_t view = map_scene(stage, stage.self(), section(page), page, VM_PROT_READ);
         stage.ask<calls::vm_region, region>(stage.self(), Word{view});
     }},
    {"memory_object_create", "GivesTheCallerARightToASectionOfATask",
     [](Stage& stage) {
         const auto [own] = stage.ask<calls::memory_object_create, memory_object_create>(stage.self(), Word{5000});
         const auto [theirs] = stage.ask<calls::memory_object_create, memory_object_create>(stage.peer(), Word{1});
         MUST(own.value != theirs.value);
         stage.ask<calls::memory_object_create, memory_object_create>(stage.self(), Word{0});
         stage.ask<calls::memory_object_create, memory_object_create>(stage.self(), Word{std::uint64_t{1} << 60});
     }},
    {"memory_object_create_proxy", "AllowsNoMoreThanItsObject",
     [](Stage& stage) {
         const memory_object_t object = section(page);
         const auto [proxy] = stage.ask<calls::memory_object_create_proxy, memory_object_create_proxy>(object, Int{VM_PROT_READ});
         stage.ask<calls::memory_object_create_proxy, memory_object_create_proxy>(proxy.value, Int{VM_PROT_READ});
         stage.ask<calls::memory_object_create_proxy, memory_object_create_proxy>(proxy.value, Int{VM_PROT_DEFAULT});
         stage.ask<calls::memory_object_create_proxy, memory_object_create_proxy>(object, Int{99});
         stage.ask<calls::memory_object_create_proxy, memory_object_create_proxy>(task_self(), Int{VM_PROT_READ});
     }},
    {"memory_object_info", "TellsSizeAndProtection",
     [](Stage& stage) {
         const auto [size, protection] = stage.ask<calls::memory_object_info, info>(section(5000));
         MUST(size.value == 8192 && protection.value == VM_PROT_ALL);
         stage.ask<calls::memory_object_info, info>(task_self());
     }},
    {"vm_map", "MapsASectionIntoAnyTaskOrNothing",
     [](Stage& stage) {
         const memory_object_t object = section(2 * page);
         const std::uint64_t at = map_scene(stage, stage.self(), object, 2 * page, VM_PROT_DEFAULT);
         auto* own = reinterpret_cast<char*>(at);
         std::strcpy(own, "the same");
         const std::uint64_t there = map_scene(stage, stage.peer(), object, page, VM_PROT_READ, 0x7a00'0000'0000);
         const auto [read] = stage.ask<calls::vm_read, ::vm_read>(stage.peer(), Word{there}, Word{9});
         MUST(std::memcmp(read.values.data(), "the same", 9) == 0);
         map_scene(stage, stage.self(), object, 3 * page, VM_PROT_DEFAULT);
         map_scene(stage, stage.self(), object, page, 99);
         map_scene(stage, stage.self(), task_self(), page, VM_PROT_READ);
         map_scene(stage, stage.self(), object, page, VM_PROT_READ, at);
         const std::uint64_t zeros = map_scene(stage, stage.self(), MEMORY_OBJECT_NULL, page, VM_PROT_DEFAULT);
         MUST(*reinterpret_cast<char*>(zeros) == 0);
         MUST(vm_deallocate(task_self(), at, 2 * page) == KERN_SUCCESS && vm_deallocate(stage.peer(), there, page) == KERN_SUCCESS);
     }},
    {"vm_statistics", "TellsOfTheMachine",
     [](Stage& stage) { stage.ask<calls::vm_statistics, statistics>(stage.self()); }},
};

}  // namespace umach::tests
