// SPDX-License-Identifier: BSL-1.0
// The few calls that are not Mach's: what a program on Linux needs where Mach and the system underneath meet.
#pragma once

#include <mach.h>

UMACH_BEGIN_C

/*
 * port_set_fd: give a descriptor that is readable while a port or port set has a message to receive.
 *
 * takes: nothing; hands over a descriptor that the caller closes. It is closed on exec and means nothing in a
 *   forked child. It is for poll, select and epoll, level- or edge-triggered: readable no later than one ring
 *   after a message is queued, with a new edge for each arrival; the receive that empties the queue clears
 *   it; hung up when the receive right moves or dies. Reading from it is not needed and takes nothing.
 * returns: KERN_SUCCESS *descriptor is open; KERN_INVALID_ARGUMENT no such name, or the task is not the
 *   caller's own; KERN_NOT_RECEIVER a send right, send-once right or dead name; KERN_INVALID_ADDRESS
 *   descriptor cannot be written; KERN_RESOURCE_SHORTAGE no descriptor or service thread to be had
 * limits: the process's limit of open descriptors
 * source: an addition
 */
UMACH_EXPORT kern_return_t port_set_fd(task_t task, port_name_t name, int* descriptor);

/*
 * umach_fault: let umach look at a fault first; for programs that handle SIGSEGV and SIGBUS (or SIGFPE,
 * SIGILL, SIGABRT) themselves.
 *
 * takes: nothing; the three arguments of a handler that was installed with SA_SIGINFO, information being its
 *   siginfo_t
 * waits: for the answer to the exception that the fault is, where there is a port for it (<mach/exception.h>)
 * returns: TRUE the fault was umach's, or the answer was to go on: the handler returns at once; FALSE it is the
 *   program's own
 * limits: safe in a signal handler
 * source: an addition
 */
UMACH_EXPORT boolean_t umach_fault(int signal_number, void* information, void* context);

UMACH_END_C
