// SPDX-License-Identifier: BSL-1.0
// The state of a thread: its registers.
#pragma once

#include <stdint.h>

typedef int* thread_state_t;  // integers, as many as the flavor has

#define THREAD_STATE_MAX 1024

#define x86_THREAD_STATE64 4

struct x86_thread_state64 {
    uint64_t rax, rbx, rcx, rdx, rdi, rsi, rbp, rsp;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rip, rflags, cs, fs, gs;
};
typedef struct x86_thread_state64 x86_thread_state64_t;
#define x86_THREAD_STATE64_COUNT (sizeof(x86_thread_state64_t) / sizeof(int))
