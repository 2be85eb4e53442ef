// SPDX-License-Identifier: BSL-1.0
#include "runtime/checked_copy.hpp"

#include <cstdint>

#include "runtime/checked_copy_machine.hpp"
#include "runtime/fault_handler.hpp"

namespace umach::runtime {

namespace {

// The kernel's half begins at bit 63 on every 64-bit Linux; a sum that runs over the end of memory is caught
// as well, because no range of user memory is as long as half of it.
bool in_user_half(const void* user, std::size_t bytes) noexcept {
    constexpr std::uintptr_t half = std::uintptr_t{1} << (sizeof(std::uintptr_t) * 8 - 1);
    const auto first = reinterpret_cast<std::uintptr_t>(user);
    return first < half && bytes <= half - first;
}

}  // namespace

bool copy_in(void* to, const void* user, std::size_t bytes) noexcept {
    if (bytes == 0) return true;
    if (!in_user_half(user, bytes)) return false;
    arm_fault_handler();
    return machine::copy(to, user, bytes, true);
}

bool copy_out(void* user, const void* from, std::size_t bytes) noexcept {
    if (bytes == 0) return true;
    if (!in_user_half(user, bytes)) return false;
    arm_fault_handler();
    return machine::copy(user, from, bytes, false);
}

bool probe_write(void* user, std::size_t bytes) noexcept {
    if (bytes == 0) return true;
    if (!in_user_half(user, bytes)) return false;
    arm_fault_handler();
    return machine::probe_write(user, bytes);
}

}  // namespace umach::runtime
