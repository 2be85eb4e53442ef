// SPDX-License-Identifier: BSL-1.0
#include "operations.hpp"

namespace umach::torture {
namespace {

class KilledAnywhereIn : public Stage, public testing::WithParamInterface<Operation> {};

TEST_P(KilledAnywhereIn, AnOperationLeavesTheHostWholeAndEverybodyElseGoingOn) {
    kill_everywhere(GetParam());
}

std::string name_of_case(const testing::TestParamInfo<Operation>& one) {
    return one.param.name;
}

INSTANTIATE_TEST_SUITE_P(Sends, KilledAnywhereIn, testing::ValuesIn(sends()), name_of_case);
INSTANTIATE_TEST_SUITE_P(Receives, KilledAnywhereIn, testing::ValuesIn(receives()), name_of_case);
INSTANTIATE_TEST_SUITE_P(PortCalls, KilledAnywhereIn, testing::ValuesIn(port_calls()), name_of_case);
INSTANTIATE_TEST_SUITE_P(TaskCalls, KilledAnywhereIn, testing::ValuesIn(task_calls()), name_of_case);

}  // namespace
}  // namespace umach::torture
