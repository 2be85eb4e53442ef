// SPDX-License-Identifier: BSL-1.0
// Scenes of the calls on special and registered ports.
#include "stage.hpp"

#include "tasks/kernel/special_port_calls.hpp"

#include <array>

namespace umach::tests {

const std::vector<Scene> special_port_scenes = {
    {"mach_ports_register", "ReplacesThePortsOfATask",
     [](Stage& stage) {
         const std::array ports = {stage.receive_right(), PORT_NULL, stage.send_right(),
                                   stage.receive_and_send_right()};
         stage.ask<calls::mach_ports_register, ::mach_ports_register>(stage.self(), List<Port>{{}, ports});
         stage.ask<calls::mach_ports_register, ::mach_ports_register>(
             stage.peer(), List<Port>{{}, std::span(ports).first(1)});
         stage.ask<calls::mach_ports_register, ::mach_ports_register>(stage.self(), List<Port>{});
     }},
    {"mach_ports_register", "RefusesTooManyAndRightsThatAreNone",
     [](Stage& stage) {
         const std::array many = {stage.receive_right(), PORT_NULL, PORT_NULL, PORT_NULL, PORT_NULL};
         stage.ask<calls::mach_ports_register, ::mach_ports_register>(stage.self(), List<Port>{{}, many});
         const std::array once = {many[0], stage.send_once_right()};
         stage.ask<calls::mach_ports_register, ::mach_ports_register>(stage.self(), List<Port>{{}, once});
     }},
    {"mach_ports_lookup", "GivesFourPorts",
     [](Stage& stage) {
         stage.ask<calls::mach_ports_lookup, ::mach_ports_lookup>(stage.self());
         const port_t twice = stage.receive_and_send_right();
         port_t ports[] = {twice, PORT_NULL, twice, stage.send_right()};
         MUST(mach_ports_register(task_self(), ports, 4) == KERN_SUCCESS);
         MUST(mach_ports_register(stage.peer(), ports, 4) == KERN_SUCCESS);
         stage.ask<calls::mach_ports_lookup, ::mach_ports_lookup>(stage.self());
         stage.ask<calls::mach_ports_lookup, ::mach_ports_lookup>(stage.peer());
     }},
    {"task_get_special_port", "GivesEachAndRefusesOtherNumbers",
     [](Stage& stage) {
         for (const task_t task : {stage.peer(), stage.self()})
             for (int which = 0; which < 6; ++which)
                 stage.ask<calls::task_get_special_port, ::task_get_special_port>(task, Int{which});
     }},
    {"task_set_special_port", "SetsAllButTheKernelPort",
     [](Stage& stage) {
         const port_t port = stage.receive_and_send_right();
         for (int which = 0; which < 6; ++which)
             for (const port_t name : {port, PORT_NULL, port_t{4711}})
                 stage.ask<calls::task_set_special_port, ::task_set_special_port>(stage.peer(), Int{which},
                                                                                  Port{name});
     }},
};

}  // namespace umach::tests
