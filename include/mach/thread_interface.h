// SPDX-License-Identifier: BSL-1.0
// Threads of control: how Mach makes, stops, ends and looks at them.
//
// A thread is named by its kernel port. One that is suspended stands still outside the kernel: at once if it
// computes, at the end of its call if it is in one. A fiber stops at its next call or switch.
//
// What port_interface.h says of tasks, result pointers and arrays holds here too; a thread is named by any send
// right to its kernel port. Every call here returns KERN_INVALID_ARGUMENT for a name that is none, and for a
// thread that has ended.
#pragma once

#include <mach/mach_types.h>
#include <mach/thread_info.h>
#include <mach/thread_special_ports.h>
#include <mach/thread_status.h>

UMACH_BEGIN_C

/*
 * thread_self: the calling thread's own kernel port.
 *
 * returns: its name, the same at each call; PORT_NULL when there is no room for it
 * source: Mach 2.5, a trap
 */
UMACH_EXPORT thread_t thread_self(void);

/*
 * thread_reply: the calling thread's reply port, made at the first call.
 *
 * returns: a name with the receive right; the port dies with the thread; PORT_NULL when there is no room for it
 * source: Mach 2.5, a trap
 */
UMACH_EXPORT port_t thread_reply(void);

/*
 * thread_create: make a thread that has no state yet and is suspended once.
 *
 * takes: nothing; hands over one reference of a send right to its kernel port
 * returns: KERN_SUCCESS; KERN_RESOURCE_SHORTAGE the host or the task has its threads (mach_error_detail() says
 *   which)
 * limits: thread_set_state() says what it is to run: rip a function, rdi its argument, rsp 0 for a stack of its own.
 *   The thread_resume() that makes its count 0 starts it, as an OS thread. See umach_thread_create() for a function
 *   to be run at once.
 * source: Mach 2.5, mach.defs 2062
 */
UMACH_EXPORT kern_return_t thread_create(task_t parent_task, thread_t* child_thread);

/*
 * thread_terminate: end a thread.
 *
 * Its waits end, its kernel port and reply port die, its waiting send is withdrawn. It runs no further in the kernel:
 * at its next call it is unwound, as by pthread_exit() or, a fiber, by an exception that `catch (...)` must throw
 * on. Calls that destructors make do not unwind it: what gives back names or memory works while its task lives, port_type()
 * too; umach_thread_join() fails and, while it is being unwound, so does every other call. One that only computes goes
 * on until it calls, or its process ends.
 *
 * waits: while the thread is running in a call, which is a matter of microseconds
 * returns: KERN_SUCCESS; does not return when it is the caller's own
 * source: Mach 2.5, mach.defs 2016
 */
UMACH_EXPORT kern_return_t thread_terminate(thread_t target_thread);

/*
 * thread_suspend: count one more suspension of a thread, and stop it.
 *
 * waits: until the thread stands still, or is in a call, from which it will not return; at most 100 ms for one that
 *   blocks the signal SIGURG or is a fiber: it stops at its next call
 * returns: KERN_SUCCESS; KERN_FAILURE it is suspended 127 times already
 * source: Mach 2.5, mach.defs 2063
 */
UMACH_EXPORT kern_return_t thread_suspend(thread_t target_thread);

/*
 * thread_resume: take one suspension back; the last one lets the thread go on.
 *
 * waits: for a thread that begins in another process, until it has: that process's service thread starts it
 * returns: KERN_SUCCESS; KERN_FAILURE it is not suspended, or has no state to begin with, or its process does not
 *   answer within 10 s (mach_error_detail() says which)
 * source: Mach 2.5, mach.defs 2064
 */
UMACH_EXPORT kern_return_t thread_resume(thread_t target_thread);

/*
 * thread_abort: end the wait that a thread is in.
 *
 * Its call returns SEND_INTERRUPTED or RCV_INTERRUPTED, whether or not it gave the option; a message that waited for
 * room is the thread's again, whole. A thread that does not wait is left as it is.
 *
 * returns: KERN_SUCCESS
 * source: Mach 2.5, mach.defs 2065
 */
UMACH_EXPORT kern_return_t thread_abort(thread_t target_thread);

/*
 * thread_info: what a thread is doing, and how much time it has used.
 *
 * takes: *thread_info_count is how many integers there is room for
 * returns: KERN_SUCCESS *thread_info_count is how many were given; KERN_INVALID_ARGUMENT unknown flavor or too
 *   little room
 * limits: flavor THREAD_BASIC_INFO; a fiber's times are those of its OS thread
 * source: Mach 2.5, mach.defs 2019
 */
UMACH_EXPORT kern_return_t thread_info(thread_t target_thread, int flavor, thread_info_t thread_info_out,
                                       unsigned int* thread_info_count);

/*
 * thread_get_state: the registers of a thread that stands still, or has not begun.
 *
 * takes: *old_state_count is how many integers there is room for
 * returns: KERN_SUCCESS *old_state_count is how many were given; KERN_INVALID_ARGUMENT unknown flavor or too little room;
 *   KERN_FAILURE the thread runs, or is in a call, or is a fiber that has not begun (mach_error_detail() says which)
 * limits: flavor x86_THREAD_STATE64
 * source: Mach 2.5, mach.defs 2017
 */
UMACH_EXPORT kern_return_t thread_get_state(thread_t target_thread, int flavor, thread_state_t old_state,
                                            unsigned int* old_state_count);

/*
 * thread_set_state: give other registers to a thread that stands still, or has not begun.
 *
 * returns: KERN_SUCCESS it goes on with them; otherwise as thread_get_state()
 * limits: flavor x86_THREAD_STATE64; cs, fs, gs and the privileged flags stay what they are
 * source: Mach 2.5, mach.defs 2018
 */
UMACH_EXPORT kern_return_t thread_set_state(thread_t target_thread, int flavor, thread_state_t new_state,
                                            unsigned int new_state_count);

/*
 * thread_get_special_port: give the caller a send right to one of a thread's special ports.
 *
 * takes: nothing; hands over one reference of a send right
 * returns: KERN_SUCCESS *special_port is the caller's name for it, PORT_NULL if there is none; KERN_INVALID_ARGUMENT which
 *   is not a special port
 * limits: which is THREAD_KERNEL_PORT, THREAD_REPLY_PORT or THREAD_EXCEPTION_PORT
 * source: Mach 2.5, mach.defs 2068
 */
UMACH_EXPORT kern_return_t thread_get_special_port(thread_t target_thread, int which, port_t* special_port);

/*
 * thread_set_special_port: replace one of a thread's special ports.
 *
 * takes: nothing; a send right to special_port is copied, PORT_NULL clears
 * returns: KERN_SUCCESS; KERN_INVALID_ARGUMENT which is not a special port that can be set (the kernel port cannot), or
 *   the caller has no right to send with under special_port
 * source: Mach 2.5, mach.defs 2069
 */
UMACH_EXPORT kern_return_t thread_set_special_port(thread_t target_thread, int which, port_t special_port);

UMACH_END_C
