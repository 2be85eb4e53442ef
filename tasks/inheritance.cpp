// SPDX-License-Identifier: BSL-1.0
#include "tasks/inheritance.hpp"

#include "ports/section.hpp"
#include "runtime/checked_copy.hpp"
#include "runtime/descriptor.hpp"

#include <mach/vm_inherit.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cerrno>
#include <vector>

namespace umach::tasks {
namespace {

struct Copy {
    void* at;
    void* place;
    std::size_t bytes;
};

// Of the fork under way; only one thread forks at a time, with the process's lock held.
std::vector<Copy>& copies() {
    static auto* list = new std::vector<Copy>;
    return *list;
}
[[maybe_unused]] const auto& made_at_load = copies();

bool is_inherited(Host& host, const ports::RegionRecord& region) {
    const ports::Place holder = region.holder;
    // What is shared is mapped in a way that the child has too.
    return region.identity.get().life == ports::Life::live && holder.kind == ports::PlaceKind::task &&
           host.kernel().task(holder.index).process.get() == host.process() &&
           region.inheritance.get() == VM_INHERIT_COPY;
}

// Through a file: the process may have forbidden itself to read it. What is not read is zero.
void copy(int from, std::uint64_t offset, std::size_t bytes, void* place) {
    void* at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return;
    for (std::size_t done = 0; done < bytes;) {
        const ssize_t got = pread(from, static_cast<char*>(at) + done, bytes - done, static_cast<off_t>(offset + done));
        if (got > 0) done += static_cast<std::size_t>(got);
        else if (got == 0 || errno != EINTR) break;
    }
    copies().push_back({at, place, bytes});
}

std::size_t bytes_of(const ports::ViewRecord& view) { return view.pages << ports::page_bits; }
void* place_of(const ports::ViewRecord& view) { return reinterpret_cast<void*>(view.address.get()); }

// A view with pages of the process's own, which no other file has. A process that shows its memory to nobody (PR_SET_DUMPABLE)
// cannot open it.
void copy_own(const ports::ViewRecord& view) {
    const runtime::Descriptor memory(open("/proc/self/mem", O_RDONLY | O_CLOEXEC));
    if (memory) return copy(memory.get(), view.address, bytes_of(view), place_of(view));
    void* at = mmap(nullptr, bytes_of(view), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return;
    static_cast<void>(runtime::copy_in(at, place_of(view), bytes_of(view)));
    copies().push_back({at, place_of(view), bytes_of(view)});
}

bool is_inherited(Host& host, const ports::ViewRecord& view) {
    const ports::TaskRef task = view.task;
    return view.identity.get().life == ports::Life::live && task && view.address.get() != 0 &&
           host.kernel().task(task.index).process.get() == host.process() && view.inheritance.get() == VM_INHERIT_COPY;
}

}  // namespace

void copy_memory_for_child(Host& host) {
    ports::Kernel& k = host.kernel();
    const int pool = k.pool().descriptor();
    for (std::uint32_t i = 1; i < k.zone(ports::zone_regions).fresh(); ++i) {
        const ports::RegionRecord& region = k.region(i);
        if (is_inherited(host, region)) copy(pool, ports::offset_of(region), region.pages << ports::page_bits, k.pool().base() + ports::offset_of(region));
    }
    for (std::uint32_t i = 1; i < k.zone(ports::zone_views).fresh(); ++i) {
        const ports::ViewRecord& view = k.view(i);
        const auto section = is_inherited(host, view) ? ports::section_of_port(k, view.object) : std::nullopt;
        if (section && view.copies != 0) copy_own(view);
        else if (section) copy(pool, ports::offset_of(k.region(section->region.index)) + (view.first << ports::page_bits), bytes_of(view), place_of(view));
    }
}

void forget_copies() {
    for (const Copy& copy : copies()) munmap(copy.at, copy.bytes);
    copies().clear();
}

void put_copies_in_place() {
    for (const Copy& copy : copies()) mremap(copy.at, copy.bytes, copy.bytes, MREMAP_MAYMOVE | MREMAP_FIXED, copy.place);
    copies().clear();
}

}  // namespace umach::tasks
