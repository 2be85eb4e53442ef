// SPDX-License-Identifier: BSL-1.0
// What the machine's memory is used for.
#pragma once

struct vm_statistics_data {
    int pagesize;        /* bytes of a page */
    int free_count;      /* pages that nobody uses, or that can be taken at once */
    int active_count;    /* pages used lately */
    int inactive_count;  /* pages not used lately */
    int wire_count;      /* pages that cannot be taken */
    int zero_fill_count; /* pages of zeros that were made; here 0 */
    int reactivations;   /* here 0 */
    int pageins;         /* since the machine started; here of this task's process: faults that read from a disk */
    int pageouts;        /* here 0 */
    int faults;          /* of this task's process */
    int cow_faults;      /* here 0 */
    int lookups;         /* here 0 */
    int hits;            /* here 0 */
};
typedef struct vm_statistics_data vm_statistics_data_t;
typedef struct vm_statistics_data* vm_statistics_t;

#define VM_STATISTICS_COUNT (sizeof(vm_statistics_data_t) / sizeof(int))
