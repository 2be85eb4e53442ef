// SPDX-License-Identifier: BSL-1.0
// What a program finds when it starts: its own task, its notify port, and where the servers are.
//
// No set-up call is needed: the first call of any kind joins the host that UMACH_HOST names, or makes one
// that the children share. name_server_port and bootstrap_port are macros over a function, as errno is: they
// always give the current port, also after a fork and after the name service has passed to another process.
#pragma once

#include <mach/mach_types.h>

UMACH_BEGIN_C

/*
 * task_self: name the caller's own task.
 *
 * takes: nothing; the name belongs to the task for its whole life and adds no reference
 * returns: the name of the task's kernel port; PORT_NULL when no host can be joined or made,
 *   mach_error_detail() says why
 * source: Mach 2.5 trap
 */
UMACH_EXPORT task_t task_self(void);

/*
 * task_notify: name the port at which the caller's task receives its notifications.
 *
 * takes: nothing; the name belongs to the task for its whole life and adds no reference
 * returns: the name of the notify port, to which the task holds the receive right; PORT_NULL as task_self()
 * source: Mach 2.5 trap
 */
UMACH_EXPORT port_t task_notify(void);

/*
 * umach_name_server_port: name the port of the name service; read it as name_server_port.
 *
 * takes: nothing; the name stays until the port dies
 * returns: the task's name for it; PORT_NULL when there is none
 * source: Mach 2.5 has a variable of that name
 */
UMACH_EXPORT port_t umach_name_server_port(void);

/*
 * umach_bootstrap_port: name the caller's bootstrap port; read it as bootstrap_port.
 *
 * takes: nothing; the name stays until the port dies or task_set_special_port() replaces it
 * returns: the task's name for it; PORT_NULL when there is none
 * source: Mach 2.5 has a variable of that name
 */
UMACH_EXPORT port_t umach_bootstrap_port(void);

UMACH_END_C

#define name_server_port (umach_name_server_port())
#define bootstrap_port (umach_bootstrap_port())
