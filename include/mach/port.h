// SPDX-License-Identifier: BSL-1.0
// Names of ports, and what kinds of right a name can stand for.
//
// A name is a 32-bit number that means something only in one task's space. A port has one name in a space,
// whatever rights the task holds to it; only a send-once right has a name of its own. First names are small
// numbers; a generation stands above the index, so a freed name is not met again at once.
// source: Mach 2.5; PORT_TYPE_SEND_ONCE, PORT_TYPE_DEAD_NAME and PORT_DEAD are additions.
#pragma once

#include <mach/boolean.h>

typedef int port_name_t;
typedef port_name_t port_t;
typedef port_name_t port_rcv_t;
typedef port_name_t port_own_t;
typedef port_name_t port_all_t;
typedef port_name_t port_set_name_t;
typedef port_name_t* port_name_array_t;
typedef port_t* port_array_t;
typedef port_t port_rights;

// No port.
#define PORT_NULL ((port_t)0)
// In a message: the name of a port that has died.
#define PORT_DEAD ((port_t)~0)

// What a name stands for. Bit 0 is set in every kind that Mach 2.5 lists.
typedef int port_type_t;
typedef port_type_t* port_type_array_t;

#define PORT_TYPE_NONE 0
#define PORT_TYPE_SEND 1
#define PORT_TYPE_RECEIVE 3
#define PORT_TYPE_OWN 5
#define PORT_TYPE_RECEIVE_OWN 7
#define PORT_TYPE_SET 9
#define PORT_TYPE_LAST 10
#define PORT_TYPE_SEND_ONCE 17
#define PORT_TYPE_DEAD_NAME 33

// Ordinary messages that a port's queue holds: 1 to PORT_BACKLOG_MAX. Mach 2.5 has 5 and 16.
#define PORT_BACKLOG_DEFAULT 8
#define PORT_BACKLOG_MAX 8
