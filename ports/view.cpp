// SPDX-License-Identifier: BSL-1.0
#include "ports/view.hpp"

#include "ports/rights.hpp"
#include "runtime/detail.hpp"

#include <mach/vm_prot.h>

#include <sys/mman.h>

namespace umach::ports {
namespace {

using runtime::set_detail;

std::uint64_t bytes_of(const ViewRecord& view) { return view.pages << page_bits; }
std::uint64_t end_of(const ViewRecord& view) { return view.address + bytes_of(view); }

void unmap(std::uint64_t address, std::uint64_t bytes) { munmap(reinterpret_cast<void*>(address), bytes); }

void free_view(KernelStep& s, std::uint32_t index) {
    ViewRecord& view = s.k.view(index);
    s.lock_host();
    s.set(view.identity, Identity{view.identity.get().generation + 1, Life::free, 0, 0});
    s.k.zone(zone_views).free(s.step(), s.k.host_lock(), index);
    drop_send(s, view.object);
}

// The most that may be done by way of a view: what is done to a copy the object does not see.
int most_allowed(const Section& section, const ViewPlan& plan) {
    return plan.copies && (section.protection & VM_PROT_READ) != 0 ? VM_PROT_ALL : section.protection;
}

kern_return_t fill(KernelStep& s, TaskRef task, ViewRecord& view, const ViewPlan& plan) {
    const auto section = section_of_port(s.k, plan.object);
    if (!section || !count_send(s, plan.object)) return set_detail("the memory object is gone"), KERN_INVALID_ARGUMENT;
    if (plan.first + plan.pages > section->pages) {
        set_detail("the section has %llu KiB", static_cast<unsigned long long>(section->pages) * 4);
        return KERN_INVALID_ARGUMENT;
    }
    const int allowed = most_allowed(*section, plan);
    if ((plan.protection & ~allowed) != 0) {
        set_detail("the memory object allows 0x%x, not 0x%x", static_cast<unsigned>(section->protection), static_cast<unsigned>(plan.protection));
        return KERN_PROTECTION_FAILURE;
    }
    s.set(view.identity, Identity{view.identity.get().generation, Life::live, 0, 0});
    s.set(view.task, task);
    s.set(view.object, plan.object);
    s.set(view.address, 0);
    s.set(view.first, plan.first);
    s.set(view.pages, plan.pages);
    s.set(view.protection, static_cast<std::uint64_t>(plan.most & allowed));
    s.set(view.inheritance, plan.inheritance);
    s.set(view.copies, plan.copies ? 1 : 0);
    return KERN_SUCCESS;
}

kern_return_t count_view(KernelStep& s, TaskRef task, const ViewPlan& plan, ViewRef* made) {
    if (!s.lock(task) || s.k.task(task.index).identity.get().life != Life::live) return s.undo(KERN_INVALID_ARGUMENT);
    const std::uint32_t index = s.k.zone(zone_views).allocate(s.step(), s.k.host_lock());
    if (index == 0) return set_detail("the host has no record left for another view of a section"), s.undo(KERN_RESOURCE_SHORTAGE);
    if (const kern_return_t code = fill(s, task, s.k.view(index), plan); code != KERN_SUCCESS) return s.undo(code);
    s.append(s.k.task(task.index).views, index, s.k.view_links());
    *made = s.k.ref_of_view(index);
    return s.keep(KERN_SUCCESS);
}

std::uint64_t map(Kernel& k, const ViewRecord& view, const ViewPlan& plan) {
    const std::uint64_t offset = offset_of(k.region(section_of_port(k, plan.object)->region.index)) + (view.first << page_bits);
    const int rights = ((plan.protection & VM_PROT_READ) != 0 ? PROT_READ : 0) | ((plan.protection & VM_PROT_WRITE) != 0 ? PROT_WRITE : 0) |
                       ((plan.protection & VM_PROT_EXECUTE) != 0 ? PROT_EXEC : 0);
    return k.pool().map_view(offset, bytes_of(view), {rights, plan.copies}, plan.address, plan.alignment_bits);
}

// Locks whom a view belongs to: its task, or else the host for its process.
// returns: false when it has gone meanwhile
bool lock_view(KernelStep& s, ViewRef ref) {
    ViewRecord& view = s.k.view(ref.index);
    const TaskRef task = view.task;
    if (!task || !s.lock(task)) return false;
    return s.k.ref_of_view(ref.index) == ref && view.task.get() == task && view.identity.get().life == Life::live;
}

void set_life(KernelStep& s, ViewRecord& view, Life life) {
    Identity identity = view.identity;
    identity.life = life;
    s.set(view.identity, identity);
}

// The same, and it is still as long as it was.
bool lock_view(KernelStep& s, ViewRef ref, std::uint64_t first, std::uint64_t end) {
    return lock_view(s, ref) && s.k.view(ref.index).address == first && end_of(s.k.view(ref.index)) == end;
}

// Out of whichever list it is in by now: its task may have ended meanwhile.
void drop(Kernel& k, runtime::Carrier& carrier, std::uint32_t process, std::uint32_t index) {
    k.step(carrier, [&](KernelStep& s) {
        ViewRecord& view = s.k.view(index);
        const TaskRef task = view.task;
        if (task && !s.lock(task)) throw runtime::Busy{nullptr};
        s.lock_host();
        if (view.task.get() != task) throw runtime::Busy{nullptr};
        s.unlink(task ? s.k.task(task.index).views : s.k.process(process).views, index, s.k.view_links());
        free_view(s, index);
        return s.keep(0);
    });
    k.settle(carrier);
}

void shorten(KernelStep& s, ViewRecord& view, std::uint64_t from, std::uint64_t end) {
    s.set(view.first, view.first + ((from - view.address) >> page_bits));
    s.set(view.address, from);
    s.set(view.pages, (end - from) >> page_bits);
}

}  // namespace

kern_return_t map_view(Caller& caller, TaskRef task, const ViewPlan& plan, std::uint64_t* address) {
    Kernel& k = caller.k;
    const auto process = static_cast<std::uint32_t>(caller.carrier.record().process.get());
    unmap_left_views(k, caller.carrier, process);
    ViewRef ref;
    if (const kern_return_t code = caller.step([&](KernelStep& s) { return count_view(s, task, plan, &ref); }); code != KERN_SUCCESS) return code;
    *address = map(k, k.view(ref.index), plan);
    if (*address == 0) {
        drop(k, caller.carrier, process, ref.index);
        return set_detail("the system has no place for %llu KiB there", static_cast<unsigned long long>(plan.pages) * 4), KERN_NO_SPACE;
    }
    const bool noted = caller.step([&](KernelStep& s) {
        if (!lock_view(s, ref)) return s.undo(false);
        return s.set(s.k.view(ref.index).address, *address), s.keep(true);
    });
    if (noted) return KERN_SUCCESS;
    unmap(*address, plan.pages << page_bits);   // the task has ended meanwhile, and has left the view to its process
    drop(k, caller.carrier, process, ref.index);
    return KERN_INVALID_ARGUMENT;
}

ViewRef view_from(Kernel& k, std::uint64_t process, std::uint64_t address, std::uint32_t task) {
    std::uint32_t best = 0;
    for (std::uint32_t i = 1; i < k.zone(zone_views).fresh(); ++i) {
        const ViewRecord& view = k.view(i);
        const TaskRef owner = view.task;
        if (view.identity.get().life != Life::live || !owner || view.address == 0 || end_of(view) <= address) continue;
        if (k.task(owner.index).process != process || (task != 0 && owner.index != task)) continue;
        if (best == 0 || view.address < k.view(best).address) best = i;
    }
    return best != 0 ? k.ref_of_view(best) : ViewRef{};
}

bool take_from_view(Caller& caller, ViewRef ref, std::uint64_t from, std::uint64_t end) {
    const ViewRecord& view = caller.k.view(ref.index);
    const std::uint64_t first = view.address, last = end_of(view);
    const bool begins = from == first, ends = end == last;
    if (!begins && !ends) return true;
    const bool changed = caller.step([&](KernelStep& s) {
        if (!lock_view(s, ref, first, last)) return s.undo(false);
        if (!begins || !ends) shorten(s, s.k.view(ref.index), begins ? end : first, begins ? last : from);
        else set_life(s, s.k.view(ref.index), Life::dying);   // nobody else unmaps it from here on
        return s.keep(true);
    });
    if (changed) unmap(from, end - from);
    if (changed && begins && ends) drop(caller.k, caller.carrier, static_cast<std::uint32_t>(caller.carrier.record().process.get()), ref.index);
    return changed;
}

void inherit_view(Caller& caller, ViewRef ref, std::uint32_t inheritance) {
    caller.step([&](KernelStep& s) {
        if (!lock_view(s, ref)) return s.undo(0);
        return s.set(s.k.view(ref.index).inheritance, inheritance), s.keep(0);
    });
}

void unmap_left_views(Kernel& k, runtime::Carrier& carrier, std::uint32_t process) {
    for (;;) {
        const std::uint32_t index = k.step(carrier, [&](KernelStep& s) {
            s.lock_host();
            std::uint32_t at = k.process(process).views.get().first;
            const auto is_left = [&] { return k.view(at).identity.get().life == Life::live && k.view(at).address != 0; };
            while (at != 0 && !is_left()) at = k.view(at).links.get().second;   // others are under way
            if (at != 0) set_life(s, k.view(at), Life::dying);
            return s.keep(at);
        });
        if (index == 0) return;
        unmap(k.view(index).address, bytes_of(k.view(index)));
        drop(k, carrier, process, index);
    }
}

// ---- parts of steps ------------------------------------------------------------------------------------------------

void leave_view(KernelStep& s, TaskRef task, std::uint32_t index) {
    const auto process = static_cast<std::uint32_t>(s.k.task(task.index).process.get());
    s.unlink(s.k.task(task.index).views, index, s.k.view_links());
    if (process == 0) return free_view(s, index);
    s.lock_host();
    s.set(s.k.view(index).task, TaskRef{});
    s.append(s.k.process(process).views, index, s.k.view_links());
}

bool forget_left_view(KernelStep& s, std::uint32_t process) {
    s.lock_host();
    const std::uint32_t index = s.k.process(process).views.get().first;
    if (index == 0) return false;
    s.unlink(s.k.process(process).views, index, s.k.view_links());
    free_view(s, index);
    return true;
}

}  // namespace umach::ports
