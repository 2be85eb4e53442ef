// SPDX-License-Identifier: BSL-1.0
// Threads of control on any carrier, and what they need of each other: a beginning, an end to wait for, a token to
// park on. The same function runs on a fiber, an OS thread and a process.
#pragma once

#include <mach/mach_types.h>

UMACH_BEGIN_C

typedef enum {
    UMACH_FIBER = 1,      // on the OS thread that makes it; runs when the others there wait; costs some kilobytes
    UMACH_OS_THREAD = 2,  // a thread of this process
    UMACH_PROCESS = 3     // the first thread of a process that is forked; a task of its own
} umach_carrier_t;

typedef void (*umach_function_t)(void* argument);

#define UMACH_FOREVER ((msg_timeout_t)~0u)

/*
 * umach_thread_create: make a thread of control that runs a function, and start it.
 *
 * takes: nothing; hands over one reference of a send right to its kernel port, which dies with it
 * returns: KERN_SUCCESS; KERN_INVALID_ARGUMENT no such carrier, or the task is another process's and the carrier no
 *   process; KERN_RESOURCE_SHORTAGE the host's threads, tasks or carriers are used up, or memory, or processes
 *   (mach_error_detail() says which)
 * limits: a process is a task of its own, which inherits from `task` what task_create() does; its memory is a copy, and
 *   its exit status 0 when the function returns. A fiber begins when its OS thread next waits, yields or makes way;
 *   fibers that are left when their OS thread ends are unwound.
 * source: an addition
 */
UMACH_EXPORT kern_return_t umach_thread_create(task_t task, umach_carrier_t carrier, umach_function_t function,
                                               void* argument, thread_t* thread);

/*
 * umach_thread_join: wait for the end of a thread.
 *
 * waits: at most `timeout` milliseconds, or UMACH_FOREVER
 * returns: KERN_SUCCESS it has ended (a name that has become a dead name says so too); KERN_FAILURE the time is over;
 *   KERN_ABORTED by thread_abort(); KERN_INVALID_ARGUMENT the name is no kernel port, or the caller's own thread or
 *   task; KERN_RESOURCE_SHORTAGE the caller has been terminated: it is unwound by its next call
 * source: an addition
 */
UMACH_EXPORT kern_return_t umach_thread_join(thread_t thread, msg_timeout_t timeout);

/*
 * umach_task_join: wait for the end of a task.
 *
 * waits: as umach_thread_join()
 * returns: as umach_thread_join()
 * source: an addition
 */
UMACH_EXPORT kern_return_t umach_task_join(task_t task, msg_timeout_t timeout);

/*
 * umach_thread_park: wait for this thread's token, and take it.
 *
 * waits: at most `timeout` milliseconds, or UMACH_FOREVER
 * returns: KERN_SUCCESS; KERN_FAILURE the time is over; KERN_ABORTED by thread_abort()
 * source: an addition
 */
UMACH_EXPORT kern_return_t umach_thread_park(msg_timeout_t timeout);

/*
 * umach_thread_unpark: give a thread its token; it has one at most.
 *
 * returns: KERN_SUCCESS; KERN_INVALID_ARGUMENT the name is no thread's, or it has ended
 * source: an addition
 */
UMACH_EXPORT kern_return_t umach_thread_unpark(thread_t thread);

/*
 * umach_thread_yield: let others run: the fibers of this OS thread that are ready or, if there are none, what else the
 * operating system has to run.
 * source: an addition
 */
UMACH_EXPORT void umach_thread_yield(void);

/*
 * umach_task_spawn: start a program as a task of this host.
 *
 * The task is there before the program begins: rights can be inserted into it at once. It joins when it first calls.
 *
 * takes: nothing; hands over one reference of a send right to the task's kernel port, which dies when the process ends
 * returns: KERN_SUCCESS; KERN_INVALID_ARGUMENT the program cannot be run; KERN_RESOURCE_SHORTAGE as
 *   umach_thread_create(); KERN_FAILURE the host has no keeper that answers
 * limits: path is not looked for in PATH; env NULL stands for this process's environment. UMACH_HOST is set to this host's
 *   name. The program is a child of this process; who wants its exit status waits for it before calling a join,
 *   task_terminate() or another start of a process: these wait for all of their kind that have ended.
 * source: an addition
 */
UMACH_EXPORT kern_return_t umach_task_spawn(const char* path, char* const argv[], char* const env[], task_t* task);

/*
 * umach_fiber_seed: from now on chance decides which of the calling OS thread's fibers runs next, the same chance for
 * the same seed: a program that is told nothing else from outside does the same again. 0: in order again.
 * source: an addition
 */
UMACH_EXPORT void umach_fiber_seed(unsigned long long seed);

/*
 * umach_fiber_switches: how often the calling OS thread has changed from one fiber to another.
 *
 * returns: the count; 0 when this OS thread has made no fiber
 * source: an addition
 */
UMACH_EXPORT unsigned long long umach_fiber_switches(void);

/*
 * umach_fiber_guard: what stands below the stack of the next fiber made.
 *
 * returns: "light guard", "guard page" or "canary"; "none" when this OS thread has made no fiber
 * source: an addition
 */
UMACH_EXPORT const char* umach_fiber_guard(void);

UMACH_END_C
