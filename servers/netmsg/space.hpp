// SPDX-License-Identifier: BSL-1.0
// What the server does with the names of its own space, in a word each.
#pragma once

#include <mach.h>

namespace umach::netmsg {

union Buffer {
    msg_header_t header;
    notification_t notification;
    char bytes[MSG_SIZE_MAX];
    Buffer() : bytes{} {}
};

// returns: PORT_NULL when there is none to be had
port_t new_port();

// Ends a port of ours. A send right to it that is ours stays, as a dead name.
void end_port(port_t name);

// Gives up one reference of a send right, or of the dead name that it has become; or a send-once right.
void give_up(port_t name);

// returns: PORT_TYPE_NONE for a name that stands for nothing
port_type_t type_of(port_t name);

// A right to a port of which we have another one, as the code says: a send-once right from the receive right
// (MSG_TYPE_MAKE_SEND_ONCE), a send right from ownership too (MSG_TYPE_PORT). Only a message makes one.
// takes: another port of ours for that message, at which nothing waits
// returns: PORT_NULL when that cannot be
port_t make_right(unsigned code, port_t from, port_t way);

// Wakes who receives there by a message of nothing, unless messages wait there.
void say(port_t port);

// Has the task's notify port told of it; `forget` takes a request back.
void ask(port_t name, int notification);
void forget(port_t name, int notification);

// waits: until a message can be received there, which stays
void await_message(port_t port_or_set);

// Whether somebody else can send to a port of ours that is in no set, or a message waits there.
bool has_senders(port_t receive_right);

// returns: how many messages wait at a port of ours
int waiting_at(port_t receive_right);

}  // namespace umach::netmsg
