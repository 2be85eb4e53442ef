// SPDX-License-Identifier: BSL-1.0
// The name service: ports found by name. server_port is name_server_port. An entry goes when its port dies.
//
// Every call is a message to the server and back, so it also returns the codes of msg_rpc():
// SEND_INVALID_PORT when server_port is no server's, MIG_SERVER_DIED when the server ended meanwhile.
#pragma once

#include <mach/mach_types.h>
#include <servers/netname_defs.h>

UMACH_BEGIN_C

/*
 * netname_check_in: enter a port under a name, or replace one's own entry.
 *
 * takes: nothing; send rights to port_id and signature are copied
 * waits: for the server's reply
 * returns: NETNAME_SUCCESS entered; NETNAME_NOT_YOURS the name is taken and was entered with another
 *   signature; NETNAME_INVALID_PORT port_id is PORT_NULL or a dead name; SEND_INVALID_PORT the caller holds
 *   no send or receive right under port_id or signature
 * limits: names of at most 80 bytes; signature is any port, which later changes must show again, or PORT_NULL
 * source: Mach 2.5 netname, message 1040
 */
UMACH_EXPORT kern_return_t netname_check_in(port_t server_port, const char* port_name, port_t signature,
                                            port_t port_id);

/*
 * netname_look_up: find the port that stands under a name.
 *
 * takes: nothing; hands over one reference of a send right
 * waits: for the server's reply
 * returns: NETNAME_SUCCESS *port_id is the caller's name for it; NETNAME_NOT_CHECKED_IN no such name;
 *   NETNAME_NO_SUCH_HOST host_name is neither "", "*" nor a host that is linked
 * limits: names of at most 80 bytes; host_name "" asks this host alone; "*" this one, then every host that
 *   is linked or hears the question (umach link --seek); the first answer counts, within a second
 * source: Mach 2.5 netname, message 1041
 */
UMACH_EXPORT kern_return_t netname_look_up(port_t server_port, const char* host_name, const char* port_name,
                                           port_t* port_id);

/*
 * netname_check_out: remove an entry.
 *
 * takes: nothing; a send right to signature is copied
 * waits: for the server's reply
 * returns: NETNAME_SUCCESS removed; NETNAME_NOT_CHECKED_IN no such name; NETNAME_NOT_YOURS it was entered
 *   with another signature; SEND_INVALID_PORT the caller holds no send or receive right under signature
 * limits: names of at most 80 bytes
 * source: Mach 2.5 netname, message 1042
 */
UMACH_EXPORT kern_return_t netname_check_out(port_t server_port, const char* port_name, port_t signature);

/*
 * netname_version: say which name server answers.
 *
 * takes: nothing; version receives a text of at most 80 bytes, its end mark included
 * waits: for the server's reply
 * returns: NETNAME_SUCCESS told
 * source: Mach 2.5 netname, message 1043
 */
UMACH_EXPORT kern_return_t netname_version(port_t server_port, netname_name_t version);

UMACH_END_C
