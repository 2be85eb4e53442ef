// SPDX-License-Identifier: BSL-1.0
#include "servers/netmsg/memory.hpp"

#include <cstring>

namespace umach::netmsg {
namespace {

constexpr std::size_t page_bytes = 4096;

}  // namespace

Memory& Memory::operator=(Memory&& other) noexcept {
    if (this != &other) {
        give_back();
        first_ = other.first_;
        bytes_ = other.release();
    }
    return *this;
}

Memory Memory::allocate(std::size_t bytes) {
    vm_address_t address = 0;
    if (bytes == 0 || vm_allocate(task_self(), &address, bytes, VM_ANYWHERE_UNSET) != KERN_SUCCESS) return {};
    auto* const first = reinterpret_cast<std::byte*>(address);
    std::memset(first + bytes, 0, (page_bytes - bytes % page_bytes) % page_bytes);
    return {first, bytes};
}

void Memory::give_back() {
    if (bytes_ > 0) vm_deallocate(task_self(), reinterpret_cast<vm_address_t>(first_), bytes_);
    bytes_ = 0;
}

}  // namespace umach::netmsg
