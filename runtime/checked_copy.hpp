// SPDX-License-Identifier: BSL-1.0
// Copying from and to memory that a caller named and that may not be there. A wild pointer gives `false`, not
// a crash: the copy's own instructions are known to the fault handler, which sends them to their exit.
//
// Each thread is armed at its first copy: the handler is there and SIGSEGV and SIGBUS are not blocked (a
// fault whose signal is blocked kills the process). A thread that blocks them again later loses that.
#pragma once

#include <cstddef>

namespace umach::runtime {

// Copies `bytes` from `user`.
// returns: false if any of it cannot be read (then some of `to` may have been written); true at once for 0
// bytes.
// limits: addresses of the kernel's half, and ranges that run over the end of memory, are simply not
// readable.
[[nodiscard]] bool copy_in(void* to, const void* user, std::size_t bytes) noexcept;

// Copies `bytes` to `user`.
// returns: false if any of it cannot be written (then what lies before may have been); true at once for 0
// bytes.
[[nodiscard]] bool copy_out(void* user, const void* from, std::size_t bytes) noexcept;

// Whether all of `bytes` at `user` can be written now. Changes nothing there, also under concurrent writers.
[[nodiscard]] bool probe_write(void* user, std::size_t bytes) noexcept;

}  // namespace umach::runtime
