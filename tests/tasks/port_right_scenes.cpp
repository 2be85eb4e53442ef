// SPDX-License-Identifier: BSL-1.0
// Scenes of the calls that move rights between tasks and count references.
#include "stage.hpp"

#include "tasks/kernel/port_calls.hpp"

namespace umach::tests {

const std::vector<Scene> port_right_scenes = {
    {"port_insert_send", "CopiesARightIntoAnotherTask",
     [](Stage& stage) {
         const port_t mine = stage.receive_right(), sending = stage.receive_and_send_right();
         stage.peer();
         stage.ask<calls::port_insert_send, ::port_insert_send>(stage.peer(), Port{mine}, Name{0x0bad'3000});
         stage.ask<calls::port_insert_send, ::port_insert_send>(stage.peer(), Port{sending},
                                                                Name{0x0bad'3001});
         stage.note(stage.rights_of(0x0bad'3000, stage.peer()));
     }},
    {"port_insert_send", "RefusesUsedNamesAndKnownPorts",
     [](Stage& stage) {
         const port_t mine = stage.receive_right();
         stage.ask<calls::port_insert_send, ::port_insert_send>(stage.peer(), Port{mine},
                                                                Name{Stage::peers_port});
         stage.ask<calls::port_insert_send, ::port_insert_send>(stage.peer(), Port{mine}, Name{PORT_NULL});
         stage.ask<calls::port_insert_send, ::port_insert_send>(stage.peer(), Port{PORT_NULL},
                                                                Name{0x0bad'3000});
         stage.ask<calls::port_insert_send, ::port_insert_send>(stage.self(), Port{mine}, Name{0x0bad'3000});
         stage.ask<calls::port_insert_send, ::port_insert_send>(stage.peer(), Port{stage.send_once_right()},
                                                                Name{0x0bad'3000});
     }},
    {"port_extract_send", "TakesARightOutOfAnotherTask",
     [](Stage& stage) {
         const port_t known = stage.receive_right(), sending = stage.receive_and_send_right();
         stage.peer();
         MUST(port_insert_send(stage.peer(), known, 0x0bad'3000) == KERN_SUCCESS);
         MUST(port_insert_send(stage.peer(), sending, 0x0bad'3001) == KERN_SUCCESS);
         stage.ask<calls::port_extract_send, ::port_extract_send>(stage.peer(), Name{0x0bad'3000});
         stage.ask<calls::port_extract_send, ::port_extract_send>(stage.peer(), Name{0x0bad'3001});
         stage.ask<calls::port_extract_send, ::port_extract_send>(stage.peer(), Name{0x0bad'3001});
         stage.ask<calls::port_extract_send, ::port_extract_send>(stage.peer(), Name{Stage::peers_port});
     }},
    {"port_extract_send", "TakesARightThatTheCallerHadNot",
     [](Stage& stage) {
         const port_t port = stage.receive_right();
         MUST(port_insert_send(stage.peer(), port, 0x0bad'3000) == KERN_SUCCESS);
         stage.put_away(port);
         MUST(stage.rights_of(port) == "unknown");
         stage.ask<calls::port_extract_send, ::port_extract_send>(stage.peer(), Name{0x0bad'3000});
     }},
    {"port_insert_receive", "MovesAPortAndLeavesASendRight",
     [](Stage& stage) {
         const port_t mine = stage.receive_right();
         MUST(send_plain(mine, 1) == SEND_SUCCESS);
         stage.peer();
         stage.ask<calls::port_insert_receive, ::port_insert_receive>(stage.peer(), PortAll{mine},
                                                                      Name{0x0bad'3000});
         stage.note(stage.rights_of(0x0bad'3000, stage.peer()) + ", " + stage.rights_of(mine));
         MUST(port_deallocate(stage.peer(), 0x0bad'3000) == KERN_SUCCESS);
     }},
    {"port_insert_receive", "RefusesUsedNamesAndKnownPorts",
     [](Stage& stage) {
         const port_t mine = stage.receive_right();
         stage.ask<calls::port_insert_receive, ::port_insert_receive>(stage.peer(), PortAll{mine},
                                                                      Name{Stage::peers_port});
         MUST(port_insert_send(stage.peer(), mine, 0x0bad'3000) == KERN_SUCCESS);
         stage.ask<calls::port_insert_receive, ::port_insert_receive>(stage.peer(), PortAll{mine},
                                                                      Name{0x0bad'3001});
     }},
    {"port_extract_receive", "TakesAPortWithItsMessages",
     [](Stage& stage) {
         const port_t mine = stage.receive_right(), known = stage.receive_right();
         stage.peer();
         MUST(send_plain(mine, 7) == SEND_SUCCESS);
         MUST(port_insert_receive(stage.peer(), mine, 0x0bad'3000) == KERN_SUCCESS);
         MUST(port_insert_receive(stage.peer(), known, 0x0bad'3001) == KERN_SUCCESS);
         MUST(port_deallocate(task_self(), known) == KERN_SUCCESS);
         const auto [back] =
             stage.ask<calls::port_extract_receive, ::port_extract_receive>(stage.peer(), Name{0x0bad'3000});
         MUST(receive(back.value).id == 7);
         stage.ask<calls::port_extract_receive, ::port_extract_receive>(stage.peer(), Name{0x0bad'3001});
         stage.ask<calls::port_extract_receive, ::port_extract_receive>(stage.peer(), Name{0x0bad'3001});
     }},
    {"port_extract_receive", "FromItselfKeepsThePort",
     [](Stage& stage) {
         const port_t mine = stage.receive_right();
         stage.ask<calls::port_extract_receive, ::port_extract_receive>(stage.self(), Name{mine});
     }},
    {"port_reference", "AddsOneAndRefusesOtherRights",
     [](Stage& stage) {
         const port_t sending = stage.send_right(), dead = stage.dead_name();
         for (const port_type_t right :
              {PORT_TYPE_SEND, PORT_TYPE_RECEIVE, PORT_TYPE_DEAD_NAME, PORT_TYPE_NONE})
             for (const port_t name : {sending, dead, port_t{4711}})
                 stage.ask<calls::port_reference, ::port_reference>(stage.self(), Name{name}, Int{right});
     }},
    {"port_release", "DropsOneAndRefusesOtherRights",
     [](Stage& stage) {
         const port_t sending = stage.send_right(), both = stage.receive_and_send_right();
         MUST(port_reference(task_self(), sending, PORT_TYPE_SEND) == KERN_SUCCESS);
         for (const port_type_t right :
              {PORT_TYPE_SEND, PORT_TYPE_OWN, PORT_TYPE_SEND_ONCE, PORT_TYPE_RECEIVE, PORT_TYPE_SET})
             for (const port_t name : {sending, both})
                 stage.ask<calls::port_release, ::port_release>(stage.self(), Name{name}, Int{right});
     }},
    {"port_release", "UsesASendOnceRight",
     [](Stage& stage) {
         const port_t once = stage.send_once_right();
         stage.ask<calls::port_release, ::port_release>(stage.self(), Name{once}, Int{PORT_TYPE_SEND_ONCE});
     }},
    {"port_request_notification", "AsksAgainAndGetsThePreviousRight",
     [](Stage& stage) {
         const port_t port = stage.receive_and_send_right(), told = stage.receive_right();
         const auto ask = [&](int id, port_t notify) {
             stage.ask<calls::port_request_notification, ::port_request_notification>(
                 stage.self(), Name{port}, Int{id}, SendOnce{notify});
         };
         ask(NOTIFY_NO_MORE_SENDERS, told);
         ask(NOTIFY_NO_MORE_SENDERS, told);
         ask(NOTIFY_PORT_DELETED, stage.send_once_right());
         ask(NOTIFY_PORT_DELETED, PORT_NULL);
         ask(NOTIFY_MSG_ACCEPTED, told);
     }},
};

}  // namespace umach::tests
