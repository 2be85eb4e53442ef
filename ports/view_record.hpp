// SPDX-License-Identifier: BSL-1.0
// The record of a view.
#pragma once

#include "ports/records.hpp"

namespace umach::ports {

// A view: where a task has a section mapped. It holds a send right to the memory object.
struct alignas(64) ViewRecord {
    Field<Identity> identity;   // own; dying: it is being unmapped
    Field<TaskRef> task;        // own; null: the task has ended, and its process still has it mapped
    Field<Pair> links;          // own, or host; in the list of the task, or of the process
    Field<Pair> link;           // host; free list
    Field<PortRef> object;      // own; what was mapped, a counted send right
    Count address;              // own; in the task's process; 0: not mapped yet
    Count first, pages;         // own; of the section
    Count protection;           // own; vm_prot_t: the most that may be done
    Count inheritance;          // own; vm_inherit_t
    Count copies;               // own; 1: what is written there is the task's own
};

}  // namespace umach::ports
