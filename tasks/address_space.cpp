// SPDX-License-Identifier: BSL-1.0
#include "tasks/address_space.hpp"

#include "ports/memory.hpp"
#include "runtime/checked_copy.hpp"
#include "runtime/detail.hpp"
#include "tasks/service.hpp"

#include <mach/vm_inherit.h>
#include <mach/vm_prot.h>

#include <sys/mman.h>
#include <cerrno>
#include <cstring>
#include <optional>

namespace umach::tasks {
namespace {

using ports::Caller;
using ports::TaskRef;
using runtime::set_detail;

constexpr std::uint64_t page_mask = ports::page_bytes - 1;

struct Range {
    std::uint64_t first;
    std::uint64_t bytes;
    void* at() const { return reinterpret_cast<void*>(first); }
};

// The pages of a range of bytes.
// returns: nothing when it wraps
std::optional<Range> pages_of(std::uint64_t address, std::uint64_t size) {
    if (address + size < address || address + size > ~page_mask) return std::nullopt;
    const std::uint64_t first = address & ~page_mask;
    return Range{first, ((address + size + page_mask) & ~page_mask) - first};
}

// Whether all of it is mapped.
bool is_there(const Range& range) {
    return range.bytes == 0 || msync(range.at(), range.bytes, MS_ASYNC) == 0;
}

bool is_in_pool(Caller& caller, std::uint64_t address) {
    return caller.k.pool().offset_of(address) < caller.k.pool().bytes();
}

kern_return_t allocate(Caller& caller, TaskRef task, MemoryWords& words) {
    auto& [address, size, unused, unused_too] = words;
    if (address == anywhere) {
        if (!pages_of(0, size)) return KERN_NO_SPACE;
        std::uint64_t offset = 0;
        const kern_return_t code = ports::allocate_memory(caller, task, size, &offset);
        address = reinterpret_cast<std::uint64_t>(caller.k.pool().base()) + offset;
        return code;
    }
    const std::uint64_t offset = caller.k.pool().offset_of(address);
    if (!is_in_pool(caller, address)) return allocate_pages(&address, size, true);
    if (size > caller.k.pool().bytes() - offset) return KERN_INVALID_ADDRESS;
    address &= ~page_mask;
    return ports::allocate_memory_at(caller, task, offset, size);
}

// Memory of a region is noted as one that this process has mapped in its own way, before it has.
kern_return_t alter(Caller& caller, const Range& range, const ports::Alteration& change) {
    if (!is_in_pool(caller, range.first)) return is_there(range) ? KERN_SUCCESS : KERN_INVALID_ADDRESS;
    const std::uint64_t offset = caller.k.pool().offset_of(range.first);
    return ports::alter_region(caller, offset, range.bytes, change) ? KERN_SUCCESS : KERN_INVALID_ADDRESS;
}

int system_protection(std::uint64_t protection) {
    return ((protection & VM_PROT_READ) != 0 ? PROT_READ : 0) | ((protection & VM_PROT_WRITE) != 0 ? PROT_WRITE : 0) |
           ((protection & VM_PROT_EXECUTE) != 0 ? PROT_EXEC : 0);
}

kern_return_t protect(Caller& caller, MemoryWords& words) {
    const auto [address, size, protection, maximum] = words;
    const auto range = pages_of(address, size);
    if (!range) return KERN_INVALID_ADDRESS;
    if ((protection & ~std::uint64_t{VM_PROT_ALL}) != 0) return KERN_INVALID_ARGUMENT;
    if (maximum != 0) {
        set_detail("the most that may ever be done with memory is not kept: protect it as it is to be now");
        return KERN_INVALID_ARGUMENT;
    }
    if (size == 0) return KERN_SUCCESS;
    if (const kern_return_t code = alter(caller, *range, {.mapping = true, .inheritance = {}}); code != KERN_SUCCESS) return code;
    if (mprotect(range->at(), range->bytes, system_protection(protection)) == 0) return KERN_SUCCESS;
    set_detail("mprotect: %s", std::strerror(errno));
    return errno == EACCES ? KERN_PROTECTION_FAILURE : KERN_INVALID_ADDRESS;
}

// The same bytes in memory that a fork does not copy.
bool share(const Range& range) {
    void* shared = mmap(nullptr, range.bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) return false;
    if (!runtime::copy_in(shared, range.at(), range.bytes)) return munmap(shared, range.bytes), false;
    return mremap(shared, range.bytes, range.bytes, MREMAP_MAYMOVE | MREMAP_FIXED, range.at()) == range.at();
}

kern_return_t inherit(Caller& caller, MemoryWords& words) {
    const auto [address, size, inheritance, unused] = words;
    const auto range = pages_of(address, size);
    if (!range) return KERN_INVALID_ADDRESS;
    if (inheritance > VM_INHERIT_NONE) return KERN_INVALID_ARGUMENT;
    if (size == 0) return KERN_SUCCESS;
    const bool shared = inheritance == VM_INHERIT_SHARE;
    const ports::Alteration change{.mapping = shared, .inheritance = static_cast<std::uint32_t>(inheritance)};
    if (const kern_return_t code = alter(caller, *range, change); code != KERN_SUCCESS) return code;
    if (shared) return share(*range) ? KERN_SUCCESS : KERN_RESOURCE_SHORTAGE;
    if (is_in_pool(caller, address)) return KERN_SUCCESS;
    const int advice = inheritance == VM_INHERIT_NONE ? MADV_DONTFORK : MADV_DOFORK;
    return madvise(range->at(), range->bytes, advice) == 0 ? KERN_SUCCESS : KERN_INVALID_ADDRESS;
}

kern_return_t unreadable() {
    set_detail("some of the memory is not there, or may not be read or written");
    return KERN_INVALID_ADDRESS;
}

kern_return_t copy(MemoryWords& words) {
    const auto [from, size, to, unused] = words;
    if (!pages_of(from, size) || !pages_of(to, size) || !runtime::probe_write(reinterpret_cast<void*>(to), size)) return unreadable();
    return runtime::copy_in(reinterpret_cast<void*>(to), reinterpret_cast<const void*>(from), size) ? KERN_SUCCESS : unreadable();
}

kern_return_t read(Caller& caller, MemoryWords& words) {
    const auto [address, size, offset, unused] = words;
    if (!pages_of(address, size) || offset + size > caller.k.pool().bytes()) return unreadable();
    return runtime::copy_in(caller.k.pool().base() + offset, reinterpret_cast<const void*>(address), size) ? KERN_SUCCESS : unreadable();
}

kern_return_t write(Caller& caller, MemoryWords& words) {
    const auto [address, size, offset, unused] = words;
    auto* to = reinterpret_cast<void*>(address);
    if (!pages_of(address, size) || offset + size > caller.k.pool().bytes() || !runtime::probe_write(to, size)) return unreadable();
    return runtime::copy_out(to, caller.k.pool().base() + offset, size) ? KERN_SUCCESS : unreadable();
}

}  // namespace

kern_return_t allocate_pages(std::uint64_t* address, std::uint64_t size, bool at_address) {
    const auto pages = pages_of(at_address ? *address : 0, size);
    if (!pages) return at_address ? KERN_INVALID_ADDRESS : KERN_NO_SPACE;
    const int fixed = at_address ? MAP_FIXED_NOREPLACE : 0;
    void* made = mmap(pages->at(), pages->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | fixed, -1, 0);
    if (made == MAP_FAILED) return errno == EPERM || errno == EINVAL ? KERN_INVALID_ADDRESS : KERN_NO_SPACE;
    if (at_address && made != pages->at()) {  // a system that does not know the flag takes it for a hint
        munmap(made, pages->bytes);
        return KERN_NO_SPACE;
    }
    *address = reinterpret_cast<std::uint64_t>(made);
    return KERN_SUCCESS;
}

kern_return_t change_memory(Caller& caller, TaskRef task, MemoryCall call, MemoryWords& words) {
    switch (call) {
        case MemoryCall::allocate: return allocate(caller, task, words);
        case MemoryCall::deallocate: return ports::deallocate_address(caller, words[0], words[1]);
        case MemoryCall::protect: return protect(caller, words);
        case MemoryCall::inherit: return inherit(caller, words);
        case MemoryCall::copy: return copy(words);
        case MemoryCall::read: return read(caller, words);
        case MemoryCall::write: return write(caller, words);
    }
    return KERN_INVALID_ARGUMENT;
}

kern_return_t change_memory_of(Caller& caller, TaskRef task, MemoryCall call, MemoryWords& words) {
    const auto process = static_cast<std::uint32_t>(caller.k.task(task.index).process.get());
    if (process == caller.carrier.record().process.get()) return change_memory(caller, task, call, words);
    OrderWords order_words{std::uint64_t{task.index} | std::uint64_t{task.generation} << 32, static_cast<std::uint64_t>(call)};
    for (std::size_t i = 0; i < words.size(); ++i) order_words[2 + i] = words[i];
    const kern_return_t code = order(caller, process, Order::change_memory, order_words);
    for (std::size_t i = 0; i < words.size(); ++i) words[i] = order_words[2 + i];
    return code;
}

}  // namespace umach::tasks
