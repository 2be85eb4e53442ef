// SPDX-License-Identifier: BSL-1.0
// Scenes of the calls on the state of threads.
#include "counted_scenes.hpp"
#include "counting.hpp"

#include "tasks/kernel/thread_calls.hpp"

namespace umach::tests {
namespace {

using State = std::array<int, x86_THREAD_STATE64_COUNT>;

State state_of(const x86_thread_state64_t& registers) {
    State state;
    std::memcpy(state.data(), &registers, sizeof registers);
    return state;
}

thread_t thread_without_state() {
    thread_t thread = THREAD_NULL;
    MUST(thread_create(task_self(), &thread) == KERN_SUCCESS);
    return thread;
}

void come(std::atomic<int>* came) {
    came->store(1);
}

auto get(Stage& stage, thread_t thread) {
    const auto [state] = stage.ask<counted<calls::thread_get_state>, into_room<::thread_get_state>>(
        thread, Int{x86_THREAD_STATE64}, Int{1024});
    return state.values;
}

kern_return_t set(Stage& stage, thread_t thread, std::span<const int> state,
                  int flavor = x86_THREAD_STATE64) {
    return stage.code_of<calls::thread_set_state, ::thread_set_state>(thread, Int{flavor},
                                                                      List<Int>{{}, state});
}

}  // namespace

const std::vector<Scene> thread_state_scenes = {
    {"thread_get_state", "GivesTheRegistersOfAThreadThatHasNotBegun",
     [](Stage& stage) {
         const thread_t thread = thread_without_state();
         for (const int value : get(stage, thread)) stage.note(std::to_string(value));
         x86_thread_state64_t registers{};
         registers.r15 = 0x1234'5678'9abc'def0;
         if (set(stage, thread, state_of(registers)) != KERN_SUCCESS) return;
         const auto given = get(stage, thread);
         const State expected = state_of(registers);
         MUST(std::equal(given.begin(), given.end(), expected.begin(), expected.end()));
     }},
    {"thread_get_state", "GivesTheRegistersOfAThreadOfAnotherProcessThatStandsStill",
     [](Stage& stage) {
         const thread_t thread = stage.peers_thread();
         get(stage, thread);  // it runs
         MUST(thread_suspend(thread) == KERN_SUCCESS);
         const auto given = get(stage, thread);
         stage.note(std::any_of(given.begin(), given.end(), [](int one) { return one != 0; }) ? "registers"
                                                                                              : "none");
         MUST(thread_resume(thread) == KERN_SUCCESS);
         get(stage, thread_self());
     }},
    {"thread_get_state", "RefusesOtherFlavorsAndTooLittleRoom",
     [](Stage& stage) {
         with_other_flavors_and_rooms<calls::thread_get_state, ::thread_get_state>(
             stage, thread_without_state(), x86_THREAD_STATE64, x86_THREAD_STATE64_COUNT);
     }},
    {"thread_get_state", "RefusesWhatIsNoThread",
     [](Stage& stage) {
         on_what_it_is_not<counted<calls::thread_get_state>, into_room<::thread_get_state>>(
             stage, Int{x86_THREAD_STATE64}, Int{1024});
     }},
    {"thread_set_state", "SaysWhatANewThreadIsToRun",
     [](Stage& stage) {
         std::atomic<int> came{0};
         x86_thread_state64_t registers{};
         registers.rip = reinterpret_cast<std::uint64_t>(come);
         registers.rdi = reinterpret_cast<std::uint64_t>(&came);
         const thread_t thread = thread_without_state();
         if (set(stage, thread, state_of(registers)) != KERN_SUCCESS) return;
         MUST(thread_resume(thread) == KERN_SUCCESS);
         MUST(umach_thread_join(thread, UMACH_FOREVER) == KERN_SUCCESS && came.load() == 1);
         MUST(set(stage, thread, state_of(registers)) == KERN_INVALID_ARGUMENT);
     }},
    {"thread_set_state", "RefusesThreadsThatRunAndStatesThatAreTooShort",
     [](Stage& stage) {
         const State state = state_of({});
         set(stage, thread_self(), state);
         set(stage, stage.peers_thread(), state);
         const thread_t thread = thread_without_state();
         const std::array<int, THREAD_STATE_MAX> more{};
         for (const std::size_t number : {0u, 1u, 41u, 42u, 43u, THREAD_STATE_MAX + 0u})
             set(stage, thread, std::span(more).first(number));
         for (const int flavor : {0, -1, 1, 3, 5}) set(stage, thread, state, flavor);
     }},
    {"thread_set_state", "RefusesWhatIsNoThread",
     [](Stage& stage) {
         const State state = state_of({});
         on_what_it_is_not<calls::thread_set_state, ::thread_set_state>(stage, Int{x86_THREAD_STATE64},
                                                                        List<Int>{{}, state});
     }},
};

}  // namespace umach::tests
