// SPDX-License-Identifier: BSL-1.0
// Messages: the header, the descriptors of typed items, and the calls that send and receive.
//
// A message is a header and then, when msg_simple is FALSE, a sequence of items: a descriptor and its data.
// In-line data stands directly behind its descriptor and is padded to 4 bytes, so 64-bit elements in-line
// stand at +4, not at +8. Out-of-line data is an 8-byte pointer, aligned up to 8 from the start of the
// message. When msg_simple is TRUE the body is bytes that the kernel does not look at.
//
// Two failures never mix: send codes are -101 to -110, receive codes -201 to -208, so msg_rpc() says which
// half failed. A send that fails takes nothing: no right, no memory. A receive that cannot be completed
// changes nothing. mach_error_detail() says in words which field, right or quota the last failure was about.
// source: Mach 2.5 <mach/message.h>; the codes 18 and 21, and MSG_UNUSED_KERNEL, are additions.
#pragma once

#include <assert.h>

#include <mach/boolean.h>
#include <mach/kern_return.h>
#include <mach/mig_errors.h>
#include <mach/port.h>
#include <umach_export.h>

typedef unsigned int msg_size_t;
typedef unsigned int msg_timeout_t;
typedef int msg_option_t;
typedef int msg_return_t;
typedef int msg_id_t;

// The largest message, header and in-line data together, in bytes.
#define MSG_SIZE_MAX 8192
// The most rights and out-of-line items that one message carries.
#define MSG_RIGHTS_MAX 64

// msg_size is set by who sends; before a receive it says how large the buffer is, and msg_local_port which
// port or set to receive from. On receipt msg_local_port names the port that the message came to and
// msg_remote_port the reply port: swapped against the sender's view.
typedef struct {
    unsigned int msg_unused : 24, msg_simple : 8;
    msg_size_t msg_size;
    int msg_type;
    port_t msg_local_port;
    port_t msg_remote_port;
    msg_id_t msg_id;
} msg_header_t;

static_assert(sizeof(msg_header_t) == 24, "a message header is 24 bytes");

// Bit of msg_unused: the kernel itself made this message. Nobody else can set it: a send clears it.
#define MSG_UNUSED_KERNEL 0x1

// Values of msg_type that the kernel knows. EMERGENCY is carried and never reorders.
#define MSG_TYPE_NORMAL 0
#define MSG_TYPE_EMERGENCY 1

// The descriptor of an item: what each element is, how many bits it has, how many there are.
typedef struct {
    unsigned int msg_type_name : 8, msg_type_size : 8, msg_type_number : 12, msg_type_inline : 1,
        msg_type_longform : 1, msg_type_deallocate : 1, msg_type_unused : 1;
} msg_type_t;

// With msg_type_longform set the three fields below count, and name, size and number of the short form are
// ignored.
typedef struct {
    msg_type_t msg_type_header;
    unsigned short msg_type_long_name;
    unsigned short msg_type_long_size;
    unsigned int msg_type_long_number;
} msg_type_long_t;

static_assert(sizeof(msg_type_t) == 4, "a descriptor is 4 bytes");
static_assert(sizeof(msg_type_long_t) == 12, "a long descriptor is 12 bytes");

