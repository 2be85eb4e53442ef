// SPDX-License-Identifier: BSL-1.0
#include "tasks/kernel/memory_calls.hpp"

#include "ports/memory.hpp"
#include "ports/section.hpp"
#include "runtime/checked_copy.hpp"
#include "runtime/detail.hpp"
#include "tasks/address_space.hpp"
#include "tasks/kernel/serve.hpp"
#include "tasks/memory_map.hpp"

#include <mach/vm_inherit.h>
#include <mach/vm_interface.h>
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

// What vm_map is asked for.
struct Mapping {
    std::uint64_t asked, size, mask, offset;
    bool anywhere, copy;
    int protection, most, inheritance;
};

bool is_protection(int protection) { return (protection & ~VM_PROT_ALL) == 0; }

kern_return_t wrong(const char* what) {
    runtime::set_detail("%s", what);
    return KERN_INVALID_ARGUMENT;
}

kern_return_t check(const Mapping& m) {
    constexpr std::uint64_t most_bytes = std::uint64_t{1} << 42;
    if (m.size == 0 || m.size > most_bytes) return wrong("the size is 0, or more than there can be");
    if (m.offset % ports::page_bytes != 0 || m.offset > most_bytes) return wrong("the offset is no multiple of a page, or more than there can be");
    if ((m.mask & (m.mask + 1)) != 0 || m.mask > most_bytes >> 1) return wrong("the mask is not 2^n - 1");
    if (!is_protection(m.protection) || !is_protection(m.most) || (m.protection & ~m.most) != 0)
        return wrong("cur_protection is more than max_protection, or one of them is unknown");
    const auto inheritance = static_cast<vm_inherit_t>(m.inheritance);
    return inheritance == VM_INHERIT_COPY || inheritance == VM_INHERIT_NONE ? KERN_SUCCESS : wrong("the inheritance is neither copy nor none");
}

// Memory of the task's own, as vm_allocate gives it; the most that may be done is not kept of it.
kern_return_t map_zeros(ports::Caller& caller, ports::TaskRef task, const Mapping& m, std::uint64_t* address) {
    Word made;
    kern_return_t code = calls::vm_allocate(caller, task, {m.asked}, {m.size}, {m.anywhere ? TRUE : FALSE}, &made);
    if (code != KERN_SUCCESS) return code;
    if (m.anywhere && (made.value & m.mask) != 0) code = KERN_NO_SPACE;
    if (code == KERN_SUCCESS && m.protection != VM_PROT_DEFAULT) code = calls::vm_protect(caller, task, made, {m.size}, {FALSE}, {m.protection});
    if (code == KERN_SUCCESS && m.inheritance != VM_INHERIT_DEFAULT) code = calls::vm_inherit(caller, task, made, {m.size}, {m.inheritance});
    if (code != KERN_SUCCESS) static_cast<void>(calls::vm_deallocate(caller, task, made, {m.size}));
    *address = made.value;
    return code;
}

}  // namespace

namespace calls {

kern_return_t vm_allocate(Caller& caller, TaskRef task, Word asked, Word size, Bool anywhere, Word* address) {
    if (size.value == 0) {
        address->value = 0;
        return KERN_SUCCESS;
    }
    MemoryWords words{anywhere.value != FALSE ? any_address : asked.value, size.value, anywhere.value == VM_ANYWHERE_UNSET ? 1u : 0u};
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
                        Int* inheritance, Bool* shared, Port* object, Word* offset) {
    const auto found = mapped_from(caller.k, task, asked.value);
    if (!found) {
        runtime::set_detail("the task has no memory at 0x%llx or above", static_cast<unsigned long long>(asked.value));
        return KERN_NO_SPACE;
    }
    address->value = found->address;
    size->value = found->bytes;
    protection->value = found->protection;
    max_protection->value = found->most;
    inheritance->value = static_cast<int>(found->inheritance);
    shared->value = found->is_shared ? TRUE : FALSE;
    offset->value = found->offset;
    return ports::name_memory_object(caller, found->object, &object->value);
}

kern_return_t vm_map(Caller& caller, TaskRef task, Word asked, Word size, Word mask, Bool anywhere, Port object, Word offset, Bool copy,
                     Int protection, Int most, Int inheritance, Word* address) {
    const Mapping mapping{asked.value, size.value, mask.value, offset.value, anywhere.value != FALSE, copy.value != FALSE, protection.value,
                          most.value, inheritance.value};
    if (const kern_return_t code = check(mapping); code != KERN_SUCCESS) return code;
    if (object.value == MEMORY_OBJECT_NULL) return map_zeros(caller, task, mapping, &address->value);
    const ports::PortRef section = ports::memory_object_of_name(caller, object.value);
    if (!section) return KERN_INVALID_ARGUMENT;
    const auto byte = [](auto value) { return static_cast<std::uint8_t>(value); };
    const MapPlan plan{static_cast<std::uint32_t>(mapping.offset >> ports::page_bits), static_cast<std::uint32_t>(ports::pages_for(mapping.size)),
                       byte(mapping.protection), byte(mapping.most), byte(mapping.inheritance), byte(std::bit_width(mapping.mask)), mapping.copy ? 1u : 0u};
    const auto rest = std::bit_cast<std::array<std::uint64_t, 2>>(plan);
    MemoryWords words{mapping.anywhere ? any_address : mapping.asked, std::bit_cast<std::uint64_t>(section), rest[0], rest[1]};
    const kern_return_t code = change_memory_of(caller, task, MemoryCall::map, words);
    address->value = words[0];
    return code;
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
    call<calls::vm_region>(2030, "vm_region", {"address", "address", "size", "protection", "max_protection", "inheritance", "is_shared",
                                               "object_name", "offset"}),
    call<calls::vm_statistics>(2031, "vm_statistics", {"vm_stats"}),
    call<calls::vm_map>(2107, "vm_map", {"address", "size", "mask", "anywhere", "memory_object", "offset", "copy", "cur_protection",
                                         "max_protection", "inheritance", "address"}),
});

}  // namespace

constinit const Calls memory_calls{rows};

}  // namespace umach::tasks
