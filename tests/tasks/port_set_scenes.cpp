// SPDX-License-Identifier: BSL-1.0
// Scenes of the calls on port sets.
#include "stage.hpp"

#include "tasks/kernel/port_set_calls.hpp"

namespace umach::tests {

const std::vector<Scene> port_set_scenes = {
    {"port_set_allocate", "MakesSetsHereAndInAnotherTask",
     [](Stage& stage) {
         stage.peer();
         stage.ask<calls::port_set_allocate, ::port_set_allocate>(stage.self());
         stage.ask<calls::port_set_allocate, ::port_set_allocate>(stage.peer());
     }},
    {"port_set_deallocate", "RemovesASetAndNothingElse",
     [](Stage& stage) {
         const port_t set = stage.port_set(), port = stage.receive_right();
         MUST(port_set_add(task_self(), set, port) == KERN_SUCCESS);
         for (const port_t name : {port, set, set, port_t{4711}})
             stage.ask<calls::port_set_deallocate, ::port_set_deallocate>(stage.self(), Name{name});
     }},
    {"port_set_add", "AddsReceiveRightsAlone",
     [](Stage& stage) {
         const port_t set = stage.port_set(), other = stage.port_set(), port = stage.receive_right();
         for (const port_t name : {port, port, stage.send_right(), stage.dead_name(), other, port_t{4711}})
             stage.ask<calls::port_set_add, ::port_set_add>(stage.self(), Name{set}, Name{name});
         stage.ask<calls::port_set_add, ::port_set_add>(stage.self(), Name{other}, Name{port});
         stage.ask<calls::port_set_add, ::port_set_add>(stage.self(), Name{port}, Name{port});
     }},
    {"port_set_remove", "RemovesMembersAlone",
     [](Stage& stage) {
         const port_t set = stage.port_set(), port = stage.receive_right();
         MUST(port_set_add(task_self(), set, port) == KERN_SUCCESS);
         for (const port_t name : {port, port, set, stage.send_right(), port_t{4711}})
             stage.ask<calls::port_set_remove, ::port_set_remove>(stage.self(), Name{name});
     }},
    {"port_set_status", "ListsMembers",
     [](Stage& stage) {
         const port_t set = stage.port_set(), port = stage.receive_right();
         stage.ask<calls::port_set_status, ::port_set_status>(stage.self(), Name{set});
         MUST(port_set_add(task_self(), set, port) == KERN_SUCCESS);
         MUST(port_set_add(task_self(), set, stage.receive_and_send_right()) == KERN_SUCCESS);
         for (const port_t name : {set, port, port_t{4711}})
             stage.ask<calls::port_set_status, ::port_set_status>(stage.self(), Name{name});
     }},
};

}  // namespace umach::tests
