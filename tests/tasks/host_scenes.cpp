// SPDX-License-Identifier: BSL-1.0
// Scenes of the calls on the host.
#include "counted_scenes.hpp"

#include "tasks/kernel/host_calls.hpp"

#include <mach/host_interface.h>

namespace umach::tests {

const std::vector<Scene> host_scenes = {
    {"host_info", "TellsOfTheMachine",
     [](Stage& stage) {
         const auto basic =
             told<host_basic_info_data_t, calls::host_info, ::host_info>(stage, host_self(), HOST_BASIC_INFO);
         stage.note(std::to_string(basic.max_cpus) + " processors, " + std::to_string(basic.memory_size));
         MUST(basic.avail_cpus > 0);
         const auto load =
             told<host_load_info_data_t, calls::host_info, ::host_info>(stage, host_self(), HOST_LOAD_INFO);
         MUST(load.mach_factor[0] > 0);
     }},
    {"host_info", "RefusesOtherFlavorsAndTooLittleRoom",
     [](Stage& stage) {
         with_other_flavors_and_rooms<calls::host_info, ::host_info>(stage, host_self(), HOST_BASIC_INFO,
                                                                     HOST_BASIC_INFO_COUNT);
     }},
    {"host_info", "RefusesWhatIsNoHost",
     [](Stage& stage) {
         on_what_it_is_not<counted<calls::host_info>, into_room<::host_info>>(stage, Int{HOST_BASIC_INFO},
                                                                              Int{1024});
     }},
};

}  // namespace umach::tests
