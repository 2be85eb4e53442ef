// SPDX-License-Identifier: BSL-1.0
// A task's space: its names and what right each is. A name is the index of an entry in the low 21 bits and a generation
// above, so first names are small, and a name that was freed is not soon given again; freed indices are used again in
// the order they were freed. One port has one name in a space, but each send-once right has a name of its own.
//
// Two maps grow with the entries, one bucket an entry (linear hashing: a new entry splits one bucket): port to name,
// and, for names that port_rename gave, name to entry.
#pragma once

#include "ports/kernel.hpp"

namespace umach::ports {

constexpr std::uint32_t name_index(std::uint32_t name) { return name & ((1u << name_index_bits) - 1); }

// Where the chunk of an index is named; nullptr when the space has no page there.
inline Count* chunk_word(Kernel& k, TaskRecord& task, std::uint32_t index) {
    const std::uint32_t number = index / entries_per_chunk;
    if (number / chunks_per_page >= pages_per_task) return nullptr;
    const auto page = static_cast<std::uint32_t>(task.pages[number / chunks_per_page].get());
    return page != 0 ? &k.page(page).chunks[number % chunks_per_page] : nullptr;
}

// The entry of an index; nullptr when the space never had it.
inline EntryRecord* entry_at(Kernel& k, TaskRecord& task, std::uint32_t index) {
    if (const auto first = static_cast<std::uint32_t>(task.first_chunk.get()); index < entries_per_chunk && first != 0)
        return &k.chunk(first).entries[index];
    Count* word = chunk_word(k, task, index);
    if (word == nullptr || word->get() == 0) return nullptr;
    return &k.chunk(static_cast<std::uint32_t>(word->get())).entries[index % entries_per_chunk];
}
// As above, for an index that is known to be there.
inline EntryRecord& entry(Kernel& k, TaskRecord& task, std::uint32_t index) {
    EntryRecord* found = entry_at(k, task, index);
    UMACH_ASSERT(found != nullptr);
    return *found;
}

// Finds a name. May be asked without the task's lock; then the answer is to be confirmed under it.
// returns: the entry's index, 0 when the name is not in use
std::uint32_t find_any_name(Kernel& k, TaskRecord& task, std::uint32_t name);
inline std::uint32_t find_name(Kernel& k, TaskRecord& task, std::uint32_t name) {
    const std::uint32_t index = name_index(name);
    if (index == 0 || index >= entries_per_chunk || index >= task.used_names.get()) return find_any_name(k, task, name);
    EntryRecord* e = entry_at(k, task, index);
    const EntryBits bits = e != nullptr ? e->bits.get() : EntryBits{};
    return bits.name == name && bits.rights != 0 ? index : find_any_name(k, task, name);
}

// Finds the one name for the send, receive or ownership rights of a port; under the task's lock.
std::uint32_t find_port(Kernel& k, TaskRecord& task, PortRef port);

// Finds the next entry, of any kind, for the port, after `previous` (0: the first); for when the port dies.
std::uint32_t next_for_port(Kernel& k, TaskRecord& task, PortRef port, std::uint32_t previous);

// Makes the space of a new task.
// returns: false when the host has no memory for it
bool open_space(KernelStep& s, TaskRecord& task);

// Makes a name for a port (or, with right_set, for a set), under the task's lock.
// returns: its index; 0 when the space or a quota is full, and runtime::detail() says which
std::uint32_t new_entry(KernelStep& s, TaskRecord& task, PortRef port, std::uint8_t rights, std::uint16_t urefs);

// Frees the name. The entry stands at no notify port.
void free_entry(KernelStep& s, TaskRecord& task, std::uint32_t index);

// Gives the entry another name, which must not be in use.
void rename_entry(KernelStep& s, TaskRecord& task, std::uint32_t index, std::uint32_t name);

// Takes the entry out of the map of ports: it has become a dead name.
void forget_port(KernelStep& s, TaskRecord& task, std::uint32_t index);

// The number by which cells name an entry, and back.
CellRef cell_of_entry(Kernel& k, TaskRecord& task, std::uint32_t index);
struct EntryPlace {
    TaskRef task;
    std::uint32_t index;
};
EntryPlace entry_of_cell(Kernel& k, CellRef cell);
EntryRecord& entry_record_of_cell(Kernel& k, CellRef cell);

// Gives the memory of an empty space back, one chunk or page a step.
// returns: true when nothing is left
bool return_space(KernelStep& s, TaskRecord& task);

}  // namespace umach::ports
