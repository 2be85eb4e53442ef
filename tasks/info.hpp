// SPDX-License-Identifier: BSL-1.0
// What tasks, threads and the machine are asked about; <mach/task_interface.h>, <mach/thread_interface.h> and
// <mach/host_interface.h> have the contracts. Times and sizes are those that /proc tells of the process, any
// of the host's.
#pragma once

#include "tasks/kernel/calls.hpp"

namespace umach::tasks::calls {

kern_return_t task_info(ports::Caller& caller, ports::TaskRef task, Int flavor, Array<Int>* info);
kern_return_t thread_info(ports::Caller& caller, ports::ThreadRef thread, Int flavor, Array<Int>* info);
kern_return_t host_info(ports::Caller& caller, HostRef host, Int flavor, Array<Int>* info);

}  // namespace umach::tasks::calls
