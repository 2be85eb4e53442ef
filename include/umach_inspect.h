// SPDX-License-Identifier: BSL-1.0
// Making a named host, finding hosts, and looking into one: its tasks, threads, names, ports, and the audit.
//
// Looking takes no lock and stops nobody, so what is seen together may be of slightly different instants;
// each number by itself was true. Only the audit takes locks. A visit function is called once for each thing
// found, in the calling thread, with the context given; what it is given is valid during that call only. It
// may not call umach_host_create or umach_host_attach.
#pragma once

#include <mach/kern_return.h>
#include <mach/port.h>
#include <umach_export.h>

UMACH_BEGIN_C

// ---- hosts -------------------------------------------------------------------------------------------

// How a host is made. All zero: the defaults.
typedef struct umach_host_options {
    const char* segment;              // "posix", "sysv" or "anonymous"; null: "posix"
    const char* doorbell;             // "futex", "posix" or "sysv"; null: "futex"
    unsigned int ports;               // 0: 16,384
    unsigned int tasks;               // 0: 256
    unsigned int threads;             // of control, fibers too; 0: sixteen a task
    unsigned long long message_bytes; // memory for messages; 0: 8 MiB
    unsigned long long pool_bytes;    // addresses for memory that can move in messages; 0: 8 GiB
    unsigned long long task_memory;   // how much of that one task may have; 0: all
    unsigned long long task_in_flight; // how much of that may be in messages that one task sent; 0: all
} umach_host_options_t;

/*
 * umach_host_create: make a named host, with this process as its first member and its keeper.
 *
 * takes: nothing; options may be null. A hidden thread keeps the host until this process ends; then another
 *   member keeps it, if there is one
 * returns: KERN_SUCCESS; KERN_INVALID_ARGUMENT the name or a kind cannot be; KERN_NAME_EXISTS this user has
 *   a host of that name; KERN_FAILURE this process is in a host already; KERN_RESOURCE_SHORTAGE no memory
 * limits: a name has 1 to 31 bytes, no '/', and does not begin with '#'
 * source: an addition
 */
UMACH_EXPORT kern_return_t umach_host_create(const char* name, const umach_host_options_t* options);

/*
 * umach_host_attach: make this process a member of the host of that name, whatever UMACH_HOST says.
 *
 * takes: nothing
 * waits: up to 300 ms for the name to be taken, if nobody has it; then for the keeper's answer
 * returns: KERN_SUCCESS; KERN_INVALID_ARGUMENT it can be no name; KERN_INVALID_HOST there is no such host;
 *   KERN_NO_ACCESS it is another user's, or of another version; KERN_FAILURE this process is in a host
 *   already; KERN_RESOURCE_SHORTAGE the host is full
 * source: an addition
 */
UMACH_EXPORT kern_return_t umach_host_attach(const char* name);

/*
 * umach_host_list: visit the names of this user's running hosts, in order. That of a host without a name of
 * its own begins with '#'.
 *
 * returns: KERN_SUCCESS; KERN_FAILURE the system does not say
 * source: an addition
 */
UMACH_EXPORT kern_return_t umach_host_list(void (*visit)(const char* name, void* context), void* context);

// ---- looking -----------------------------------------------------------------------------------------
// All of these are about the host that this process is in; KERN_INVALID_HOST when it is in none.

typedef struct umach_host_seen {
    const char* name;
    int keeper;                             // pid; 0 while there is none
    const char* segment;                    // as in umach_host_options_t
    const char* doorbell;
    unsigned int tasks, most_tasks;
    unsigned int ports, most_ports;
    unsigned long long rescued_wakeups;     // wake-ups that a sleeper found by itself
    unsigned long long mended;              // unfinished steps of the dead that were taken back
} umach_host_seen_t;

/*
 * umach_inspect_host: look at the host as a whole.
 *
 * takes: nothing; the texts are valid until the calling thread's next call of this
 * returns: KERN_SUCCESS; KERN_INVALID_ADDRESS seen cannot be written; KERN_INVALID_HOST
 * source: an addition
 */
UMACH_EXPORT kern_return_t umach_inspect_host(umach_host_seen_t* seen);

typedef struct umach_task_seen {
    unsigned int number;                    // in the host's table
    int pid;                                // 0: the host's own task
    int ending;                             // its end has begun
    unsigned int suspends;                  // how often it was suspended and not resumed
    char program[16];
    unsigned int names, receive_rights, threads, sets;
    unsigned int regions;                   // of memory that can move in messages
    unsigned long long region_bytes;
    unsigned int sections;                  // that it made and that are still there
    unsigned long long section_bytes;
    unsigned int views;                     // where it has sections mapped
    unsigned long long view_bytes;
    unsigned long long bytes_in_flight;     // of out-of-line data that it sent and nobody has received yet
} umach_task_seen_t;

/*
 * umach_inspect_tasks: visit the host's tasks, this process's own included.
 *
 * returns: KERN_SUCCESS; KERN_INVALID_HOST
 * source: an addition
 */
UMACH_EXPORT kern_return_t umach_inspect_tasks(
    void (*visit)(const umach_task_seen_t* task, void* context), void* context);

#define UMACH_WAITS_NOT 0
#define UMACH_WAITS_TO_SEND 1
#define UMACH_WAITS_TO_RECEIVE 2
#define UMACH_WAITS_AT_SET 3          // to receive
#define UMACH_WAITS_FOR_ANSWER 4      // of msg_rpc
#define UMACH_WAITS_TO_MIRROR 5       // a hidden thread of port_set_fd
#define UMACH_WAITS_FOR_TOKEN 6       // in umach_thread_park
#define UMACH_WAITS_FOR_END 7         // of a thread or task, whose kernel port it waits at
#define UMACH_WAITS_TO_RESUME 8       // it was suspended, and stands still

