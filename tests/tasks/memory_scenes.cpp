// SPDX-License-Identifier: BSL-1.0
// Scenes of the calls on memory.
#include "stage.hpp"

#include "tasks/kernel/memory_calls.hpp"

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
         MUST(vm_deallocate(task_self(), at.value, 4096) == KERN_SUCCESS);
         const auto [same] = stage.ask<calls::vm_allocate, allocate>(stage.self(), at, Word{1}, Bool{FALSE});
         MUST(same.value == at.value && bytes[0] == 0);
         stage.ask<calls::vm_allocate, allocate>(stage.self(), Word{0}, Word{0}, Bool{TRUE});
         stage.ask<calls::vm_allocate, allocate>(stage.self(), Word{~0ULL - 100}, Word{4096}, Bool{FALSE});
     }},
    {"vm_allocate", "RefusesATaskOfAnotherProcess",
     [](Stage& stage) {
         stage.ask<calls::vm_allocate, allocate>(stage.peer(), Word{0}, Word{1}, Bool{TRUE});
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
};

}  // namespace umach::tests
