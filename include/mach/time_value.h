// SPDX-License-Identifier: BSL-1.0
// A span of time as Mach counts it.
#pragma once

struct time_value {
    int seconds;
    int microseconds;
};
typedef struct time_value time_value_t;
