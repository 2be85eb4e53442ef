// SPDX-License-Identifier: BSL-1.0
// Scenes of the calls on tasks as a whole.
#include "counted_scenes.hpp"
#include "counting.hpp"

#include "ports/calls.hpp"
#include "tasks/kernel/task_calls.hpp"

namespace umach::tests {
namespace {

task_t child_of(task_t parent) {
    task_t child = TASK_NULL;
    MUST(task_create(parent, FALSE, &child) == KERN_SUCCESS);
    return child;
}

void note_suspends(Stage& stage, task_t task) {
    const tasks::Trap trap;
    const ports::TaskRef ref = ports::task_of_name(trap.caller(), task);
    stage.note("suspended " + std::to_string(kernel().task(ref.index).suspends.get()) + " times");
}

}  // namespace

const std::vector<Scene> task_scenes = {
    {"task_create", "MakesTasksOfThisProcessThatInherit",
     [](Stage& stage) {
         port_t ports[] = {stage.receive_and_send_right(), PORT_NULL, stage.send_right()};
         MUST(mach_ports_register(stage.peer(), ports, 3) == KERN_SUCCESS);
         for (const task_t parent : {stage.self(), stage.peer()}) {
             const auto [child] = stage.ask<calls::task_create, ::task_create>(parent, Bool{TRUE});
             stage.note(stage.rights_of(child.value));
             stage.ask<calls::task_create, ::task_create>(child.value, Bool{FALSE});
             port_array_t list = nullptr;
             unsigned int number = 0;
             MUST(mach_ports_lookup(child.value, &list, &number) == KERN_SUCCESS && number == 4);
             for (unsigned int i = 0; i < number; ++i) stage.note(stage.rights_of(list[i]));
             stage.note(stage.rights_of(child.value, child.value));
         }
     }},
    {"task_create", "RefusesWhatIsNoTask",
     [](Stage& stage) { on_what_it_is_not<calls::task_create, ::task_create>(stage, Bool{TRUE}); }},
    {"task_terminate", "EndsATaskOfThisProcess",
     [](Stage& stage) {
         const task_t child = child_of(stage.self());
         const port_t mine = stage.receive_and_send_right();  // its receive right becomes the child's
         MUST(port_insert_receive(child, mine, 0x0bad'0001) == KERN_SUCCESS);
         thread_t thread = THREAD_NULL;
         MUST(thread_create(child, &thread) == KERN_SUCCESS);
         stage.ask<calls::task_terminate, ::task_terminate>(child);
         stage.note(stage.rights_of(child) + stage.rights_of(mine) + stage.rights_of(thread));
         MUST(stage.rights_of(mine) == "dead");
         stage.ask<calls::task_terminate, ::task_terminate>(child);
     }},
    {"task_terminate", "RefusesWhatIsNoTask",
     [](Stage& stage) { on_what_it_is_not<calls::task_terminate, ::task_terminate>(stage); }},
    {"task_threads", "GivesAPortForEachThread",
     [](Stage& stage) {
         stage.ask<calls::task_threads, ::task_threads>(stage.self());
         stage.ask<calls::task_threads, ::task_threads>(stage.peer());
         const task_t child = child_of(stage.self());
         stage.ask<calls::task_threads, ::task_threads>(child);
         std::array<thread_t, 3> made{};
         for (thread_t& thread : made) MUST(thread_create(child, &thread) == KERN_SUCCESS);
         const auto [list] = stage.ask<calls::task_threads, ::task_threads>(child);
         MUST(std::is_permutation(made.begin(), made.end(), list.values.begin(), list.values.end()));
         for (const thread_t thread : made) MUST(thread_terminate(thread) == KERN_SUCCESS);
         stage.ask<calls::task_threads, ::task_threads>(child);
     }},
    {"task_threads", "RefusesWhatIsNoTask",
     [](Stage& stage) { on_what_it_is_not<calls::task_threads, ::task_threads>(stage); }},
    {"task_info", "TellsOfOwnAndOtherTasks",
     [](Stage& stage) {
         MUST(task_suspend(stage.peer()) == KERN_SUCCESS);
         for (const task_t task : {stage.self(), stage.peer()}) {
             const auto info =
                 told<task_basic_info_data_t, calls::task_info, ::task_info>(stage, task, TASK_BASIC_INFO);
             stage.note(std::to_string(info.suspend_count) + ", " + std::to_string(info.base_priority));
             MUST(info.virtual_size > info.resident_size && info.resident_size > 0);
         }
         MUST(task_resume(stage.peer()) == KERN_SUCCESS);
     }},
    {"task_info", "RefusesOtherFlavorsAndTooLittleRoom",
     [](Stage& stage) {
         with_other_flavors_and_rooms<calls::task_info, ::task_info>(stage, stage.self(), TASK_BASIC_INFO,
                                                                     TASK_BASIC_INFO_COUNT);
     }},
    {"task_info", "RefusesWhatIsNoTask",
     [](Stage& stage) {
         on_what_it_is_not<counted<calls::task_info>, into_room<::task_info>>(stage, Int{TASK_BASIC_INFO},
                                                                              Int{1024});
     }},
    {"task_suspend", "CountsAndStopsATask",
     [](Stage& stage) {
         const thread_t thread = stage.peers_thread();
         stage.ask<calls::task_suspend, ::task_suspend>(stage.peer());
         MUST(is_stopped(thread));
         for (int i = 1; i < 127; ++i) MUST(task_suspend(stage.peer()) == KERN_SUCCESS);
         stage.ask<calls::task_suspend, ::task_suspend>(stage.peer());
         note_suspends(stage, stage.peer());
         for (int i = 0; i < 127; ++i) MUST(task_resume(stage.peer()) == KERN_SUCCESS);
     }},
    {"task_suspend", "RefusesWhatIsNoTask",
     [](Stage& stage) { on_what_it_is_not<calls::task_suspend, ::task_suspend>(stage); }},
    {"task_resume", "TakesOneSuspensionBackEachTime",
     [](Stage& stage) {
         stage.ask<calls::task_resume, ::task_resume>(stage.peer());
         const thread_t thread = stage.peers_thread();
         for (int i = 0; i < 2; ++i) MUST(task_suspend(stage.peer()) == KERN_SUCCESS);
         for (int i = 0; i < 3; ++i) {
             stage.ask<calls::task_resume, ::task_resume>(stage.peer());
             note_suspends(stage, stage.peer());
         }
         MUST(becomes_true([&] { return !is_stopped(thread); }));
     }},
    {"task_resume", "RefusesWhatIsNoTask",
     [](Stage& stage) { on_what_it_is_not<calls::task_resume, ::task_resume>(stage); }},
};

}  // namespace umach::tests
