// SPDX-License-Identifier: BSL-1.0
// Calls on the host.
#pragma once

#include <mach/host_info.h>
#include <mach/mach_types.h>

UMACH_BEGIN_C

/*
 * host_self: the port that stands for the host.
 *
 * returns: its name, the same at each call; PORT_NULL when there is no room for it
 * source: Mach 3, a trap
 */
UMACH_EXPORT host_t host_self(void);

/*
 * host_info: what the machine is, and how busy.
 *
 * takes: *host_info_count is how many integers there is room for
 * returns: KERN_SUCCESS *host_info_count is how many were given; KERN_INVALID_ARGUMENT host is no name of the host's
 *   port, unknown flavor or too little room
 * limits: flavor HOST_BASIC_INFO or HOST_LOAD_INFO
 * source: Mach 3, mach_host.defs
 */
UMACH_EXPORT kern_return_t host_info(host_t host, int flavor, host_info_t host_info_out, unsigned int* host_info_count);

UMACH_END_C