typedef struct umach_thread_seen {
    unsigned int number;                    // in the host's table
    unsigned int task;                      // its number
    int carrier;                            // a umach_carrier_t; UMACH_PROCESS: a process's first thread
    int tid;                                // of its OS thread; 0: it has not begun
    int ending;                             // it was terminated
    unsigned int suspends;                  // suspensions of it, not of its task, that were not taken back
    int stands_still;                       // suspended, or until its exception is answered
    int waits;                              // UMACH_WAITS_...
    unsigned long long wait;                // numbers its waits: who waits on has the same number as before
    long long ends_in;                      // ms until it ends by itself; 0: or just began; -1: never
    unsigned long long at;                  // the port, or the set, that it waits at; 0 for none
    port_name_t name;                       // what its task calls that; PORT_NULL if nothing
} umach_thread_seen_t;

/*
 * umach_inspect_threads: visit all threads of control.
 *
 * returns: KERN_SUCCESS; KERN_INVALID_HOST
 * source: an addition
 */
UMACH_EXPORT kern_return_t umach_inspect_threads(
    void (*visit)(const umach_thread_seen_t* thread, void* context), void* context);

#define UMACH_PLACE_NOWHERE 0
#define UMACH_PLACE_TASK 1
#define UMACH_PLACE_MESSAGE 2               // on its way
#define UMACH_PLACE_BACKUP 3                // in a notification at the backup port

typedef struct umach_place {
    int kind;                               // UMACH_PLACE_...
    unsigned long long where;               // a task's number; where the message stands, or 0; the port
} umach_place_t;

typedef struct umach_call_seen {
    unsigned int thread;                    // number of the one that waits for the answer
    umach_place_t place;                    // of the right to answer it
    port_name_t name;                       // what that task calls it; PORT_NULL in a message
} umach_call_seen_t;

/*
 * umach_inspect_calls: visit the calls by msg_rpc that are not answered yet, and where the right to answer
 * each is.
 *
 * returns: KERN_SUCCESS; KERN_INVALID_HOST
 * source: an addition
 */
UMACH_EXPORT kern_return_t umach_inspect_calls(
    void (*visit)(const umach_call_seen_t* call, void* context), void* context);

typedef struct umach_name_seen {
    unsigned int task;                      // its number
    port_name_t name;
    port_type_t type;
    int sends;                              // it includes a send right of its own
    unsigned int references;                // of that, or of a dead name
    unsigned long long port;                // the port, or the set; 0 for a dead name
} umach_name_seen_t;

/*
 * umach_inspect_names: visit the names in the space of a task.
 *
 * returns: KERN_SUCCESS; KERN_INVALID_TASK there is no task of that number; KERN_INVALID_HOST
 * source: an addition
 */
UMACH_EXPORT kern_return_t umach_inspect_names(
    unsigned int task, void (*visit)(const umach_name_seen_t* name, void* context), void* context);

#define UMACH_PORT_ORDINARY 0               // messages to it are received; to the others they are calls
#define UMACH_PORT_OF_TASK 1
#define UMACH_PORT_OF_THREAD 2
#define UMACH_PORT_OF_HOST 3
#define UMACH_PORT_OF_MEMORY 4             // a memory object

typedef struct umach_port_seen {
    unsigned long long port;                // names it in the host, as long as it lives
    int kind;                               // UMACH_PORT_...
    unsigned int object;                    // number of the task, or thread, whose kernel port it is
    unsigned long long section_bytes;       // of a memory object: how large its section is
    int dying;
    unsigned int messages;                  // in its queue
    unsigned int ordinary;                  // of these, how many count against the backlog
    unsigned int notices;                   // notifications that stand there, at most 255 counted
    unsigned int backlog;
    unsigned int waiting;                   // threads that wait for room
    unsigned int kept;                      // messages kept for want of room
    unsigned int send_rights;               // in spaces, in messages, and as special or registered ports
    unsigned long long set;                 // that it is a member of, or 0
    umach_place_t receiver, owner;
} umach_port_seen_t;

/*
 * umach_inspect_ports: visit all ports.
 *
 * returns: KERN_SUCCESS; KERN_INVALID_HOST
 * source: an addition
 */
UMACH_EXPORT kern_return_t umach_inspect_ports(
    void (*visit)(const umach_port_seen_t* port, void* context), void* context);

typedef struct umach_audit_seen {
    unsigned int violations;
    unsigned long long tasks, ports, names, messages, rights;   // what was looked at
    unsigned long long rescued_wakeups;
} umach_audit_seen_t;

/*
 * umach_inspect_audit: check every rule that holds between the kernel's steps, and visit a sentence for each
 * that is broken. Unfinished steps of dead threads are taken back before.
 *
 * takes: nothing; seen may be null
 * waits: until every task's lock has been taken; the host stands still for the milliseconds of the audit
 * returns: KERN_SUCCESS, also when rules are broken; KERN_INVALID_ADDRESS seen cannot be written;
 *   KERN_INVALID_HOST; KERN_RESOURCE_SHORTAGE this thread cannot call in
 * source: an addition
 */
UMACH_EXPORT kern_return_t umach_inspect_audit(
    void (*visit)(const char* violation, void* context), void* context, umach_audit_seen_t* seen);

UMACH_END_C
