// SPDX-License-Identifier: BSL-1.0
#include "tasks/kernel/memory_object_calls.hpp"

#include "ports/section.hpp"
#include "runtime/detail.hpp"
#include "tasks/kernel/serve.hpp"

#include <mach/vm_prot.h>

namespace umach::tasks::calls {

kern_return_t memory_object_create(Caller& caller, TaskRef task, Word size, Port* object) {
    if (size.value != 0) return ports::create_section(caller, task, size.value, &object->value);
    runtime::set_detail("a section of no bytes");
    return KERN_INVALID_ARGUMENT;
}

kern_return_t memory_object_create_proxy(Caller& caller, PortRef object, Int protection, Port* proxy) {
    if ((protection.value & ~VM_PROT_ALL) == 0) return ports::create_proxy(caller, object, protection.value, &proxy->value);
    runtime::set_detail("0x%x is no protection", static_cast<unsigned>(protection.value));
    return KERN_INVALID_ARGUMENT;
}

kern_return_t memory_object_info(Caller& caller, PortRef object, Word* size, Int* protection) {
    const auto section = ports::section_of_port(caller.k, object);
    if (!section) return KERN_INVALID_ARGUMENT;
    size->value = section->pages << ports::page_bits;
    protection->value = section->protection;
    return KERN_SUCCESS;
}

}  // namespace umach::tasks::calls

namespace umach::tasks {
namespace {

constexpr auto rows = std::to_array<Call>({
    call<calls::memory_object_create>(2510, "memory_object_create", {"size", "memory_object"}),
    call<calls::memory_object_create_proxy>(2511, "memory_object_create_proxy", {"max_protection", "proxy"}),
    call<calls::memory_object_info>(2512, "memory_object_info", {"size", "max_protection"}),
});

}  // namespace

constinit const Calls memory_object_calls{rows};

}  // namespace umach::tasks
