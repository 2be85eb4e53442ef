// SPDX-License-Identifier: BSL-1.0
#include "tasks/memory_map.hpp"

#include "ports/view.hpp"

#include <mach/vm_inherit.h>
#include <mach/vm_prot.h>

#include <cstdio>
#include <fstream>
#include <limits>
#include <string>

namespace umach::tasks {
namespace {

std::uint64_t process_of(ports::Kernel& k, ports::TaskRef task) { return k.task(task.index).process; }

std::string folder_of(ports::Kernel& k, ports::TaskRef task) {
    return "/proc/" + std::to_string(k.process(static_cast<std::uint32_t>(process_of(k, task))).pid.get());
}

Mapped of_line(const std::string& line) {
    unsigned long long first = 0, end = 0;
    char rights[5] = "----";
    Mapped mapped;
    if (std::sscanf(line.c_str(), "%llx-%llx %4s", &first, &end, rights) != 3) return mapped;
    mapped.address = first;
    mapped.bytes = end - first;
    mapped.protection = (rights[0] == 'r' ? VM_PROT_READ : 0) | (rights[1] == 'w' ? VM_PROT_WRITE : 0) |
                        (rights[2] == 'x' ? VM_PROT_EXECUTE : 0);
    mapped.is_shared = rights[3] == 's';
    mapped.inheritance = mapped.is_shared ? VM_INHERIT_SHARE : VM_INHERIT_COPY;
    return mapped;
}

// The first region of the task's that ends behind an address of its process.
std::optional<Mapped> region_from(ports::Kernel& k, ports::TaskRef task, std::uint64_t address) {
    const std::uint64_t base = k.process(static_cast<std::uint32_t>(process_of(k, task))).pool;
    std::optional<Mapped> best;
    for (std::uint32_t i = 1; i < k.zone(ports::zone_regions).fresh(); ++i) {
        const ports::RegionRecord& region = k.region(i);
        if (region.holder.get() != ports::Place::of(ports::PlaceKind::task, task.index, task.generation)) continue;
        const std::uint64_t at = base + ports::offset_of(region), bytes = region.pages << ports::page_bits;
        if (at + bytes <= address || (best && at > best->address)) continue;
        best = Mapped{at, bytes, VM_PROT_DEFAULT, static_cast<std::uint32_t>(region.inheritance.get()), false, VM_PROT_ALL, {}, 0};
    }
    return best;
}

// The same of a view.
std::optional<Mapped> view_from(ports::Kernel& k, ports::TaskRef task, std::uint64_t address) {
    const ports::ViewRef ref = ports::view_from(k, process_of(k, task), address, task.index);
    if (!ref) return std::nullopt;
    const ports::ViewRecord& view = k.view(ref.index);
    const auto most = static_cast<int>(view.protection.get());
    return Mapped{view.address, view.pages << ports::page_bits, most, static_cast<std::uint32_t>(view.inheritance.get()), view.copies == 0, most,
                  view.object, view.first << ports::page_bits};
}

// What the system says that may be done with the memory of a region or view, which the process may have changed.
void refine(Mapped& region, const Mapped& line) {
    if (line.address <= region.address && region.address < line.address + line.bytes) region.protection = line.protection;
}

}  // namespace

std::optional<Mapped> mapped_from(ports::Kernel& k, ports::TaskRef task, std::uint64_t address) {
    const std::uint64_t base = k.process(static_cast<std::uint32_t>(process_of(k, task))).pool;
    const std::uint64_t end = base + k.pool().bytes();
    std::optional<Mapped> region = region_from(k, task, address);
    if (const auto view = view_from(k, task, address); view && (!region || view->address < region->address)) region = view;
    std::ifstream lines(folder_of(k, task) + "/maps");
    for (std::string line; std::getline(lines, line);) {
        const Mapped mapped = of_line(line);
        if (region) refine(*region, mapped);
        const bool is_pools = (mapped.address < end && mapped.address + mapped.bytes > base) || line.find("memfd:umach-pool") != std::string::npos;
        if (is_pools || mapped.address + mapped.bytes <= address) continue;
        return region && region->address < mapped.address ? region : mapped;
    }
    return region;
}

vm_statistics_data_t statistics_of(ports::Kernel& k, ports::TaskRef task) {
    vm_statistics_data_t now{};
    now.pagesize = static_cast<int>(ports::page_bytes);
    const auto pages = [](unsigned long long kibibytes) {
        return static_cast<int>(std::min<unsigned long long>(kibibytes / 4, std::numeric_limits<int>::max()));
    };
    std::ifstream memory("/proc/meminfo");
    std::string name;
    unsigned long long kibibytes = 0;
    for (std::string rest; memory >> name >> kibibytes; std::getline(memory, rest)) {
        if (name == "MemAvailable:") now.free_count = pages(kibibytes);
        if (name == "Active:") now.active_count = pages(kibibytes);
        if (name == "Inactive:") now.inactive_count = pages(kibibytes);
        if (name == "Unevictable:") now.wire_count = pages(kibibytes);
    }
    std::ifstream status(folder_of(k, task) + "/stat");
    std::string text;
    std::getline(status, text);
    unsigned long minor = 0, major = 0;
    const std::size_t behind_name = text.rfind(')');
    if (behind_name != std::string::npos &&
        std::sscanf(text.c_str() + behind_name, ") %*c %*d %*d %*d %*d %*d %*u %lu %*u %lu", &minor, &major) == 2) {
        now.faults = static_cast<int>(std::min<unsigned long>(minor + major, std::numeric_limits<int>::max()));
        now.pageins = static_cast<int>(std::min<unsigned long>(major, std::numeric_limits<int>::max()));
    }
    return now;
}

}  // namespace umach::tasks
