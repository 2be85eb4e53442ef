// SPDX-License-Identifier: BSL-1.0
// The checked copy of x86-64. Every instruction between umach_checked_begin and umach_checked_end may fault;
// the handler then continues at umach_checked_failed. The routines use no stack and only registers that a
// call may change, so leaving them anywhere is a plain return. The sanitizers do not see them, as they must
// not.
#include "runtime/checked_copy_machine.hpp"

#if defined(__x86_64__)

#include <cstdint>

#include <ucontext.h>

extern "C" {
int umach_checked_copy(void* to, const void* from, std::size_t bytes) noexcept;
int umach_checked_probe(void* first, const void* last) noexcept;
extern const char umach_checked_begin[];
extern const char umach_checked_end[];
extern const char umach_checked_failed[];
}

// Below 16 bytes: two moves that overlap. From 2 MiB: stores that go past the caches, so that what is there stays, and no
// line is fetched to be overwritten. (The processor's own string move is slower at every length, up to twice.)
asm(R"(
    .pushsection .text
    .p2align 5
    .hidden umach_checked_copy, umach_checked_probe
    .hidden umach_checked_begin, umach_checked_end, umach_checked_failed
    .globl umach_checked_copy, umach_checked_probe
    .globl umach_checked_begin, umach_checked_end, umach_checked_failed
    .type umach_checked_copy, @function
    .type umach_checked_probe, @function
umach_checked_begin:
umach_checked_copy:
    .cfi_startproc
    cmpq $16, %rdx
    jb 5f
    cmpq $2097152, %rdx
    jae 4f
1:  cmpq $64, %rdx
    jb 2f
    movups (%rsi), %xmm0
    movups 16(%rsi), %xmm1
    movups 32(%rsi), %xmm2
    movups 48(%rsi), %xmm3
    movups %xmm0, (%rdi)
    movups %xmm1, 16(%rdi)
    movups %xmm2, 32(%rdi)
    movups %xmm3, 48(%rdi)
    addq $64, %rsi
    addq $64, %rdi
    subq $64, %rdx
    jmp 1b
2:  cmpq $16, %rdx
    jb 3f
    movups (%rsi), %xmm0
    movups %xmm0, (%rdi)
    addq $16, %rsi
    addq $16, %rdi
    subq $16, %rdx
    jmp 2b
3:  testq %rdx, %rdx
    jz 9f
    movups -16(%rsi,%rdx), %xmm0
    movups %xmm0, -16(%rdi,%rdx)
    xorl %eax, %eax
    ret
4:  movups (%rsi), %xmm0
    movups %xmm0, (%rdi)
    movq %rdi, %rax
    negq %rax
    andl $15, %eax
    addq %rax, %rsi
    addq %rax, %rdi
    subq %rax, %rdx
8:  movups (%rsi), %xmm0
    movups 16(%rsi), %xmm1
    movups 32(%rsi), %xmm2
    movups 48(%rsi), %xmm3
    movntps %xmm0, (%rdi)
    movntps %xmm1, 16(%rdi)
    movntps %xmm2, 32(%rdi)
    movntps %xmm3, 48(%rdi)
    addq $64, %rsi
    addq $64, %rdi
    subq $64, %rdx
    cmpq $64, %rdx
    jae 8b
    sfence
    jmp 2b
5:  cmpq $8, %rdx
    jb 6f
    movq (%rsi), %rax
    movq -8(%rsi,%rdx), %rcx
    movq %rax, (%rdi)
    movq %rcx, -8(%rdi,%rdx)
    xorl %eax, %eax
    ret
6:  cmpq $4, %rdx
    jb 7f
    movl (%rsi), %eax
    movl -4(%rsi,%rdx), %ecx
    movl %eax, (%rdi)
    movl %ecx, -4(%rdi,%rdx)
    xorl %eax, %eax
    ret
7:  testq %rdx, %rdx
    jz 9f
    movzbl (%rsi), %eax
    movb %al, (%rdi)
    cmpq $1, %rdx
    je 9f
    movzwl -2(%rsi,%rdx), %eax
    movw %ax, -2(%rdi,%rdx)
9:  xorl %eax, %eax
    ret
    .cfi_endproc
    .size umach_checked_copy, . - umach_checked_copy

    .p2align 4
umach_checked_probe:
    .cfi_startproc
1:  lock orb $0, (%rdi)
    orq $4095, %rdi
    incq %rdi
    cmpq %rsi, %rdi
    jbe 1b
    xorl %eax, %eax
    ret
umach_checked_end:
umach_checked_failed:
    movl $1, %eax
    ret
    .cfi_endproc
    .size umach_checked_probe, . - umach_checked_probe
    .popsection
)");

namespace umach::runtime::machine {

bool copy(void* to, const void* from, std::size_t bytes, bool) noexcept {
    return umach_checked_copy(to, from, bytes) == 0;
}

// One byte a page, from the first byte on, is enough: protection is a page's.
bool probe_write(void* user, std::size_t bytes) noexcept {
    return umach_checked_probe(user, static_cast<const char*>(user) + (bytes - 1)) == 0;
}

bool divert_copy(void* context) noexcept {
    auto& next = static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP];
    const auto at = static_cast<std::uintptr_t>(next);
    if (at < reinterpret_cast<std::uintptr_t>(umach_checked_begin)) return false;
    if (at >= reinterpret_cast<std::uintptr_t>(umach_checked_end)) return false;
    next = static_cast<greg_t>(reinterpret_cast<std::uintptr_t>(umach_checked_failed));
    return true;
}

}  // namespace umach::runtime::machine

#endif
