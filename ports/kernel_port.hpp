// SPDX-License-Identifier: BSL-1.0
// Kernel ports: a message to the port that stands for a task, a thread or the host is a call. It is never
// queued: the thread that sends it serves it, and has the reply queued in its turn.
//
// The rights of a request stay with the sender: its items are names in the sender's space, as the arguments
// of a direct call are. Rights of a reply are made in that space too, and leave it with the reply.
#pragma once

#include "ports/caller.hpp"

#include <mach/message.h>

namespace umach::ports {

// What a kernel port stands for.
struct KernelObject {
    PortKind kind = PortKind::ordinary;  // ordinary: for nothing
    TaskRef task;                        // of a task's port
    ThreadRef thread;                    // of a thread's
    PortRef memory;                      // a memory object's own
};

// returns: one of kind ordinary when the port is no kernel port, or is dead
KernelObject object_of_port(Kernel& k, PortRef port);
// The same for a name of the caller's.
KernelObject object_of_name(Caller& caller, port_name_t name);

// Where the reply goes: to a call by msg_rpc, or to what a name of the sender's can send to; 0: nowhere.
struct ReplyTo {
    std::uint32_t name = 0;
    PortRef port;
    CallRef call;
};

// A message that was sent to a kernel port by somebody who holds every right in it.
struct KernelRequest {
    Caller& caller;
    KernelObject object;
    std::uint32_t message = 0;  // in the carrier's hand
    ReplyTo to;
};

// Who serves them: the floor above.
// takes: the message in hand
using KernelReceiver = void (*)(KernelRequest& request);
extern KernelReceiver kernel_receiver;

// ---- for the receiver ----------------------------------------------------------------------------------

// The names of the request's items that say deallocate leave the sender's space, as they would with a
// message.
void give_up_names(const KernelRequest& request);

// Makes the request in hand its own reply: id + 100, and room for a body, which the caller writes behind the
// header.
// size: of header and body, bytes; rights: how many the body will carry, at most `most_rights`
// returns: the message's text; nullptr when the host has no memory for it, and the request is still in hand
std::byte* begin_reply(KernelRequest& request, std::uint32_t size, std::uint32_t rights);

// Sends the reply that was written, past every backlog.
// takes: the message, unless a right is lost
// returns: nowhere: nobody wants it, or its port died; right_lost: a right that it names has left the
// sender's space
enum class Replied { sent, nowhere, right_lost, no_memory };
Replied send_reply(KernelRequest& request);

}  // namespace umach::ports