// What an element is: msg_type_name. Elements that are rights have 32 bits.
#define MSG_TYPE_UNSTRUCTURED 0
#define MSG_TYPE_BIT 0
#define MSG_TYPE_BOOLEAN 0
#define MSG_TYPE_INTEGER_16 1
#define MSG_TYPE_INTEGER_32 2
#define MSG_TYPE_PORT_OWNERSHIP 3  // moves ownership
#define MSG_TYPE_PORT_RECEIVE 4    // moves the receive right
#define MSG_TYPE_PORT_ALL 5        // moves both; without msg_type_deallocate the sender keeps a send right
#define MSG_TYPE_PORT 6  // copies a send right, with msg_type_deallocate moves it; moves a send-once right
#define MSG_TYPE_CHAR 8
#define MSG_TYPE_BYTE 9
#define MSG_TYPE_INTEGER_8 9
#define MSG_TYPE_REAL 10
#define MSG_TYPE_INTEGER_64 11
#define MSG_TYPE_STRING 12
#define MSG_TYPE_STRING_C 12
#define MSG_TYPE_INTERNAL_MEMORY MSG_TYPE_INTEGER_8
#define MSG_TYPE_PORT_NAME 15  // a name as a number: no right goes with it
#define MSG_TYPE_LAST 16
#define MSG_TYPE_MOVE_SEND_ONCE 18  // moves a send-once right; also how one is received
#define MSG_TYPE_PORT_SEND_ONCE MSG_TYPE_MOVE_SEND_ONCE
#define MSG_TYPE_MAKE_SEND_ONCE 21  // makes a send-once right from a receive right; received as 18
#define MSG_TYPE_POLYMORPHIC ((unsigned int)-1)

// Whether elements of this type are rights.
#define MSG_TYPE_PORT_ANY(name)                                                                             \
    (((name) >= MSG_TYPE_PORT_OWNERSHIP && (name) <= MSG_TYPE_PORT) || (name) == MSG_TYPE_MOVE_SEND_ONCE || \
     (name) == MSG_TYPE_MAKE_SEND_ONCE)

// Options of a send. When the queue is full: none of them waits for ever; SEND_TIMEOUT waits that many
// milliseconds, with 0 not at all; SEND_NOTIFY lets the kernel keep the message beside the queue; both wait
// first, then keep.
#define MSG_OPTION_NONE 0
#define SEND_TIMEOUT 0x1
#define SEND_NOTIFY 0x2
#define SEND_INTERRUPT 0x4  // a signal ends the wait
#define SEND_SWITCH 0x20    // a hint: the receiver should run next

// Options of a receive.
#define RCV_TIMEOUT 0x100
#define RCV_NO_SENDERS 0x200  // end when nobody else holds a send right or has one in transit
#define RCV_INTERRUPT 0x400   // a signal ends the wait
#define RCV_LARGE 0x1000      // accepted; too large a message stays queued with and without it

#define SEND_SUCCESS 0
#define SEND_ERRORS_START (-100)
#define SEND_INVALID_MEMORY (-101)
#define SEND_INVALID_PORT (-102)
#define SEND_TIMED_OUT (-103)
#define SEND_WILL_NOTIFY (-105)
#define SEND_NOTIFY_IN_PROGRESS (-106)
#define SEND_KERNEL_REFUSED (-107)
#define SEND_INTERRUPTED (-108)
#define SEND_MSG_TOO_LARGE (-109)
#define SEND_MSG_TOO_SMALL (-110)
#define SEND_ERRORS_END (-111)
#define msg_return_send(code) ((code) < SEND_ERRORS_START && (code) > SEND_ERRORS_END)

#define RCV_SUCCESS 0
#define RCV_ERRORS_START (-200)
#define RCV_INVALID_MEMORY (-201)
#define RCV_INVALID_PORT (-202)
#define RCV_TIMED_OUT (-203)
#define RCV_TOO_LARGE (-204)
#define RCV_NOT_ENOUGH_MEMORY (-205)
#define RCV_ONLY_SENDER (-206)
#define RCV_INTERRUPTED (-207)
#define RCV_PORT_CHANGE (-208)
#define RCV_ERRORS_END (-209)
#define msg_return_rcv(code) ((code) < RCV_ERRORS_START && (code) > RCV_ERRORS_END)

#define RPC_SUCCESS 0

UMACH_BEGIN_C

