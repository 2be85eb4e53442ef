// SPDX-License-Identifier: BSL-1.0
// A view: where a task has a section mapped, by vm_map, in a way of its own: at its own address, for reading only or for
// writing too, or to be written to as a copy of the task's own. It is counted before it is mapped and unmapped before it is forgotten, and has a send right to the memory
// object all the while; so a section's memory never goes to others while it is mapped somewhere.
//
// A task that ends leaves its views to its process, which unmaps them, or ends.
#pragma once

#include "ports/section.hpp"

#include <algorithm>

namespace umach::ports {

struct ViewPlan {
    PortRef object;
    std::uint64_t first = 0, pages = 0;   // of the section
    std::uint64_t address = 0;            // 0: anywhere
    unsigned alignment_bits = 0;          // anywhere: of the address, at least those of a page
    int protection = 0;                   // vm_prot_t, at first
    int most = 0;                         // and ever, as far as the object allows
    std::uint32_t inheritance = 0;        // of a child of fork: VM_INHERIT_NONE, or _COPY
    bool copies = false;                  // what is written there is the task's own: allowed if the object can be read
};

// Maps a section into this process, for a task of it.
// returns: KERN_SUCCESS *address is where; KERN_INVALID_ARGUMENT the task or the object is gone; KERN_PROTECTION_FAILURE
// the object allows less; KERN_NO_SPACE the addresses are not free; KERN_RESOURCE_SHORTAGE
kern_return_t map_view(Caller& caller, TaskRef task, const ViewPlan& plan, std::uint64_t* address);

// The first view of this process that ends behind an address; of one task's if that is given.
// returns: null when there is none
ViewRef view_from(Kernel& k, std::uint64_t process, std::uint64_t address, std::uint32_t task = 0);

// Walks a range of this process's addresses: calls `visit(from, end, view)` for each part of it that is one view's, and, with
// a null view, for each that is none's.
// returns: false as soon as a visit does
template <class Visit>
bool each_part(Kernel& k, std::uint64_t process, std::uint64_t from, std::uint64_t end, Visit visit) {
    while (from < end) {
        const ViewRef ref = view_from(k, process, from);
        const std::uint64_t first = ref ? k.view(ref.index).address.get() : end;
        const bool outside = first > from;
        const std::uint64_t to = std::min(end, outside ? first : first + (k.view(ref.index).pages << page_bits));
        if (to <= from || !visit(from, to, outside ? ViewRef{} : ref)) return false;
        from = to;
    }
    return true;
}

// Takes pages from the view that begins them: all, its beginning, or its end; a hole in the middle changes nothing.
// takes: a range of pages of it
// returns: false when it has changed meanwhile
bool take_from_view(Caller& caller, ViewRef view, std::uint64_t from, std::uint64_t end);

// Notes what a child of fork is to have of a view.
void inherit_view(Caller& caller, ViewRef view, std::uint32_t inheritance);

// Unmaps what tasks of this process left when they ended.
void unmap_left_views(Kernel& k, runtime::Carrier& carrier, std::uint32_t process);

// ---- parts of steps ------------------------------------------------------------------------------------------------

// One view of a task that ends, whose lock is held, to its process.
void leave_view(KernelStep& s, TaskRef task, std::uint32_t view);

// One view of a process that has ended.
// returns: false when there is none
bool forget_left_view(KernelStep& s, std::uint32_t process);

}  // namespace umach::ports
