// SPDX-License-Identifier: BSL-1.0
// What thread_info() tells.
#pragma once

#include <mach/time_value.h>

typedef int* thread_info_t;  // integers, as many as the flavor has

#define THREAD_INFO_MAX 1024

#define THREAD_BASIC_INFO 1

struct thread_basic_info {
    time_value_t user_time;    // of a fiber: of its OS thread
    time_value_t system_time;
    int cpu_usage;             // share of a processor since it began, in units of 1 / TH_USAGE_SCALE
    int base_priority;         // nice value
    int cur_priority;
    int run_state;
    int flags;
    int suspend_count;         // of the thread alone
    int sleep_time;            // always 0
};
typedef struct thread_basic_info thread_basic_info_data_t;
typedef struct thread_basic_info* thread_basic_info_t;
#define THREAD_BASIC_INFO_COUNT (sizeof(thread_basic_info_data_t) / sizeof(int))

#define TH_USAGE_SCALE 1000

#define TH_STATE_RUNNING 1          // or ready to
#define TH_STATE_STOPPED 2          // suspended, and stands still
#define TH_STATE_WAITING 3          // in a call
#define TH_STATE_UNINTERRUPTIBLE 4  // in a system call that no signal ends
#define TH_STATE_HALTED 5           // it has not begun

#define TH_FLAGS_SWAPPED 0x1
#define TH_FLAGS_IDLE 0x2
