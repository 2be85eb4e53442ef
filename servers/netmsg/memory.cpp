// SPDX-License-Identifier: BSL-1.0
#include "servers/netmsg/memory.hpp"

namespace umach::netmsg {

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
    if (vm_allocate(task_self(), &address, bytes, TRUE) != KERN_SUCCESS) return {};
    return {reinterpret_cast<std::byte*>(address), bytes};
}

void Memory::give_back() {
    if (bytes_ > 0) vm_deallocate(task_self(), reinterpret_cast<vm_address_t>(first_), bytes_);
    bytes_ = 0;
}

}  // namespace umach::netmsg
