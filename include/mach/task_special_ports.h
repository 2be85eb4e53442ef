// SPDX-License-Identifier: BSL-1.0
// Which special port of a task is meant, and how many ports it can register for its children.
#pragma once

#define TASK_KERNEL_PORT 1
#define TASK_NOTIFY_PORT 2
#define TASK_EXCEPTION_PORT 3
#define TASK_BOOTSTRAP_PORT 4

#define TASK_PORT_REGISTER_MAX 4
// Uses of the registered ports that Mach's own programs agree on.
#define NAME_SERVER_SLOT 0
#define ENVIRONMENT_SLOT 1
#define SERVICE_SLOT 2

#define task_get_notify_port(task, port) (task_get_special_port((task), TASK_NOTIFY_PORT, (port)))
#define task_set_notify_port(task, port) (task_set_special_port((task), TASK_NOTIFY_PORT, (port)))
#define task_get_exception_port(task, port) (task_get_special_port((task), TASK_EXCEPTION_PORT, (port)))
#define task_set_exception_port(task, port) (task_set_special_port((task), TASK_EXCEPTION_PORT, (port)))
#define task_get_bootstrap_port(task, port) (task_get_special_port((task), TASK_BOOTSTRAP_PORT, (port)))
#define task_set_bootstrap_port(task, port) (task_set_special_port((task), TASK_BOOTSTRAP_PORT, (port)))
