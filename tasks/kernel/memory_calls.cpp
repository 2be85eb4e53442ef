// SPDX-License-Identifier: BSL-1.0
#include "tasks/kernel/memory_calls.hpp"

#include "ports/memory.hpp"
#include "runtime/checked_copy.hpp"
#include "runtime/detail.hpp"
#include "tasks/address_space.hpp"
#include "tasks/kernel/serve.hpp"
#include "tasks/memory_map.hpp"

#include <mach/vm_inherit.h>
#include <mach/vm_prot.h>
#include <mach/vm_statistics.h>

#include <bit>
#include <cstring>
#include <limits>

namespace umach::tasks {
namespace {

// Data on its way from one task's memory to another's: a region of the caller's task, which whoever copies borrows.
class Passage {
public:
    Passage(ports::Caller& caller, std::uint64_t bytes) : caller_(caller), bytes_(bytes) {
        code_ = ports::allocate_memory(caller, caller.task, bytes, &region_);
    }
    ~Passage() {
        if (code_ == KERN_SUCCESS && ports::has_region(caller_.k, caller_.task, region_))
            static_cast<void>(ports::deallocate_memory(caller_, offset(), bytes_));
    }
    Passage(const Passage&) = delete;
    Passage& operator=(const Passage&) = delete;

    kern_return_t code() const { return code_; }
    ports::RegionRef region() const { return region_; }
    std::span<const std::byte> bytes() const { return {at(), bytes_}; }
    std::byte* at() const { return caller_.k.pool().base() + offset(); }
    // The caller keeps it.
    void keep() { code_ = KERN_FAILURE; }

private:
    std::uint64_t offset() const { return ports::offset_of(caller_.k.region(region_.index)); }

    ports::Caller& caller_;
    std::uint64_t bytes_;
    ports::RegionRef region_;
    kern_return_t code_;
};

kern_return_t carry(ports::Caller& caller, ports::TaskRef task, MemoryCall call, std::uint64_t address, std::uint64_t size,
                    const Passage& passage) {
    if (passage.code() != KERN_SUCCESS) return passage.code();
    MemoryWords words{address, size, std::bit_cast<std::uint64_t>(passage.region())};
    return change_memory_of(caller, task, call, words);
}

}  // namespace

namespace calls {

kern_return_t vm_allocate(Caller& caller, TaskRef task, Word asked, Word size, Bool anywhere, Word* address) {
    if (size.value == 0) {
        address->value = 0;
        return KERN_SUCCESS;
    }
    MemoryWords words{anywhere.value != FALSE ? any_address : asked.value, size.value};
    const kern_return_t code = change_memory_of(caller, task, MemoryCall::allocate, words);
    address->value = words[0];
    return code;
}

kern_return_t vm_deallocate(Caller& caller, TaskRef task, Word address, Word size) {
    MemoryWords words{address.value, size.value};
    return change_memory_of(caller, task, MemoryCall::deallocate, words);
}

kern_return_t vm_protect(Caller& caller, TaskRef task, Word address, Word size, Bool set_maximum, Int protection) {
    MemoryWords words{address.value, size.value, static_cast<std::uint64_t>(protection.value), set_maximum.value != FALSE ? 1u : 0u};
    return change_memory_of(caller, task, MemoryCall::protect, words);
}

kern_return_t vm_inherit(Caller& caller, TaskRef task, Word address, Word size, Int inheritance) {
    MemoryWords words{address.value, size.value, static_cast<std::uint64_t>(inheritance.value)};
    return change_memory_of(caller, task, MemoryCall::inherit, words);
}

kern_return_t vm_read(Caller& caller, TaskRef task, Word address, Word size, Memory* data) {
    if (size.value == 0) return KERN_SUCCESS;
    if (size.value > std::numeric_limits<unsigned int>::max()) {
        runtime::set_detail("the count of what is read has 32 bits");
        return KERN_INVALID_ARGUMENT;
    }
    Passage passage(caller, size.value);
    const kern_return_t code = carry(caller, task, MemoryCall::read, address.value, size.value, passage);
    if (code != KERN_SUCCESS) return code;
    data->values = passage.bytes();
    passage.keep();
    return KERN_SUCCESS;
}

kern_return_t vm_write(Caller& caller, TaskRef task, Word address, Data data) {
    if (data.values.empty()) return KERN_SUCCESS;
    const Passage passage(caller, data.values.size());
    if (passage.code() != KERN_SUCCESS) return passage.code();
    if (!runtime::copy_in(passage.at(), data.values.data(), data.values.size())) return KERN_INVALID_ADDRESS;
    return carry(caller, task, MemoryCall::write, address.value, data.values.size(), passage);
}

// By way of a region: what overlaps is copied right, and nothing is written when not all can be read.
kern_return_t vm_copy(Caller& caller, TaskRef task, Word source, Word count, Word destination) {
    if (count.value == 0) return KERN_SUCCESS;
    const Passage passage(caller, count.value);
    const kern_return_t code = carry(caller, task, MemoryCall::read, source.value, count.value, passage);
    return code == KERN_SUCCESS ? carry(caller, task, MemoryCall::write, destination.value, count.value, passage) : code;
}

kern_return_t vm_region(Caller& caller, TaskRef task, Word asked, Word* address, Word* size, Int* protection, Int* max_protection,
                        Int* inheritance, Bool* shared) {
    const auto found = mapped_from(caller.k, task, asked.value);
    if (!found) {
        runtime::set_detail("the task has no memory at 0x%llx or above", static_cast<unsigned long long>(asked.value));
        return KERN_NO_SPACE;
    }
    address->value = found->address;
    size->value = found->bytes;
    protection->value = found->protection;
    max_protection->value = VM_PROT_ALL;
    inheritance->value = static_cast<int>(found->inheritance);
    shared->value = found->is_shared ? TRUE : FALSE;
    return KERN_SUCCESS;
}

kern_return_t vm_statistics(Caller& caller, TaskRef task, Array<Int>* statistics) {
    const vm_statistics_data_t now = statistics_of(caller.k, task);
    statistics->values.resize(VM_STATISTICS_COUNT);
    std::memcpy(statistics->values.data(), &now, sizeof now);
    return KERN_SUCCESS;
}

}  // namespace calls

namespace {

constexpr auto rows = std::to_array<Call>({
    call<calls::vm_allocate>(2022, "vm_allocate", {"address", "size", "anywhere", "address"}),
    call<calls::vm_deallocate>(2024, "vm_deallocate", {"address", "size"}),
    call<calls::vm_protect>(2025, "vm_protect", {"address", "size", "set_maximum", "new_protection"}),
    call<calls::vm_inherit>(2026, "vm_inherit", {"address", "size", "new_inheritance"}),
    call<calls::vm_read>(2027, "vm_read", {"address", "size", "data"}),
    call<calls::vm_write>(2028, "vm_write", {"address", "data"}),
    call<calls::vm_copy>(2029, "vm_copy", {"source_address", "count", "dest_address"}),
    call<calls::vm_region>(2030, "vm_region", {"address", "address", "size", "protection", "max_protection", "inheritance", "is_shared"}),
    call<calls::vm_statistics>(2031, "vm_statistics", {"vm_stats"}),
});

}  // namespace

constinit const Calls memory_calls{rows};

}  // namespace umach::tasks
