// SPDX-License-Identifier: BSL-1.0
// The types that Mach's calls speak of. A task or thread is named by a port that stands for it.
#pragma once

#include <mach/boolean.h>
#include <mach/kern_return.h>
#include <mach/message.h>
#include <mach/notify.h>
#include <mach/port.h>
#include <mach/task_special_ports.h>
#include <mach/vm_types.h>

typedef port_t task_t;
typedef port_t vm_task_t;
typedef port_t thread_t;
typedef thread_t* thread_array_t;
typedef port_t host_t;
typedef port_t memory_object_t;

#define TASK_NULL ((task_t)0)
#define THREAD_NULL ((thread_t)0)
#define HOST_NULL ((host_t)0)
#define MEMORY_OBJECT_NULL ((memory_object_t)0)
