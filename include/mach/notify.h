// SPDX-License-Identifier: BSL-1.0
// Notifications: messages of the kernel to a task's notify port, whose name task_notify() gives.
//
// They are 32 bytes, msg_type MSG_TYPE_EMERGENCY, msg_remote_port PORT_NULL, with MSG_UNUSED_KERNEL set,
// which nobody else can do. They need no room in the queue, are never lost for want of it, and are received
// before ordinary messages.
// source: Mach 2.5; NOTIFY_NO_MORE_SENDERS and NOTIFY_SEND_ONCE are Mach 3's, on request by
// port_request_notification().
#pragma once

#include <mach/message.h>

#define NOTIFY_FIRST 0100
// A port has died under notify_port, which until this message is received stays as a dead name.
#define NOTIFY_PORT_DELETED 0101
// The kept message to notify_port has entered the queue.
#define NOTIFY_MSG_ACCEPTED 0102
// Ownership of notify_port has come to its receiver.
#define NOTIFY_OWNERSHIP_RIGHTS 0103
// The receive right of notify_port has come to its owner.
#define NOTIFY_RECEIVE_RIGHTS 0104
// The port whose backup this is would have died: the message carries its rights (MSG_TYPE_PORT_ALL).
#define NOTIFY_PORT_DESTROYED 0105
// Nobody but the receiver of notify_port holds a send right, and none is on its way.
#define NOTIFY_NO_MORE_SENDERS 0106
// A send-once right to notify_port has died: nobody will use it.
#define NOTIFY_SEND_ONCE 0107
#define NOTIFY_LAST 0115

// notify_type is MSG_TYPE_PORT_NAME, one of 32 bits, except in NOTIFY_PORT_DESTROYED.
typedef struct {
    msg_header_t notify_header;
    msg_type_t notify_type;
    port_t notify_port;
} notification_t;

static_assert(sizeof(notification_t) == 32, "a notification is 32 bytes");
