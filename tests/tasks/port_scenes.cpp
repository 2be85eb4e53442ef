// SPDX-License-Identifier: BSL-1.0
// Scenes of the calls that look at ports and name them.
#include "stage.hpp"

#include "tasks/kernel/port_calls.hpp"

namespace umach::tests {
namespace {

// Every kind of name, one after the other.
template <auto Handler, auto Function, class... More>
void on_every_kind(Stage& stage, More... more) {
    stage.peer();
    for (const port_t name :
         {stage.receive_right(), stage.receive_and_send_right(), stage.send_right(), stage.send_once_right(),
          stage.dead_name(), stage.port_set(), port_t{4711}, PORT_NULL, PORT_DEAD})
        stage.ask<Handler, Function>(stage.self(), Name{name}, more...);
}

}  // namespace

const std::vector<Scene> port_scenes = {
    {"port_names", "ListsOwnAndAnothersNames",
     [](Stage& stage) {
         stage.peer();
         stage.port_set();
         stage.dead_name();
         stage.ask<calls::port_names, ::port_names>(stage.self());
         stage.ask<calls::port_names, ::port_names>(stage.peer());
     }},
    {"port_names", "RefusesWhatIsNoKernelPort",
     [](Stage& stage) {
         stage.ask<calls::port_names, ::port_names>(4711);
         stage.ask<calls::port_names, ::port_names>(PORT_NULL);
         stage.ask<calls::port_names, ::port_names>(stage.dead_name());
         stage.ask<calls::port_names, ::port_names>(stage.port_set());
     }},
    {"port_type", "SaysWhatEachKindIs",
     [](Stage& stage) { on_every_kind<calls::port_type, ::port_type>(stage); }},
    {"port_rename", "RenamesEachKindAndRefusesUsedNames",
     [](Stage& stage) {
         const port_t used = stage.receive_right();
         port_name_t next = 0x0bad'2000;
         for (const port_t name :
              {stage.receive_right(), stage.dead_name(), stage.port_set(), port_t{4711}}) {
             stage.ask<calls::port_rename, ::port_rename>(stage.self(), Name{name}, Name{used});
             stage.ask<calls::port_rename, ::port_rename>(stage.self(), Name{name}, Name{PORT_NULL});
             stage.ask<calls::port_rename, ::port_rename>(stage.self(), Name{name}, Name{++next});
             stage.note(stage.rights_of(next));
         }
     }},
    {"port_rename", "RenamesInAnotherTask",
     [](Stage& stage) {
         stage.ask<calls::port_rename, ::port_rename>(stage.peer(), Name{Stage::peers_port},
                                                      Name{0x0bad'0002});
         stage.note(stage.rights_of(0x0bad'0002, stage.peer()));
     }},
    {"port_allocate", "MakesPortsHereAndInAnotherTask",
     [](Stage& stage) {
         stage.peer();
         const auto [mine] = stage.ask<calls::port_allocate, ::port_allocate>(stage.self());
         const auto [his] = stage.ask<calls::port_allocate, ::port_allocate>(stage.peer());
         stage.note(stage.rights_of(mine.value) + ", " + stage.rights_of(his.value, stage.peer()));
     }},
    {"port_allocate", "RefusesATaskThatIsNone",
     [](Stage& stage) { stage.ask<calls::port_allocate, ::port_allocate>(4711); }},
    {"port_deallocate", "RemovesEachKind",
     [](Stage& stage) { on_every_kind<calls::port_deallocate, ::port_deallocate>(stage); }},
    {"port_deallocate", "RemovesAnothersPort",
     [](Stage& stage) {
         stage.ask<calls::port_deallocate, ::port_deallocate>(stage.peer(), Name{Stage::peers_port});
         stage.ask<calls::port_deallocate, ::port_deallocate>(stage.peer(), Name{Stage::peers_port});
     }},
    {"port_set_backlog", "SetsAndRefusesOutOfRange",
     [](Stage& stage) {
         on_every_kind<calls::port_set_backlog, ::port_set_backlog>(stage, Int{3});
         const port_t port = stage.receive_right();
         for (const int backlog : {1, 8, 0, 9, -1})
             stage.ask<calls::port_set_backlog, ::port_set_backlog>(stage.self(), Name{port}, Int{backlog});
     }},
    {"port_status", "TellsOfEachKind",
     [](Stage& stage) { on_every_kind<calls::port_status, ::port_status>(stage); }},
    {"port_status", "CountsMessagesAndNamesTheSet",
     [](Stage& stage) {
         const port_t port = stage.receive_right(), set = stage.port_set();
         MUST(send_plain(port, 1) == SEND_SUCCESS && send_plain(port, 2) == SEND_SUCCESS);
         MUST(port_set_add(task_self(), set, port) == KERN_SUCCESS);
         stage.ask<calls::port_status, ::port_status>(stage.self(), Name{port});
         MUST(port_deallocate(task_self(), port) == KERN_SUCCESS);
     }},
    {"port_set_backup", "SetsClearsAndGivesBack",
     [](Stage& stage) {
         const port_t port = stage.receive_right(), backup = stage.receive_and_send_right();
         stage.ask<calls::port_set_backup, ::port_set_backup>(stage.self(), Name{port}, Port{backup});
         stage.ask<calls::port_set_backup, ::port_set_backup>(stage.self(), Name{port}, Port{backup});
         stage.ask<calls::port_set_backup, ::port_set_backup>(stage.self(), Name{port}, Port{PORT_NULL});
         stage.ask<calls::port_set_backup, ::port_set_backup>(stage.self(), Name{port}, Port{PORT_NULL});
     }},
    {"port_set_backup", "RefusesItselfAndWhoDoesNotReceive",
     [](Stage& stage) {
         const port_t port = stage.receive_right();
         stage.ask<calls::port_set_backup, ::port_set_backup>(stage.self(), Name{port}, Port{port});
         stage.ask<calls::port_set_backup, ::port_set_backup>(stage.self(), Name{stage.send_right()},
                                                              Port{port});
         stage.ask<calls::port_set_backup, ::port_set_backup>(stage.self(), Name{port},
                                                              Port{stage.send_once_right()});
     }},
};

}  // namespace umach::tests
