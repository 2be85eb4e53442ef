// SPDX-License-Identifier: BSL-1.0
// Memory of the caller's own task: whole pages of the process's address space.
#include "tasks/mach25/face.hpp"

#include <sys/mman.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>
#include <optional>

using namespace umach;
using namespace umach::tasks;
using ports::Caller;
using ports::TaskRef;

namespace {

std::uintptr_t page_bytes() {
    static const auto bytes = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
    return bytes;
}
// Known from the start: a fork in the middle of a first call's
// initialisation would leave the child waiting for it for ever.
[[maybe_unused]] const std::uintptr_t known_at_load = page_bytes();

struct Pages {
    std::uintptr_t first;
    std::uintptr_t bytes;
    void* at() const { return reinterpret_cast<void*>(first); }
};

// returns: nothing when the range wraps
std::optional<Pages> pages_of(vm_address_t address, vm_size_t size) {
    const std::uintptr_t mask = page_bytes() - 1;
    if (address + size < address || address + size > ~mask) return std::nullopt;
    const std::uintptr_t first = address & ~mask;
    return Pages{first, ((address + size + mask) & ~mask) - first};
}

bool is_own(Caller& c, TaskRef task) {
    if (task == c.task) return true;
    runtime::set_detail("the memory of another task cannot be changed");
    return false;
}

void* map_pages(void* at, std::uintptr_t bytes, bool here) {
    const int fixed = here ? MAP_FIXED_NOREPLACE : 0;
    return mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | fixed, -1, 0);
}

kern_return_t allocate(vm_address_t* address, vm_size_t size, bool anywhere) {
    if (size == 0) {
        *address = 0;
        return KERN_SUCCESS;
    }
    const auto pages = pages_of(anywhere ? 0 : *address, size);
    if (!pages) return anywhere ? KERN_NO_SPACE : KERN_INVALID_ADDRESS;
    void* made = map_pages(pages->at(), pages->bytes, !anywhere);
    if (made == MAP_FAILED) return errno == EPERM || errno == EINVAL ? KERN_INVALID_ADDRESS : KERN_NO_SPACE;
    if (!anywhere && made != pages->at()) {  // a system that does not know the flag takes it for a hint
        munmap(made, pages->bytes);
        return KERN_NO_SPACE;
    }
    *address = reinterpret_cast<vm_address_t>(made);
    return KERN_SUCCESS;
}

kern_return_t deallocate(vm_address_t address, vm_size_t size) {
    if (size == 0) return KERN_SUCCESS;
    const auto pages = pages_of(address, size);
    // ENOMEM where nothing is mapped
    const bool there = pages && msync(pages->at(), pages->bytes, MS_ASYNC) == 0;
    return there && munmap(pages->at(), pages->bytes) == 0 ? KERN_SUCCESS : KERN_INVALID_ADDRESS;
}

}  // namespace

namespace umach::tasks {

bool allocate_array(const void* values, std::size_t bytes, void** array) {
    vm_address_t address = 0;
    if (bytes != 0 && ::allocate(&address, bytes, true) != KERN_SUCCESS) {
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
    return on_task(task, [&](Caller& c, TaskRef t) {
        vm_address_t where = 0;
        if (!is_own(c, t)) return KERN_INVALID_ARGUMENT;
        const Result result(address);
        if (!result.usable() || !runtime::copy_in(&where, address, sizeof where)) return no_such_memory();
        const kern_return_t code = allocate(&where, size, anywhere != FALSE);
        return code == KERN_SUCCESS ? result.give(where) : code;
    });
}

kern_return_t vm_deallocate(vm_task_t task, vm_address_t address, vm_size_t size) {
    return on_task(task, [&](Caller& c, TaskRef t) {
        return is_own(c, t) ? deallocate(address, size) : KERN_INVALID_ARGUMENT;
    });
}

}  // extern "C"
