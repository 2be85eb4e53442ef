// SPDX-License-Identifier: BSL-1.0
// Memory of the tasks of this process.
#include "tasks/kernel/memory_calls.hpp"
#include "tasks/kernel/memory_object_calls.hpp"
#include "tasks/address_space.hpp"
#include "tasks/mach25/room.hpp"
#include <mach/vm_interface.h>

#include <cstring>

using namespace umach;
using namespace umach::tasks;

namespace umach::tasks {

bool allocate_array(const void* values, std::size_t bytes, void** array) {
    std::uint64_t address = 0;
    if (bytes != 0 && allocate_pages(&address, bytes, false) != KERN_SUCCESS) {
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

kern_return_t vm_protect(vm_task_t task, vm_address_t address, vm_size_t size, boolean_t set_maximum, vm_prot_t protection) {
    return direct<calls::vm_protect>(task, address, size, set_maximum, protection);
}

kern_return_t vm_inherit(vm_task_t task, vm_address_t address, vm_size_t size, vm_inherit_t inheritance) {
    return direct<calls::vm_inherit>(task, address, size, static_cast<int>(inheritance));
}

kern_return_t vm_read(vm_task_t task, vm_address_t address, vm_size_t size, pointer_t* data, unsigned int* data_count) {
    return direct<calls::vm_read>(task, address, size, Made<std::byte>{reinterpret_cast<std::byte**>(data), data_count});
}

kern_return_t vm_write(vm_task_t task, vm_address_t address, pointer_t data, unsigned int data_count) {
    return direct<calls::vm_write>(task, address, Bytes{reinterpret_cast<const void*>(data), data_count});
}

kern_return_t vm_copy(vm_task_t task, vm_address_t source, vm_size_t count, vm_address_t destination) {
    return direct<calls::vm_copy>(task, source, count, destination);
}

kern_return_t vm_region(vm_task_t task, vm_address_t* address, vm_size_t* size, vm_prot_t* protection, vm_prot_t* max_protection,
                        vm_inherit_t* inheritance, boolean_t* is_shared, memory_object_t* object_name, vm_offset_t* offset) {
    return direct<calls::vm_region>(task, Fetched{address}, address, size, protection, max_protection, inheritance, is_shared, object_name, offset);
}

kern_return_t vm_statistics(vm_task_t task, vm_statistics_data_t* statistics) {
    return direct<calls::vm_statistics>(task, FilledIn{reinterpret_cast<int*>(statistics), VM_STATISTICS_COUNT});
}

kern_return_t vm_map(vm_task_t task, vm_address_t* address, vm_size_t size, vm_offset_t mask, boolean_t anywhere, memory_object_t object,
                     vm_offset_t offset, boolean_t copy, vm_prot_t protection, vm_prot_t most, vm_inherit_t inheritance) {
    return direct<calls::vm_map>(task, Fetched{address}, size, mask, anywhere, object, offset, copy, protection, most, static_cast<int>(inheritance),
                                 address);
}

kern_return_t memory_object_create(vm_task_t task, vm_size_t size, memory_object_t* memory_object) {
    return direct<calls::memory_object_create>(task, size, memory_object);
}

kern_return_t memory_object_create_proxy(memory_object_t memory_object, vm_prot_t max_protection, memory_object_t* proxy) {
    return direct<calls::memory_object_create_proxy>(memory_object, max_protection, proxy);
}

kern_return_t memory_object_info(memory_object_t memory_object, vm_size_t* size, vm_prot_t* max_protection) {
    return direct<calls::memory_object_info>(memory_object, size, max_protection);
}

}  // extern "C"
