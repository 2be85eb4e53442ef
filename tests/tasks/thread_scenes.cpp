// SPDX-License-Identifier: BSL-1.0
// Scenes of the calls that make, stop and end threads.
#include "counted_scenes.hpp"
#include "counting.hpp"

#include "tasks/kernel/thread_calls.hpp"

namespace umach::tests {
namespace {

thread_t thread_without_state() {
    thread_t thread = THREAD_NULL;
    MUST(thread_create(task_self(), &thread) == KERN_SUCCESS);
    return thread;
}

void note_suspends(Stage& stage, thread_t thread) {
    stage.note("suspended " + std::to_string(record_of(thread).suspends.get()) + " times");
}

// A thread that waits for a message, and when that wait is over for a token.
struct Waiter {
    port_t port = new_port();
    std::atomic<int> code{1};

    static void wait(void* argument) {
        auto& self = *static_cast<Waiter*>(argument);
        self.code.store(receive(self.port, MSG_OPTION_NONE).code);
        static_cast<void>(umach_thread_park(UMACH_FOREVER));
    }
    thread_t begin() {
        const thread_t thread = start_thread(wait, this);
        MUST(becomes_true([&] { return waits_in(thread, ports::WaitKind::receive); }));
        return thread;
    }
};

}  // namespace

const std::vector<Scene> thread_scenes = {
    {"thread_create", "MakesASuspendedThread",
     [](Stage& stage) {
         for (int i = 0; i < 2; ++i) {
             const auto [made] = stage.ask<calls::thread_create, ::thread_create>(stage.self());
             note_suspends(stage, made.value);
         }
     }},
    {"thread_create", "RefusesATaskOfAnotherProcess",
     [](Stage& stage) { stage.ask<calls::thread_create, ::thread_create>(stage.peer()); }},
    {"thread_create", "RefusesWhatIsNoTask",
     [](Stage& stage) { on_what_it_is_not<calls::thread_create, ::thread_create>(stage); }},
    {"thread_terminate", "EndsAThreadThatHasNotBegun",
     [](Stage& stage) {
         const thread_t thread = thread_without_state();
         stage.ask<calls::thread_terminate, ::thread_terminate>(thread);
         MUST(stage.rights_of(thread) == "dead");
         stage.ask<calls::thread_terminate, ::thread_terminate>(thread);
     }},
    {"thread_terminate", "EndsAThreadInItsWait",
     [](Stage& stage) {
         Waiter waiter;
         const thread_t thread = waiter.begin();
         stage.ask<calls::thread_terminate, ::thread_terminate>(thread);
         MUST(stage.rights_of(thread) == "dead" && waiter.code.load() == 1);
     }},
    {"thread_terminate", "RefusesWhatIsNoThread",
     [](Stage& stage) { on_what_it_is_not<calls::thread_terminate, ::thread_terminate>(stage); }},
    {"thread_info", "TellsOfThreadsInEveryState",
     [](Stage& stage) {
         Waiter waiter;
         const thread_t stopped = stage.peers_thread();
         MUST(thread_suspend(stopped) == KERN_SUCCESS);
         const thread_t waiting = waiter.begin();
         for (const thread_t thread : {thread_self(), stopped, thread_without_state(), waiting}) {
             const auto info = told<thread_basic_info_data_t, calls::thread_info, ::thread_info>(
                 stage, thread, THREAD_BASIC_INFO);
             stage.note(std::to_string(info.run_state) + ", " + std::to_string(info.suspend_count));
         }
         MUST(thread_resume(stopped) == KERN_SUCCESS);
         MUST(thread_terminate(waiting) == KERN_SUCCESS);
     }},
    {"thread_info", "RefusesOtherFlavorsAndTooLittleRoom",
     [](Stage& stage) {
         with_other_flavors_and_rooms<calls::thread_info, ::thread_info>(
             stage, thread_self(), THREAD_BASIC_INFO, THREAD_BASIC_INFO_COUNT);
     }},
    {"thread_info", "RefusesWhatIsNoThread",
     [](Stage& stage) {
         on_what_it_is_not<counted<calls::thread_info>, into_room<::thread_info>>(
             stage, Int{THREAD_BASIC_INFO}, Int{1024});
     }},
    {"thread_suspend", "CountsAndStopsAThread",
     [](Stage& stage) {
         const thread_t thread = stage.peers_thread();
         stage.ask<calls::thread_suspend, ::thread_suspend>(thread);
         MUST(is_stopped(thread));
         for (int i = 1; i < 127; ++i) MUST(thread_suspend(thread) == KERN_SUCCESS);
         stage.ask<calls::thread_suspend, ::thread_suspend>(thread);
         note_suspends(stage, thread);
         for (int i = 0; i < 127; ++i) MUST(thread_resume(thread) == KERN_SUCCESS);
     }},
    {"thread_suspend", "RefusesWhatIsNoThread",
     [](Stage& stage) { on_what_it_is_not<calls::thread_suspend, ::thread_suspend>(stage); }},
    {"thread_resume", "TakesOneSuspensionBackEachTime",
     [](Stage& stage) {
         const thread_t thread = stage.peers_thread();
         stage.ask<calls::thread_resume, ::thread_resume>(thread);
         for (int i = 0; i < 2; ++i) MUST(thread_suspend(thread) == KERN_SUCCESS);
         for (int i = 0; i < 3; ++i) {
             stage.ask<calls::thread_resume, ::thread_resume>(thread);
             note_suspends(stage, thread);
         }
         MUST(becomes_true([&] { return !is_stopped(thread); }));
     }},
    {"thread_resume", "StartsNoThreadThatHasNoState",
     [](Stage& stage) {
         const thread_t thread = thread_without_state();
         stage.ask<calls::thread_resume, ::thread_resume>(thread);
         note_suspends(stage, thread);
     }},
    {"thread_resume", "RefusesWhatIsNoThread",
     [](Stage& stage) { on_what_it_is_not<calls::thread_resume, ::thread_resume>(stage); }},
    {"thread_abort", "EndsAWaitAndLeavesOthersAsTheyAre",
     [](Stage& stage) {
         Waiter waiter;
         const thread_t thread = waiter.begin();
         stage.ask<calls::thread_abort, ::thread_abort>(thread);
         MUST(becomes_true([&] { return waits_in(thread, ports::WaitKind::park); }));
         stage.note(std::to_string(waiter.code.load()));
         MUST(waiter.code.load() == RCV_INTERRUPTED);
         stage.ask<calls::thread_abort, ::thread_abort>(stage.peers_thread());
         stage.ask<calls::thread_abort, ::thread_abort>(thread_self());
         MUST(umach_thread_unpark(thread) == KERN_SUCCESS);
         MUST(umach_thread_join(thread, UMACH_FOREVER) == KERN_SUCCESS);
     }},
    {"thread_abort", "RefusesWhatIsNoThread",
     [](Stage& stage) { on_what_it_is_not<calls::thread_abort, ::thread_abort>(stage); }},
    {"thread_get_special_port", "GivesEachAndRefusesOtherNumbers",
     [](Stage& stage) {
         const port_t reply = thread_reply();
         const port_t exception = stage.receive_and_send_right();
         for (const thread_t thread : {thread_self(), stage.peers_thread()}) {
             for (int which = -1; which < 6; ++which)
                 stage.ask<calls::thread_get_special_port, ::thread_get_special_port>(thread, Int{which});
             MUST(thread_set_special_port(thread, THREAD_EXCEPTION_PORT, exception) == KERN_SUCCESS);
             stage.ask<calls::thread_get_special_port, ::thread_get_special_port>(thread,
                                                                                  Int{THREAD_EXCEPTION_PORT});
         }
         MUST(thread_reply() == reply);
     }},
    {"thread_get_special_port", "RefusesWhatIsNoThread",
     [](Stage& stage) {
         on_what_it_is_not<calls::thread_get_special_port, ::thread_get_special_port>(
             stage, Int{THREAD_EXCEPTION_PORT});
     }},
    {"thread_set_special_port", "SetsAllButTheKernelPort",
     [](Stage& stage) {
         const thread_t thread = stage.peers_thread();
         for (int which = 0; which < 5; ++which)
             for (const port_name_t name : {stage.receive_and_send_right(), stage.send_right(), PORT_NULL,
                                            port_t{4711}, stage.send_once_right()})
                 stage.ask<calls::thread_set_special_port, ::thread_set_special_port>(thread, Int{which},
                                                                                      Port{name});
     }},
    {"thread_set_special_port", "RefusesWhatIsNoThread",
     [](Stage& stage) {
         on_what_it_is_not<calls::thread_set_special_port, ::thread_set_special_port>(
             stage, Int{THREAD_EXCEPTION_PORT}, Port{stage.receive_right()});
     }},
};

}  // namespace umach::tests
