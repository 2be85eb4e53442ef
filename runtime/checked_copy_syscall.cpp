// SPDX-License-Identifier: BSL-1.0
// The checked copy by the operating system: a process may read and write its own memory by process_vm_readv
// and process_vm_writev, which return an error where a plain copy would fault.
#include <cstdint>

#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/checked_copy_machine.hpp"

namespace umach::runtime {

namespace by_syscall {

namespace {

// A call may stop short at a page that faults, or at 2 GiB; the next one tells which.
template <class Call>
bool all(Call call, void* ours, void* users, std::size_t bytes) noexcept {
    for (std::size_t done = 0; done < bytes;) {
        const iovec here{static_cast<char*>(ours) + done, bytes - done};
        const iovec there{static_cast<char*>(users) + done, bytes - done};
        const ssize_t moved = call(getpid(), &here, 1, &there, 1, 0);
        if (moved <= 0) return false;
        done += static_cast<std::size_t>(moved);
    }
    return true;
}

}  // namespace

bool copy_in(void* to, const void* user, std::size_t bytes) noexcept {
    return all(process_vm_readv, to, const_cast<void*>(user), bytes);
}

bool copy_out(void* user, const void* from, std::size_t bytes) noexcept {
    return all(process_vm_writev, const_cast<void*>(from), user, bytes);
}

bool probe_write(void* user, std::size_t bytes) noexcept {
    const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
    const auto first = reinterpret_cast<std::uintptr_t>(user) & ~(page - 1);
    const auto end = reinterpret_cast<std::uintptr_t>(user) + bytes;
    return madvise(reinterpret_cast<void*>(first), end - first, MADV_POPULATE_WRITE) == 0;
}

}  // namespace by_syscall

#if !defined(__x86_64__)

namespace machine {

bool copy(void* to, const void* from, std::size_t bytes, bool from_user) noexcept {
    return from_user ? by_syscall::copy_in(to, from, bytes) : by_syscall::copy_out(to, from, bytes);
}
bool probe_write(void* user, std::size_t bytes) noexcept { return by_syscall::probe_write(user, bytes); }
bool divert_copy(void*) noexcept { return false; }

}  // namespace machine

#endif

}  // namespace umach::runtime
