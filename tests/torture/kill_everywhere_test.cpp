// SPDX-License-Identifier: BSL-1.0
#include "operations.hpp"

#include <algorithm>

namespace umach::torture {

Operation operation_called(const char* name) {
    for (const auto& some : {sends(), receives(), port_calls(), task_calls(), memory_calls()}) {
        const auto is_it = [&](const Operation& one) { return std::string_view(one.name) == name; };
        if (const auto found = std::find_if(some.begin(), some.end(), is_it); found != some.end())
            return *found;
    }
    ADD_FAILURE() << "no operation is called " << name;
    return sends().front();
}

namespace {

class KilledAnywhereIn : public Stage, public testing::WithParamInterface<Operation> {};

TEST_P(KilledAnywhereIn, AnOperationLeavesTheHostWholeAndEverybodyElseGoingOn) {
    kill_everywhere(GetParam());
}

TEST_P(KilledAnywhereIn, EachStoreOfAnOperationLeavesWhatAKeeperMakesWhole) {
    look_after_stores(GetParam());
}

std::string name_of_case(const testing::TestParamInfo<Operation>& one) {
    return one.param.name;
}

INSTANTIATE_TEST_SUITE_P(Sends, KilledAnywhereIn, testing::ValuesIn(sends()), name_of_case);
INSTANTIATE_TEST_SUITE_P(Receives, KilledAnywhereIn, testing::ValuesIn(receives()), name_of_case);
INSTANTIATE_TEST_SUITE_P(PortCalls, KilledAnywhereIn, testing::ValuesIn(port_calls()), name_of_case);
INSTANTIATE_TEST_SUITE_P(TaskCalls, KilledAnywhereIn, testing::ValuesIn(task_calls()), name_of_case);
INSTANTIATE_TEST_SUITE_P(MemoryCalls, KilledAnywhereIn, testing::ValuesIn(memory_calls()), name_of_case);
INSTANTIATE_TEST_SUITE_P(Repairs, KilledAnywhereIn, testing::ValuesIn(repairs()), name_of_case);

}  // namespace
}  // namespace umach::torture
