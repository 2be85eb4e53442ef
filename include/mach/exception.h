// SPDX-License-Identifier: BSL-1.0
// Exceptions: a thread whose own code faults asks, by message, whether it may go on.
//
// The message goes to the thread's exception port (thread_set_special_port()) or, when that is PORT_NULL, to its
// task's (task_set_special_port()), and the thread waits for the reply. One with KERN_SUCCESS lets it go on: it
// tries the same instruction again, or whatever its registers say by then: until the reply they are there for
// thread_get_state() and thread_set_state(). Any other reply, a server that dies, and no port at all mean that the
// signal takes its course, as in any process.
// source: Mach 2.5, exc.defs 2400. Differs: the subcode has 64 bits, for an address
#pragma once

#include <mach/mach_types.h>

#define EXC_RAISE_ID 2400
#define EXC_RAISE_REPLY_ID 2500

#define EXC_BAD_ACCESS 1       // SIGSEGV, SIGBUS; code a kern_return_t, subcode the address
#define EXC_BAD_INSTRUCTION 2  // SIGILL; code the signal's own, subcode where
#define EXC_ARITHMETIC 3       // SIGFPE; code the signal's own (1: a division by zero), subcode where
#define EXC_EMULATION 4        // not raised
#define EXC_SOFTWARE 5         // SIGABRT, as by abort(); code EXC_UNIX_ABORT, subcode 0
#define EXC_BREAKPOINT 6       // not raised: SIGTRAP is a debugger's

// Codes of EXC_BAD_ACCESS are KERN_INVALID_ADDRESS, nothing is there, and KERN_PROTECTION_FAILURE.
#define EXC_UNIX_ABORT 0x10002

// What an exception port receives. The two ports are send rights: the receiver may look at, change and end the
// thread and the task.
typedef struct __attribute__((packed, aligned(4))) {
    msg_header_t header;
    msg_type_t thread_type;
    port_t thread;
    msg_type_t task_type;
    port_t task;
    msg_type_t exception_type;
    int exception;
    msg_type_t code_type;
    int code;
    msg_type_t subcode_type;
    unsigned long long subcode;
} exc_raise_request_t;

static_assert(sizeof(exc_raise_request_t) == 68, "a request is 68 bytes");

// What it answers, to the request's msg_remote_port.
typedef struct {
    msg_header_t header;
    msg_type_t code_type;
    kern_return_t code;
} exc_raise_reply_t;

static_assert(sizeof(exc_raise_reply_t) == 32, "a reply is 32 bytes");

// Decides about an exception.
// takes: the rights to thread and task
// returns: KERN_SUCCESS the thread goes on
typedef kern_return_t (*exc_raise_t)(port_t exception_port, thread_t thread, task_t task, int exception, int code,
                                     unsigned long long subcode);

// Makes a received exception's reply, ready to be sent, of what a function decides.
// returns: FALSE the message is no exception, and nothing was done
static inline boolean_t exc_server(const msg_header_t* message, exc_raise_reply_t* reply, exc_raise_t decide) {
    const exc_raise_request_t* in = (const exc_raise_request_t*)(const void*)message;
    const msg_type_t integer = {MSG_TYPE_INTEGER_32, 32, 1, 1, 0, 0, 0};
    if (message->msg_id != EXC_RAISE_ID || message->msg_size != sizeof *in) return FALSE;
    reply->header.msg_unused = 0;
    reply->header.msg_simple = TRUE;
    reply->header.msg_size = sizeof *reply;
    reply->header.msg_type = MSG_TYPE_NORMAL;
    reply->header.msg_local_port = PORT_NULL;
    reply->header.msg_remote_port = message->msg_remote_port;
    reply->header.msg_id = EXC_RAISE_REPLY_ID;
    reply->code_type = integer;
    reply->code = decide(message->msg_local_port, in->thread, in->task, in->exception, in->code, in->subcode);
    return TRUE;
}
