// SPDX-License-Identifier: BSL-1.0
// Runs the matrix: calls x kinds of right x what has become of the port.
#include "matrix.hpp"

#include <tuple>

namespace umach::tests {
namespace {

class Matrix : public Mach25, public ::testing::WithParamInterface<std::tuple<Row, int>> {};

TEST_P(Matrix, GivesTheCodeOfTheTableAndAFailureChangesNothing) {
    const auto& [row, kind] = GetParam();
    const Port spare;
    const Named name{static_cast<Kind>(kind)};
    const auto before = names_of();
    const int expected = row.expected[static_cast<std::size_t>(kind)];
    EXPECT_EQ(expected, row.make(name, spare));
    // A call by msg_rpc whose receive half fails has sent.
    if (expected != OK && !msg_return_rcv(expected)) {
        EXPECT_EQ(before, names_of());
    }
    port_t previous = PORT_NULL;
    port_set_backup(self_, spare, PORT_NULL, &previous);
    if (previous != PORT_NULL && previous != name.name()) port_deallocate(self_, previous);
}

std::string case_name(const ::testing::TestParamInfo<std::tuple<Row, int>>& info) {
    const auto& [row, kind] = info.param;
    return std::string(row.call) + "_on_" + kind_names[kind];
}

INSTANTIATE_TEST_SUITE_P(PortCalls, Matrix,
                         ::testing::Combine(::testing::ValuesIn(matrix_of_port_calls),
                                            ::testing::Range(0, kinds)),
                         case_name);
INSTANTIATE_TEST_SUITE_P(SetAndTaskCalls, Matrix,
                         ::testing::Combine(::testing::ValuesIn(matrix_of_set_and_task_calls),
                                            ::testing::Range(0, kinds)),
                         case_name);
INSTANTIATE_TEST_SUITE_P(Messages, Matrix,
                         ::testing::Combine(::testing::ValuesIn(matrix_of_messages),
                                            ::testing::Range(0, kinds)),
                         case_name);

}  // namespace
}  // namespace umach::tests
