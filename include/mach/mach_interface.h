// SPDX-License-Identifier: BSL-1.0
// Every call on a kernel object: ports, port sets, tasks, memory.
#pragma once

#include <mach/host_interface.h>
#include <mach/port_interface.h>
#include <mach/port_set_interface.h>
#include <mach/task_interface.h>
#include <mach/thread_interface.h>
#include <mach/vm_interface.h>
