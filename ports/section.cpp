// SPDX-License-Identifier: BSL-1.0
#include "ports/section.hpp"

#include "ports/hand_over.hpp"
#include "ports/port.hpp"
#include "ports/task.hpp"
#include "runtime/detail.hpp"

#include <mach/vm_prot.h>

#include <cstring>

namespace umach::ports {
namespace {

using runtime::set_detail;

// The word of a memory object's port: the region, and the most that may be done with it.
std::uint64_t object_word(std::uint32_t region, int protection) {
    return std::uint64_t{static_cast<std::uint32_t>(protection)} << 32 | region;
}
std::uint32_t region_in(std::uint64_t word) { return static_cast<std::uint32_t>(word); }
int protection_in(std::uint64_t word) { return static_cast<int>(word >> 32); }

// The host's own task has the receive rights of memory objects. Its lock guards them, and whatever they hold.
TaskRef home_of_objects(Caller& caller) {
    const PortRef port = host_port(caller.k, caller.carrier);
    return port ? caller.k.ref_of_task(caller.k.port(port.index).receiver.get().index) : TaskRef{};
}

// A memory object with one send right, which is the caller's.
kern_return_t give_object(KernelStep& s, Caller& caller, TaskRef home, std::uint64_t word, port_name_t* name, PortRef* made) {
    s.lock(home);
    *made = new_port(s, home, PortKind::memory);
    if (!*made) return KERN_RESOURCE_SHORTAGE;
    s.set(s.k.port(made->index).object, word);
    s.set(s.k.port(made->index).send_rights, 1);
    return hand_on(s, caller, *made, name);
}

// Counts the section in the hand against the task's quota.
kern_return_t charge(KernelStep& s, TaskRef task, RegionRecord& region) {
    TaskRecord& record = s.k.task(task.index);
    if (!s.lock(task) || record.identity.get().life != Life::live) return set_detail("the task has ended"), KERN_INVALID_ARGUMENT;
    if (record.region_pages + region.pages > record.most_region_pages) return over_quota(record), KERN_RESOURCE_SHORTAGE;
    s.add(record.region_pages, static_cast<std::int64_t>(region.pages.get()));
    s.set(region.charged, task);
    return KERN_SUCCESS;
}

kern_return_t open_section(KernelStep& s, Caller& caller, TaskRef task, TaskRef home, RegionRef ref, port_name_t* name) {
    RegionRecord& region = s.k.region(ref.index);
    if (const kern_return_t code = charge(s, task, region); code != KERN_SUCCESS) return s.undo(code);
    PortRef object;
    const kern_return_t code = give_object(s, caller, home, object_word(ref.index, VM_PROT_ALL), name, &object);
    if (code != KERN_SUCCESS) return s.undo(code);
    s.set(region.holder, Place::of(PlaceKind::port, object.index, object.generation));
    s.set(s.mine().memory_in_hand, 0);
    return s.keep(code);
}

void discharge(KernelStep& s, RegionRecord& region) {
    const TaskRef task = region.charged;
    if (task && s.lock(task)) s.add(s.k.task(task.index).region_pages, -static_cast<std::int64_t>(region.pages.get()));
    s.set(region.charged, TaskRef{});
}

}  // namespace

std::optional<Section> section_of_port(Kernel& k, PortRef ref) {
    PortRecord& port = k.port(ref.index);
    const std::uint64_t word = port.object.get();
    const RegionRef region = k.ref_of_region(region_in(word));
    const std::uint64_t pages = k.region(region.index).pages;
    const Identity identity = port.identity;   // last: it says whether the rest was the object's own
    const bool is_object = identity.life == Life::live && identity.generation == ref.generation &&
                           static_cast<PortKind>(identity.kind) == PortKind::memory;
    return is_object ? std::optional(Section{region, pages, protection_in(word)}) : std::nullopt;
}

PortRef memory_object_of_name(Caller& caller, port_name_t name) {
    const Destination found = destination_of(caller.k, caller.k.task(caller.task.index), bare(name));
    if (found.port && !found.send_once && section_of_port(caller.k, found.port)) return found.port;
    set_detail("%d is not the name of a memory object", name);
    return {};
}

kern_return_t name_memory_object(Caller& caller, PortRef object, port_name_t* name) {
    *name = PORT_NULL;
    if (!object) return KERN_SUCCESS;
    return caller.step([&](KernelStep& s) {
        const kern_return_t code = hand_out(s, caller, object, name);
        return code == KERN_SUCCESS ? s.keep(code) : s.undo(code);
    });
}

kern_return_t create_section(Caller& caller, TaskRef task, std::uint64_t bytes, port_name_t* name) {
    Kernel& k = caller.k;
    const TaskRef home = home_of_objects(caller);
    const TakenRegion taken = home ? take_region(k, caller.carrier, pages_for(bytes)) : TakenRegion{};
    if (!taken.region) return KERN_RESOURCE_SHORTAGE;
    std::memset(k.pool().base() + offset_of(k.region(taken.region.index)), 0, taken.dirty_pages << page_bits);
    const kern_return_t code =
        caller.step([&](KernelStep& s) { return open_section(s, caller, task, home, taken.region, name); });
    if (code != KERN_SUCCESS) give_back(k, caller.carrier);
    return code;
}

kern_return_t create_proxy(Caller& caller, PortRef object, int protection, port_name_t* name) {
    const TaskRef home = home_of_objects(caller);
    if (!home) return KERN_RESOURCE_SHORTAGE;
    return caller.step([&](KernelStep& s) {
        const auto section = s.lock_live(object) != nullptr ? section_of_port(s.k, object) : std::nullopt;
        if (!section) return set_detail("the memory object is gone"), s.undo(KERN_INVALID_ARGUMENT);
        if ((protection & ~section->protection) != 0) {
            set_detail("the memory object allows 0x%x, not 0x%x", static_cast<unsigned>(section->protection), static_cast<unsigned>(protection));
            return s.undo(KERN_PROTECTION_FAILURE);
        }
        const PortRef stood_for = s.k.port(object.index).backup;
        const PortRef origin = stood_for ? stood_for : object;
        PortRef made;
        const kern_return_t code = give_object(s, caller, home, object_word(section->region.index, protection), name, &made);
        if (code != KERN_SUCCESS) return s.undo(code);
        if (!count_send(s, origin)) return set_detail("the memory object is gone"), s.undo(KERN_INVALID_ARGUMENT);
        s.set(s.k.port(made.index).backup, origin);
        return s.keep(code);
    });
}

void end_memory_object(KernelStep& s, PortRef object) {
    PortRecord& port = s.k.port(object.index);
    const PortRef origin = port.backup;
    const std::uint32_t region = region_in(port.object.get());
    s.set(port.identity, Identity{object.generation + 1, Life::free, 0, 0});
    s.set(port.receiver, Place{});
    s.set(port.backup, PortRef{});
    s.set(port.object, 0);
    s.k.zone(zone_ports).free(s.step(), s.k.host_lock(), object.index);
    if (origin) return drop_send(s, origin);
    discharge(s, s.k.region(region));
    release_region(s, s.k.ref_of_region(region));
}

}  // namespace umach::ports
