// SPDX-License-Identifier: BSL-1.0
// Sections and where they are mapped.
#pragma once

#include "parcel.hpp"

#include "ports/region.hpp"

#include <sys/wait.h>
#include <unistd.h>

namespace umach::tests {

inline memory_object_t section(std::size_t bytes) {
    memory_object_t object = MEMORY_OBJECT_NULL;
    MUST(memory_object_create(task_self(), bytes, &object) == KERN_SUCCESS);
    return object;
}

inline memory_object_t read_only(memory_object_t object) {
    memory_object_t proxy = MEMORY_OBJECT_NULL;
    MUST(memory_object_create_proxy(object, VM_PROT_READ, &proxy) == KERN_SUCCESS);
    return proxy;
}

struct Wish {
    vm_prot_t protection = VM_PROT_DEFAULT;
    vm_offset_t offset = 0, mask = 0;
    vm_address_t at = 0;
    vm_inherit_t inheritance = VM_INHERIT_NONE;
    task_t task = task_self();
    boolean_t copy = FALSE;
};

inline kern_return_t try_to_map(memory_object_t object, std::size_t bytes, const Wish& wish, vm_address_t* at) {
    *at = wish.at;
    return vm_map(wish.task, at, bytes, wish.mask, wish.at == 0 ? TRUE : FALSE, object, wish.offset, wish.copy, wish.protection, VM_PROT_ALL,
                  wish.inheritance);
}

inline char* map(memory_object_t object, std::size_t bytes, const Wish& wish = {}) {
    vm_address_t at = 0;
    MUST(try_to_map(object, bytes, wish, &at) == KERN_SUCCESS);
    return reinterpret_cast<char*>(at);
}

inline void release(port_name_t name) { MUST(port_deallocate(task_self(), name) == KERN_SUCCESS); }
inline vm_address_t address(const char* at) { return reinterpret_cast<vm_address_t>(at); }
inline bool nothing_is_left() { return in_use() == InUse{} && kernel().zone(ports::zone_views).fresh() - 1 == kernel().zone(ports::zone_views).on_free_list(); }

// Whether a write there is a fault: a child tries.
inline bool faults(char* at, bool write) {
    const pid_t child = fork();
    if (child == 0) {
        std::signal(SIGSEGV, SIG_DFL);
        if (write) *static_cast<volatile char*>(at) = 1;
        else static_cast<void>(*static_cast<volatile char*>(at));
        _exit(0);
    }
    int status = 0;
    MUST(waitpid(child, &status, 0) == child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

}  // namespace umach::tests
