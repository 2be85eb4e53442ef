// SPDX-License-Identifier: BSL-1.0
// What task_info() tells.
#pragma once

#include <mach/time_value.h>

typedef int* task_info_t;  // integers, as many as the flavor has

#define TASK_INFO_MAX 1024

#define TASK_BASIC_INFO 1

struct task_basic_info {
    int suspend_count;
    int base_priority;           // nice value
    unsigned int virtual_size;   // of its process, KiB
    unsigned int resident_size;  // of its process, KiB
    time_value_t user_time;      // of its process
    time_value_t system_time;
};
typedef struct task_basic_info task_basic_info_data_t;
typedef struct task_basic_info* task_basic_info_t;
#define TASK_BASIC_INFO_COUNT (sizeof(task_basic_info_data_t) / sizeof(int))
