// SPDX-License-Identifier: BSL-1.0
// The matrix: every call on every kind of thing that a name can stand for, and the code it must give.
#pragma once

#include "kinds.hpp"

#include <array>
#include <ostream>

namespace umach::tests {

struct Row {
    const char* call;
    // Makes the call on the name under test. spare: another port of the test's, with receive right and
    // ownership.
    int (*make)(port_t name, port_t spare);
    // In the order of Kind. A call that fails must also have left the name as it was.
    std::array<int, kinds> expected;
};

inline void PrintTo(const Row& row, std::ostream* out) {
    *out << row.call;
}

// Short words for the tables.
inline constexpr int OK = 0;
inline constexpr int ARG = KERN_INVALID_ARGUMENT;
inline constexpr int NRC = KERN_NOT_RECEIVER;
inline constexpr int NIS = KERN_NOT_IN_SET;
inline constexpr int FAI = KERN_FAILURE;
inline constexpr int SIP = SEND_INVALID_PORT;
inline constexpr int RIP = RCV_INVALID_PORT;
inline constexpr int TMO = RCV_TIMED_OUT;

extern const std::vector<Row> matrix_of_port_calls;
extern const std::vector<Row> matrix_of_set_and_task_calls;
extern const std::vector<Row> matrix_of_messages;

}  // namespace umach::tests
