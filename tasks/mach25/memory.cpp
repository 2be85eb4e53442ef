// SPDX-License-Identifier: BSL-1.0
// Memory of the tasks of this process.
#include "tasks/kernel/memory_calls.hpp"
#include "tasks/mach25/direct.hpp"

#include <cstring>

using namespace umach;
using namespace umach::tasks;

namespace umach::tasks {

bool allocate_array(const void* values, std::size_t bytes, void** array) {
    vm_address_t address = 0;
    if (bytes != 0 && allocate_pages(&address, bytes, true) != KERN_SUCCESS) {
        runtime::set_detail("no memory for an array of %zu bytes", bytes);
        return false;
    }
    *array = reinterpret_cast<void*>(address);
    if (bytes != 0) std::memcpy(*array, values, bytes);
    return true;
}

}  // namespace umach::tasks

extern "C" {

kern_return_t vm_allocate(vm_task_t task, vm_address_t* address, vm_size_t size, boolean_t anywhere) {
    return direct<calls::vm_allocate>(task, Fetched{address}, size, anywhere, address);
}

kern_return_t vm_deallocate(vm_task_t task, vm_address_t address, vm_size_t size) {
    return direct_held<calls::vm_deallocate>(task, address, size);
}

}  // extern "C"
