// SPDX-License-Identifier: BSL-1.0
// Codes put into words: those of calls, of send and receive, of stubs, and of the name service.
#pragma once

#include <mach/kern_return.h>
#include <umach_export.h>

typedef kern_return_t mach_error_t;

UMACH_BEGIN_C

/*
 * mach_error_string: say in words what a code means.
 *
 * takes: nothing; the text is constant and lives as long as the program
 * returns: the text; for a code of no known family a text that says so, never a null pointer
 * source: Mach 2.5
 */
UMACH_EXPORT const char* mach_error_string(mach_error_t error);

/*
 * mach_error: write a line to standard error: the text given, a colon, and the code in words.
 *
 * takes: nothing
 * source: Mach 2.5
 */
UMACH_EXPORT void mach_error(const char* text, mach_error_t error);

/*
 * mach_error_detail: say which field, right or quota this thread's last failed call was about.
 *
 * takes: nothing; the text is the thread's and stands until its next call that fails
 * returns: the text; an empty one when no call of this thread has failed
 * source: an addition
 */
UMACH_EXPORT const char* mach_error_detail(void);

UMACH_END_C
