// SPDX-License-Identifier: BSL-1.0
// The two ways of a checked copy, behind checked_copy.hpp. `machine` is the processor's own (x86-64:
// instructions that the fault handler knows); `by_syscall` lets the operating system do it, some microseconds a
// call, and is what `machine` is on every other processor.
#pragma once

#include <cstddef>

namespace umach::runtime {

namespace machine {

// returns: false if either range faulted. limits: the ranges do not overlap; the fault handler is armed.
bool copy(void* to, const void* from, std::size_t bytes, bool from_user) noexcept;
bool probe_write(void* user, std::size_t bytes) noexcept;

// Sends the interrupted copy to its exit. returns: whether `context` (a ucontext_t) was interrupted in a
// checked copy.
bool divert_copy(void* context) noexcept;

}  // namespace machine

namespace by_syscall {

bool copy_in(void* to, const void* user, std::size_t bytes) noexcept;
bool copy_out(void* user, const void* from, std::size_t bytes) noexcept;
bool probe_write(void* user, std::size_t bytes) noexcept;

}  // namespace by_syscall

}  // namespace umach::runtime