/*
 * msg_send: queue a message at the port that msg_remote_port names.
 *
 * takes: on SEND_SUCCESS and SEND_WILL_NOTIFY the moved rights and memory; a send-once right used as the
 *   destination is used up and its name is free. On every other code nothing: the caller still holds the
 *   message and all rights in it.
 * waits: while the queue is full, as the options say: for ever, or timeout milliseconds with SEND_TIMEOUT;
 *   for a lock that somebody holds who does not run, as long, and up to a tenth of a second more. Only with
 *   SEND_INTERRUPT does a signal end the wait, also one whose handler was installed with SA_RESTART; an
 *   interrupted wait otherwise goes on for the time that is left. A blocked send stands in a line that is
 *   served strictly in order; a send-once destination never waits.
 * returns: SEND_SUCCESS queued; SEND_INVALID_MEMORY the header, the body or out-of-line data cannot be
 *   read, or memory that the message gives up was changed or lost meanwhile; SEND_INVALID_PORT no right of
 *   that kind under a name in header or body, a dead name, a set as destination, a circle of receive
 *   rights, or destination or right lost during the wait; SEND_TIMED_OUT no room in time, or a lock is held
 *   by somebody who does not run; SEND_WILL_NOTIFY kept beside the queue, NOTIFY_MSG_ACCEPTED will follow;
 *   SEND_NOTIFY_IN_PROGRESS this thread's earlier kept message still waits, or eight acceptances were not
 *   received yet; SEND_KERNEL_REFUSED a quota or the host's memory for messages or for out-of-line data is
 *   exhausted; SEND_INTERRUPTED a signal, with SEND_INTERRUPT, or thread_abort(); SEND_MSG_TOO_LARGE over
 *   MSG_SIZE_MAX; SEND_MSG_TOO_SMALL less than a header, or an item runs past msg_size
 *   A message to a kernel port is a call: it is served before msg_send() returns SEND_SUCCESS, and what became
 *   of it stands in the reply, which goes to msg_local_port whatever the backlog there; a call that failed has
 *   taken nothing but out-of-line memory that the request gives up.
 * limits: MSG_SIZE_MAX bytes in-line, msg_size rounded up to 4; MSG_RIGHTS_MAX rights and out-of-line
 *   items; receive rights nest 16 deep; one kept message a thread, 64 of ended senders a port; timeout in
 *   milliseconds, ignored without SEND_TIMEOUT
 * source: Mach 2.5 msg_send(2). Differs: a failed send keeps its rights (there: lost), a destination that
 *   dies during the wait is SEND_INVALID_PORT (there: success), SEND_NOTIFY is per thread and tells when the
 *   message enters the queue
 */
UMACH_EXPORT msg_return_t msg_send(msg_header_t* header, msg_option_t option, msg_timeout_t timeout);

/*
 * msg_receive: take the first message of the port or port set that msg_local_port names.
 *
 * takes: on RCV_SUCCESS the message leaves the queue; its rights are in the caller's space and its names in
 *   the body; its out-of-line data is memory of the caller's, who gives it back with vm_deallocate(). On
 *   every other code nothing changes, the message stays first.
 * waits: while there is no message: for ever, or timeout milliseconds with RCV_TIMEOUT (0: not at all); for a
 *   lock that somebody holds who does not run, as long, and up to a tenth of a second more. Only with
 *   RCV_INTERRUPT does a signal end the wait; otherwise it goes on for the time that is left.
 * returns: RCV_SUCCESS received; RCV_INVALID_MEMORY the buffer cannot be written; RCV_INVALID_PORT no
 *   receive right and no set under that name, a port that is in a set, or the right moved or died during
 *   the wait; RCV_TIMED_OUT no message in time, or a lock is held by somebody who does not run; RCV_TOO_LARGE
 *   larger than msg_size, which now says the size needed; RCV_NOT_ENOUGH_MEMORY no room in the space for the
 *   rights, or the memory is over the task's quota; RCV_ONLY_SENDER nobody else can send, with RCV_NO_SENDERS;
 *   RCV_INTERRUPTED a signal, with RCV_INTERRUPT, or thread_abort(); RCV_PORT_CHANGE the port was put into a
 *   set during the wait
 * limits: msg_size before the call is the size of the buffer in bytes; timeout in milliseconds, ignored
 *   without RCV_TIMEOUT
 * source: Mach 2.5 msg_receive(2). Notifications are received first; a right whose port died on its way comes
 *   out as PORT_NULL, a name that was dead already when it was sent as PORT_DEAD
 */
