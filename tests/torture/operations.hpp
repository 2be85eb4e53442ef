// SPDX-License-Identifier: BSL-1.0
// The operations that a process is killed in, by what they are about.
#pragma once

#include "stage.hpp"

#include <vector>

namespace umach::torture {

std::vector<Operation> sends();
std::vector<Operation> receives();
std::vector<Operation> port_calls();
std::vector<Operation> task_calls();
std::vector<Operation> memory_calls();
std::vector<Operation> repairs();

Operation operation_called(const char* name);

}  // namespace umach::torture
