// SPDX-License-Identifier: BSL-1.0
// What host_info() tells.
#pragma once

typedef int* host_info_t;  // integers, as many as the flavor has

#define HOST_INFO_MAX 1024

#define HOST_BASIC_INFO 1
#define HOST_LOAD_INFO 3

struct host_basic_info {
    int max_cpus;
    int avail_cpus;
    unsigned int memory_size;  // KiB
    int cpu_type;              // CPU_TYPE_X86_64, or 0 for any other
    int cpu_subtype;           // 0
};
typedef struct host_basic_info host_basic_info_data_t;
typedef struct host_basic_info* host_basic_info_t;
#define HOST_BASIC_INFO_COUNT (sizeof(host_basic_info_data_t) / sizeof(int))

#define CPU_TYPE_X86_64 0x01000007

struct host_load_info {
    int avenrun[3];      // load over the last 1, 5 and 15 minutes, in units of 1 / LOAD_SCALE
    int mach_factor[3];  // share of the processors that a newcomer would get, in the same units
};
typedef struct host_load_info host_load_info_data_t;
typedef struct host_load_info* host_load_info_t;
#define HOST_LOAD_INFO_COUNT (sizeof(host_load_info_data_t) / sizeof(int))

#define LOAD_SCALE 1000
