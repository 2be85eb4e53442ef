// SPDX-License-Identifier: BSL-1.0
#include "ports/space.hpp"

#include "runtime/detail.hpp"

#include <bit>

namespace umach::ports {
namespace {

constexpr std::uint32_t generations = 1u << (32 - name_index_bits);
constexpr std::uint32_t longest_split = 64;       // entries of a bucket that one step moves
constexpr std::uint32_t longest_chain = 10'000;   // a walk without the lock must end

std::uint32_t hash_of(std::uint32_t key) {
    const std::uint32_t mixed = key * 2654435761u;
    return mixed ^ mixed >> 15;
}

// Linear hashing over `count` buckets: bucket i was split off bucket i - 2^floor(log2 i).
std::uint32_t bucket_of(std::uint32_t hash, std::uint32_t count) {
    const std::uint32_t round = std::bit_ceil(count);
    const std::uint32_t bucket = hash & (round - 1);
    return bucket < count ? bucket : hash & (round / 2 - 1);
}

// One of the two maps: where its links lie, and the key of an entry.
struct PortMap {
    static Field<Pair>& links(EntryRecord& e) { return e.map; }
    static std::uint32_t hash(EntryRecord& e) { return hash_of(e.port.get().index); }
};
struct AliasMap {
    static Field<Pair>& links(EntryRecord& e) { return e.alias; }
    static std::uint32_t hash(EntryRecord& e) { return hash_of(e.bits.get().name); }
};

std::uint32_t buckets(TaskRecord& task) { return static_cast<std::uint32_t>(task.buckets.get()); }

template <class Map>
std::uint32_t head_of(Kernel& k, TaskRecord& task, std::uint32_t hash) {
    EntryRecord* bucket = entry_at(k, task, bucket_of(hash, buckets(task)));
    return bucket != nullptr ? Map::links(*bucket).get().first : 0;
}

template <class Map>
void map_insert(KernelStep& s, TaskRecord& task, std::uint32_t index, std::uint32_t bucket_index) {
    EntryRecord& bucket = entry(s.k, task, bucket_index);
    EntryRecord& e = entry(s.k, task, index);
    s.set(Map::links(e), Pair{Map::links(e).get().first, Map::links(bucket).get().first});
    s.set(Map::links(bucket), Pair{index, Map::links(bucket).get().second});
}

template <class Map>
void map_insert(KernelStep& s, TaskRecord& task, std::uint32_t index) {
    map_insert<Map>(s, task, index, bucket_of(Map::hash(entry(s.k, task, index)), buckets(task)));
}

template <class Map>
void map_remove(KernelStep& s, TaskRecord& task, std::uint32_t index) {
    EntryRecord& e = entry(s.k, task, index);
    EntryRecord& bucket = entry(s.k, task, bucket_of(Map::hash(e), buckets(task)));
    const std::uint32_t next = Map::links(e).get().second;
    if (Map::links(bucket).get().first == index) {
        s.set(Map::links(bucket), Pair{next, Map::links(bucket).get().second});
    } else {
        std::uint32_t at = Map::links(bucket).get().first;
        while (Map::links(entry(s.k, task, at)).get().second != index) at = Map::links(entry(s.k, task, at)).get().second;
        EntryRecord& before = entry(s.k, task, at);
        s.set(Map::links(before), Pair{Map::links(before).get().first, next});
    }
    s.set(Map::links(e), Pair{Map::links(e).get().first, 0});
}

// Moves the entries that belong into the new bucket `fresh` out of the one it is split from.
template <class Map>
void split(KernelStep& s, TaskRecord& task, std::uint32_t fresh) {
    EntryRecord& old = entry(s.k, task, fresh - std::bit_floor(fresh));
    std::uint32_t at = Map::links(old).get().first;
    s.set(Map::links(old), Pair{0, Map::links(old).get().second});
    while (at != 0) {
        EntryRecord& e = entry(s.k, task, at);
        const std::uint32_t next = Map::links(e).get().second;
        map_insert<Map>(s, task, at, bucket_of(Map::hash(e), fresh + 1));
        at = next;
    }
}

template <class Map>
bool is_short(Kernel& k, TaskRecord& task, std::uint32_t bucket) {
    std::uint32_t length = 0;
    for (std::uint32_t at = Map::links(entry(k, task, bucket)).get().first; at != 0 && length <= longest_split; ++length)
        at = Map::links(entry(k, task, at)).get().second;
    return length <= longest_split;
}

// Adds one bucket. A bucket too long to be split in one step (very many send-once rights to one port) is left as it is,
// and the maps stop growing until it has become shorter.
void split_next(KernelStep& s, TaskRecord& task) {
    const std::uint32_t fresh = buckets(task);
    const std::uint32_t old = fresh - std::bit_floor(fresh);
    if (!is_short<PortMap>(s.k, task, old) || !is_short<AliasMap>(s.k, task, old)) return;
    split<PortMap>(s, task, fresh);
    split<AliasMap>(s, task, fresh);
    s.set(task.buckets, fresh + 1);
}

bool out_of(const char* what) {
    runtime::set_detail("the host has no memory left for %s", what);
    return false;
}

bool ensure_page(KernelStep& s, TaskRecord& task, std::uint32_t number) {
    Count& page = task.pages[number / chunks_per_page];
    if (page.get() != 0) return true;
    const std::uint32_t fresh = s.k.zone(zone_pages).allocate(s.step(), s.k.host_lock());
    if (fresh == 0) return out_of("tables of names");
    s.set(page, fresh);
    return true;
}

bool ensure_chunk(KernelStep& s, TaskRecord& task, std::uint32_t index) {
    Count* word = chunk_word(s.k, task, index);
    if (word != nullptr && word->get() != 0) return true;
    if (!ensure_page(s, task, index / entries_per_chunk)) return false;
    const std::uint32_t fresh = s.k.zone(zone_chunks).allocate(s.step(), s.k.host_lock());
    if (fresh == 0) return out_of("names");
    EntryChunk& chunk = s.k.chunk(fresh);
    const auto owner = static_cast<std::uint32_t>(&task - &s.k.task(0));
    s.set(chunk.task, s.k.ref_of_task(owner));
    s.set(chunk.first, index / entries_per_chunk * entries_per_chunk);
    s.set(*chunk_word(s.k, task, index), fresh);
    return true;
}

std::uint32_t take_fresh_index(KernelStep& s, TaskRecord& task) {
    const auto index = static_cast<std::uint32_t>(task.used_names.get());
    if (index >= ports::most_names) return out_of("another name in this task"), 0;
    if (!ensure_chunk(s, task, index)) return 0;
    EntryRecord& e = entry(s.k, task, index);
    s.set(e.bits, EntryBits{index, 0, 0, 0});
    s.set(task.used_names, index + 1);
    split_next(s, task);
    return index;
}

std::uint32_t take_index(KernelStep& s, TaskRecord& task) {
    const Pair list = task.free_names;
    if (list.first == 0) return take_fresh_index(s, task);
    EntryRecord& e = entry(s.k, task, list.first);
    s.set(task.free_names, Pair{e.links.get().second, e.links.get().second != 0 ? list.second : 0});
    s.set(e.links, Pair{});
    return list.first;
}

std::uint32_t next_name(std::uint32_t name) {
    const std::uint32_t generation = ((name >> name_index_bits) + 1) % generations;
    return generation << name_index_bits | name_index(name);
}

bool usable(Kernel& k, TaskRecord& task, std::uint32_t name) {
    return name != ~0u && find_name(k, task, name) == 0;
}

}  // namespace

std::uint32_t find_any_name(Kernel& k, TaskRecord& task, std::uint32_t name) {
    if (name == 0 || name == ~0u) return 0;
    const std::uint32_t index = name_index(name);
    if (EntryRecord* e = index != 0 && index < task.used_names.get() ? entry_at(k, task, index) : nullptr; e != nullptr) {
        const EntryBits bits = e->bits;
        if (bits.name == name && bits.rights != 0) return index;
    }
    std::uint32_t at = head_of<AliasMap>(k, task, hash_of(name));
    for (std::uint32_t i = 0; at != 0 && i < longest_chain; ++i) {
        EntryRecord* e = entry_at(k, task, at);
        if (e == nullptr) return 0;
        if (e->bits.get().name == name && e->bits.get().rights != 0) return at;
        at = e->alias.get().second;
    }
    return 0;
}

std::uint32_t next_for_port(Kernel& k, TaskRecord& task, PortRef port, std::uint32_t previous) {
    std::uint32_t at = previous == 0 ? head_of<PortMap>(k, task, hash_of(port.index))
                                     : entry(k, task, previous).map.get().second;
    while (at != 0 && entry(k, task, at).port.get() != port) at = entry(k, task, at).map.get().second;
    return at;
}

std::uint32_t find_port(Kernel& k, TaskRecord& task, PortRef port) {
    std::uint32_t at = next_for_port(k, task, port, 0);
    while (at != 0 && (entry(k, task, at).bits.get().rights & right_send_once) != 0)
        at = next_for_port(k, task, port, at);
    return at;
}

bool open_space(KernelStep& s, TaskRecord& task) {
    if (!ensure_chunk(s, task, 0)) return false;
    s.set(task.first_chunk, chunk_word(s.k, task, 0)->get());
    s.set(task.used_names, 1);   // index 0 is no name
    s.set(task.buckets, 1);
    return true;
}

std::uint32_t new_entry(KernelStep& s, TaskRecord& task, PortRef port, std::uint8_t rights, std::uint16_t urefs) {
    if (task.names.get() >= task.most_names.get()) {
        runtime::set_detail("quota: the task has its %llu names", static_cast<unsigned long long>(task.most_names.get()));
        return 0;
    }
    const std::uint32_t index = take_index(s, task);
    if (index == 0) return 0;
    EntryRecord& e = entry(s.k, task, index);
    std::uint32_t name = e.bits.get().name;
    for (std::uint32_t i = 0; !usable(s.k, task, name); ++i) {
        if (i == generations) return out_of("another name: port_rename has given all of this index away"), 0;
        name = next_name(name);
    }
    s.set(e.port, port);
    s.set(e.bits, EntryBits{name, urefs, rights, 0});
    s.set(task.names, task.names.get() + 1);
    if ((rights & right_set) == 0) map_insert<PortMap>(s, task, index);
    return index;
}

void forget_port(KernelStep& s, TaskRecord& task, std::uint32_t index) {
    map_remove<PortMap>(s, task, index);
    s.set(entry(s.k, task, index).port, PortRef{});
}

void free_entry(KernelStep& s, TaskRecord& task, std::uint32_t index) {
    EntryRecord& e = entry(s.k, task, index);
    const EntryBits bits = e.bits;
    UMACH_ASSERT((bits.flags & entry_noticed) == 0);
    if (e.port.get() && (bits.rights & right_set) == 0) map_remove<PortMap>(s, task, index);
    std::uint32_t name = bits.name;
    if ((bits.flags & entry_renamed) != 0) {
        map_remove<AliasMap>(s, task, index);
        s.set(task.renamed, task.renamed.get() + 1);
        name = static_cast<std::uint32_t>(task.renamed.get() % generations) << name_index_bits | index;
    }
    s.set(e.port, PortRef{});
    s.set(e.at, PortRef{});
    s.set(e.bits, EntryBits{next_name(name), 0, 0, 0});
    s.set(e.links, Pair{});
    const Pair list = task.free_names;
    if (list.second != 0) s.set(entry(s.k, task, list.second).links, Pair{0, index});
    s.set(task.free_names, Pair{list.first != 0 ? list.first : index, index});
    s.set(task.names, task.names.get() - 1);
}

void rename_entry(KernelStep& s, TaskRecord& task, std::uint32_t index, std::uint32_t name) {
    EntryRecord& e = entry(s.k, task, index);
    EntryBits bits = e.bits;
    if ((bits.flags & entry_renamed) != 0) map_remove<AliasMap>(s, task, index);
    bits.name = name;
    bits.flags |= entry_renamed;
    s.set(e.bits, bits);
    map_insert<AliasMap>(s, task, index);
}

CellRef cell_of_entry(Kernel& k, TaskRecord& task, std::uint32_t index) {
    const auto chunk = static_cast<std::uint32_t>(chunk_word(k, task, index)->get());
    return {CellKind::entry_deleted, chunk * entries_per_chunk + index % entries_per_chunk};
}

EntryPlace entry_of_cell(Kernel& k, CellRef cell) {
    EntryChunk& chunk = k.chunk(cell.index() / entries_per_chunk);
    const auto first = static_cast<std::uint32_t>(chunk.first.get());
    return {chunk.task, first + cell.index() % entries_per_chunk};
}

EntryRecord& entry_record_of_cell(Kernel& k, CellRef cell) {
    return k.chunk(cell.index() / entries_per_chunk).entries[cell.index() % entries_per_chunk];
}

namespace {

// Clears what the free list of names left in a chunk, so that the next task finds it zero.
void clear_chunk(KernelStep& s, EntryChunk& chunk) {
    for (EntryRecord& e : chunk.entries) {
        s.set(e.links, Pair{});
        s.set(e.map, Pair{});
        s.set(e.alias, Pair{});
    }
}

}  // namespace

bool return_space(KernelStep& s, TaskRecord& task) {
    for (std::uint32_t p = 0; p < pages_per_task; ++p) {
        const auto page = static_cast<std::uint32_t>(task.pages[p].get());
        if (page == 0) continue;
        for (Count& word : s.k.page(page).chunks) {
            const auto chunk = static_cast<std::uint32_t>(word.get());
            if (chunk == 0) continue;
            if (task.first_chunk.get() == chunk) s.set(task.first_chunk, 0);
            clear_chunk(s, s.k.chunk(chunk));
            s.set(word, 0);
            s.k.zone(zone_chunks).free(s.step(), s.k.host_lock(), chunk);
            return false;
        }
        s.set(task.pages[p], 0);
        s.k.zone(zone_pages).free(s.step(), s.k.host_lock(), page);
        return false;
    }
    return true;
}

}  // namespace umach::ports
