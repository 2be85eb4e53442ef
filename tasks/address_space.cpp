// SPDX-License-Identifier: BSL-1.0
#include "tasks/address_space.hpp"

#include "ports/memory.hpp"
#include "ports/view.hpp"
#include "runtime/checked_copy.hpp"
#include "runtime/detail.hpp"
#include "tasks/memory_map.hpp"
#include "tasks/service.hpp"

#include <mach/vm_inherit.h>
#include <mach/vm_prot.h>

#include <sys/mman.h>
#include <bit>
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

bool is_in_pool(Caller& caller, const Range& range) {
    return ports::touches_pool(caller.k, range.first, range.bytes);
}

kern_return_t allocate(Caller& caller, TaskRef task, MemoryWords& words) {
    auto& [address, size, unset, unused] = words;
    const auto range = pages_of(address == any_address ? 0 : address, size);
    if (!range) return address == any_address ? KERN_NO_SPACE : KERN_INVALID_ADDRESS;
    if (address != any_address && is_in_pool(caller, *range)) {
        set_detail("these addresses are the kernel's to give out, anywhere");
        return KERN_NO_SPACE;
    }
    if (address != any_address) return allocate_pages(&address, size, true);
    ports::RegionRef region;
    const kern_return_t code = ports::allocate_memory(caller, task, size, &region, unset == 0);
    if (code == KERN_SUCCESS)
        address = reinterpret_cast<std::uint64_t>(caller.k.pool().base()) + ports::offset_of(caller.k.region(region.index));
    return code;
}

// Memory of a region is noted as one that this process has mapped in its own way, before it has.
kern_return_t alter(Caller& caller, const Range& range, const ports::Alteration& change) {
    if (!is_in_pool(caller, range)) return is_there(range) ? KERN_SUCCESS : KERN_INVALID_ADDRESS;
    const std::uint64_t offset = caller.k.pool().offset_of(range.first);
    return ports::alter_region(caller, offset, range.bytes, change) ? KERN_SUCCESS : KERN_INVALID_ADDRESS;
}

