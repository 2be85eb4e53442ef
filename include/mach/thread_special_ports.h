// SPDX-License-Identifier: BSL-1.0
// The numbers of a thread's special ports.
#pragma once

#define THREAD_KERNEL_PORT 1     // stands for the thread
#define THREAD_REPLY_PORT 2      // thread_reply()
#define THREAD_EXCEPTION_PORT 3  // hears of the thread's exceptions, before its task's
