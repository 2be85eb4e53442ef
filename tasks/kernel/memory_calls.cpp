// SPDX-License-Identifier: BSL-1.0
#include "tasks/kernel/memory_calls.hpp"

#include "runtime/detail.hpp"
#include "tasks/kernel/serve.hpp"

#include <sys/mman.h>
#include <unistd.h>
#include <cerrno>
#include <optional>

namespace umach::tasks {
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

void* map_pages(void* at, std::uintptr_t bytes, bool here) {
    const int fixed = here ? MAP_FIXED_NOREPLACE : 0;
    return mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | fixed, -1, 0);
}

kern_return_t deallocate_pages(vm_address_t address, vm_size_t size) {
    if (size == 0) return KERN_SUCCESS;
    const auto pages = pages_of(address, size);
    // ENOMEM where nothing is mapped
    const bool there = pages && msync(pages->at(), pages->bytes, MS_ASYNC) == 0;
    return there && munmap(pages->at(), pages->bytes) == 0 ? KERN_SUCCESS : KERN_INVALID_ADDRESS;
}

// The tasks of one process have one address space.
bool is_here(ports::Caller& caller, ports::TaskRef task) {
    const auto process = [&](ports::TaskRef whose) { return caller.k.task(whose.index).process.get(); };
    if (task == caller.task || process(task) == process(caller.task)) return true;
    runtime::set_detail("the memory of another process cannot be changed");
    return false;
}

}  // namespace

kern_return_t allocate_pages(vm_address_t* address, vm_size_t size, bool anywhere) {
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

namespace calls {

kern_return_t vm_allocate(Caller& caller, TaskRef task, Word asked, Word size, Bool anywhere, Word* address) {
    if (!is_here(caller, task)) return KERN_INVALID_ARGUMENT;
    vm_address_t at = asked.value;
    const kern_return_t code = allocate_pages(&at, size.value, anywhere.value != FALSE);
    address->value = at;
    return code;
}

kern_return_t vm_deallocate(Caller& caller, TaskRef task, Word address, Word size) {
    return is_here(caller, task) ? deallocate_pages(address.value, size.value) : KERN_INVALID_ARGUMENT;
}

}  // namespace calls

namespace {

constexpr auto rows = std::to_array<Call>({
    call<calls::vm_allocate>(2022, "vm_allocate", {"address", "size", "anywhere", "address"}),
    call<calls::vm_deallocate>(2024, "vm_deallocate", {"address", "size"}),
});

}  // namespace

constinit const Calls memory_calls{rows};

}  // namespace umach::tasks