// Whether all views in the range may be treated so.
bool views_allow(Caller& caller, const Range& range, std::uint64_t protection) {
    const std::uint64_t process = caller.carrier.record().process;
    return ports::each_part(caller.k, process, range.first, range.first + range.bytes, [&](std::uint64_t, std::uint64_t, ports::ViewRef view) {
        return !view || (protection & ~caller.k.view(view.index).protection.get()) == 0;
    });
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
    if (!views_allow(caller, *range, protection)) {
        set_detail("a section's memory object allows less");
        return KERN_PROTECTION_FAILURE;
    }
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

// The mapping, or the whole region, that an address lies in; what is shared with others already stays as it is.
kern_return_t share_at(Caller& caller, TaskRef task, Range range) {
    const auto mapped = mapped_from(caller.k, task, range.first);
    if (!mapped || mapped->address > range.first) return KERN_INVALID_ADDRESS;
    if (mapped->object) {
        set_detail("a child has no part in a view of a section: give it a right to the section, and it maps it");
        return KERN_INVALID_ARGUMENT;
    }
    if (mapped->is_shared || mapped->inheritance == VM_INHERIT_SHARE) return KERN_SUCCESS;
    if (is_in_pool(caller, range)) range = {mapped->address, mapped->bytes};
    const ports::Alteration change{.mapping = true, .inheritance = VM_INHERIT_SHARE};
    if (const kern_return_t code = alter(caller, range, change); code != KERN_SUCCESS) return code;
    return share(range) ? KERN_SUCCESS : KERN_RESOURCE_SHORTAGE;
}

// What is left to a child of a view it gets as a copy that is made at the fork; of other pages, from the system.
kern_return_t inherit_part(Caller& caller, std::uint64_t from, std::uint64_t end, ports::ViewRef view, std::uint32_t inheritance) {
    if (view) return ports::inherit_view(caller, view, inheritance), KERN_SUCCESS;
    const int advice = inheritance == VM_INHERIT_NONE ? MADV_DONTFORK : MADV_DOFORK;
    return madvise(reinterpret_cast<void*>(from), end - from, advice) == 0 ? KERN_SUCCESS : KERN_INVALID_ADDRESS;
}

kern_return_t inherit(Caller& caller, TaskRef task, MemoryWords& words) {
    const auto [address, size, inheritance, unused] = words;
    const auto range = pages_of(address, size);
    if (!range) return KERN_INVALID_ADDRESS;
    if (inheritance > VM_INHERIT_NONE) return KERN_INVALID_ARGUMENT;
    if (size == 0) return KERN_SUCCESS;
    if (inheritance == VM_INHERIT_SHARE) return share_at(caller, task, *range);
    const auto kind = static_cast<std::uint32_t>(inheritance);
    const ports::Alteration change{.mapping = false, .inheritance = kind};
    if (const kern_return_t code = alter(caller, *range, change); code != KERN_SUCCESS) return code;
    if (is_in_pool(caller, *range)) return KERN_SUCCESS;
    const std::uint64_t process = caller.carrier.record().process;
    const bool done = ports::each_part(caller.k, process, range->first, range->first + range->bytes, [&](std::uint64_t from, std::uint64_t end, ports::ViewRef view) {
        return inherit_part(caller, from, end, view, kind) == KERN_SUCCESS;
    });
    return done ? KERN_SUCCESS : KERN_INVALID_ADDRESS;
}

kern_return_t unreadable() {
    set_detail("some of the memory is not there, or may not be read or written");
    return KERN_INVALID_ADDRESS;
}

// A region of somebody's, in the hand of this carrier while it is copied from or to: nobody can give it to others.
class Borrowed {
public:
    Borrowed(Caller& caller, std::uint64_t word, std::uint64_t bytes)
        : caller_(caller), region_(std::bit_cast<ports::RegionRef>(word)) {
        const bool is_index = region_.index != 0 && region_.index < caller.k.zone(ports::zone_regions).fresh();
        if (is_index && caller.k.region(region_.index).pages << ports::page_bits >= bytes) task_ = ports::borrow_region(caller, region_);
    }
    ~Borrowed() {
        if (task_) ports::return_region(caller_, task_, region_);
    }
    Borrowed(const Borrowed&) = delete;
    Borrowed& operator=(const Borrowed&) = delete;

    explicit operator bool() const { return static_cast<bool>(task_); }
    std::byte* data() const { return caller_.k.pool().base() + ports::offset_of(caller_.k.region(region_.index)); }

private:
    Caller& caller_;
    ports::RegionRef region_;
    TaskRef task_;
};

kern_return_t read(Caller& caller, MemoryWords& words) {
    const auto [address, size, region, unused] = words;
    const Borrowed to(caller, region, size);
    if (!to) return KERN_FAILURE;
    if (!pages_of(address, size)) return unreadable();
    return runtime::copy_in(to.data(), reinterpret_cast<const void*>(address), size) ? KERN_SUCCESS : unreadable();
}

kern_return_t write(Caller& caller, MemoryWords& words) {
    const auto [address, size, region, unused] = words;
    const Borrowed from(caller, region, size);
    if (!from) return KERN_FAILURE;
    auto* to = reinterpret_cast<void*>(address);
    if (!pages_of(address, size) || !runtime::probe_write(to, size)) return unreadable();
    return runtime::copy_out(to, from.data(), size) ? KERN_SUCCESS : unreadable();
}

kern_return_t map(Caller& caller, TaskRef task, MemoryWords& words) {
    const auto rest = std::bit_cast<MapPlan>(std::array{words[2], words[3]});
    ports::ViewPlan plan{std::bit_cast<ports::PortRef>(words[1]), rest.first, rest.pages, 0, rest.alignment_bits, rest.protection, rest.most, rest.inheritance, rest.copies != 0};
    if (words[0] != any_address) {
        const auto range = pages_of(words[0], plan.pages << ports::page_bits);
        if (!range || range->first == 0) return KERN_INVALID_ADDRESS;
        plan.address = range->first;
    }
    return ports::map_view(caller, task, plan, &words[0]);
}

bool is_of_this_process(Caller& caller, TaskRef task) {
    const bool lives = caller.k.ref_of_task(task.index) == task &&
                       caller.k.task(task.index).identity.get().life == ports::Life::live;
    return lives && caller.k.task(task.index).process.get() == caller.carrier.record().process.get();
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
    if (!is_of_this_process(caller, task)) return KERN_INVALID_ARGUMENT;
    switch (call) {
        case MemoryCall::allocate: return allocate(caller, task, words);
        case MemoryCall::deallocate: return ports::deallocate_address(caller, words[0], words[1]);
        case MemoryCall::protect: return protect(caller, words);
        case MemoryCall::inherit: return inherit(caller, task, words);
        case MemoryCall::read: return read(caller, words);
        case MemoryCall::write: return write(caller, words);
        case MemoryCall::map: return map(caller, task, words);
    }
    return KERN_INVALID_ARGUMENT;
}

kern_return_t change_memory_of(Caller& caller, TaskRef task, MemoryCall call, MemoryWords& words) {
    const auto process = static_cast<std::uint32_t>(caller.k.task(task.index).process.get());
    if (caller.k.ref_of_task(task.index) != task) return KERN_INVALID_ARGUMENT;
    if (process == caller.carrier.record().process.get()) return change_memory(caller, task, call, words);
    OrderWords order_words{std::bit_cast<std::uint64_t>(task), static_cast<std::uint64_t>(call)};
    for (std::size_t i = 0; i < words.size(); ++i) order_words[2 + i] = words[i];
    const kern_return_t code = order(caller, process, Order::change_memory, order_words);
    for (std::size_t i = 0; i < words.size(); ++i) words[i] = order_words[2 + i];
    return code;
}

}  // namespace umach::tasks