UMACH_EXPORT msg_return_t msg_receive(msg_header_t* header, msg_option_t option, msg_timeout_t timeout);

/*
 * msg_rpc: send a message and receive its reply in the same buffer.
 *
 * takes: as msg_send() and msg_receive(). The reply right that is sent is a send-once right bound to this
 *   call: only the reply to it, or the news of its death, ends the receive half; other messages on
 *   msg_local_port stay.
 * waits: first for room, send_timeout milliseconds with SEND_TIMEOUT; then for the reply, rcv_timeout
 *   milliseconds with RCV_TIMEOUT. It never outlasts the reply right: a server that ends, or drops it, ends
 *   the call.
 * returns: RPC_SUCCESS replied; MIG_SERVER_DIED the reply right died unanswered; SEND_WILL_NOTIFY kept beside
 *   the queue, no reply was waited for; SEND_INVALID_PORT, SEND_TIMED_OUT and the other send codes as
 *   msg_send(), nothing taken; RCV_TOO_LARGE the reply exceeds rcv_size and waits at msg_local_port for
 *   msg_receive(); RCV_INVALID_PORT the caller is not the receiver of msg_local_port, or it is in a set;
 *   RCV_TIMED_OUT, RCV_INTERRUPTED and the other receive codes as msg_receive(), a later reply fails at the
 *   server with SEND_INVALID_PORT; when a lock is held by somebody who does not run it may succeed there, and
 *   is lost unless this thread's next call receives from msg_local_port
 * limits: rcv_size is the size of the buffer in bytes; each timeout in milliseconds, ignored without its
 *   option
 * source: Mach 2.5 msg_rpc(2). Differs: the reply right is send-once (there: a send right, and a dead server
 *   hangs the call)
 */
UMACH_EXPORT msg_return_t msg_rpc(msg_header_t* header, msg_option_t option, msg_size_t rcv_size,
                                  msg_timeout_t send_timeout, msg_timeout_t rcv_timeout);

/*
 * msg_send_trap: msg_send() with the size as an argument; msg_size is not looked at.
 *
 * takes: as msg_send()
 * waits: as msg_send()
 * returns: as msg_send()
 * limits: send_size in bytes
 * source: Mach 2.5 trap
 */
UMACH_EXPORT msg_return_t msg_send_trap(msg_header_t* header, msg_option_t option, msg_size_t send_size,
                                        msg_timeout_t timeout);

/*
 * msg_receive_trap: msg_receive() with size and name as arguments, not in the header.
 *
 * takes: as msg_receive()
 * waits: as msg_receive()
 * returns: as msg_receive()
 * limits: rcv_size in bytes
 * source: Mach 2.5 trap
 */
UMACH_EXPORT msg_return_t msg_receive_trap(msg_header_t* header, msg_option_t option, msg_size_t rcv_size,
                                           port_name_t rcv_name, msg_timeout_t timeout);

/*
 * msg_rpc_trap: msg_rpc() with the size to send as an argument; msg_size is not looked at.
 *
 * takes: as msg_rpc()
 * waits: as msg_rpc()
 * returns: as msg_rpc()
 * limits: send_size and rcv_size in bytes
 * source: Mach 2.5 trap
 */
UMACH_EXPORT msg_return_t msg_rpc_trap(msg_header_t* header, msg_option_t option, msg_size_t send_size,
                                       msg_size_t rcv_size, msg_timeout_t send_timeout,
                                       msg_timeout_t rcv_timeout);

UMACH_END_C
