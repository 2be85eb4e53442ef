// SPDX-License-Identifier: BSL-1.0
#include "ports/out_of_line.hpp"

#include "ports/memory.hpp"
#include "runtime/checked_copy.hpp"
#include "runtime/detail.hpp"

#include <cstring>

namespace umach::ports {
namespace {

using runtime::set_detail;

RightInfo memory_info(const Item& item, bool moves) {
    RightInfo info{};
    info.code = static_cast<std::uint8_t>(item.code);
    info.carried = Carried::memory;
    info.offset = static_cast<std::uint16_t>(item.at & 0x1fff);
    info.give_up = moves ? 1 : 0;
    info.held = moves ? 0 : 1;
    return info;
}

PortRef as_slot(RegionRef region) { return {region.index, region.generation}; }

// Zeroes what lies around the data in its pages: somebody else may have left something there.
void clear_around(std::byte* first, std::uint64_t dirty_pages, std::uint64_t begin, std::uint64_t end) {
    const std::uint64_t dirty = dirty_pages << page_bits;
    std::memset(first, 0, std::min(begin, dirty));
    if (end < dirty) std::memset(first + end, 0, std::min(page_bytes - 1, dirty - end));
}

// Copies into a region, to its pages of the stock by the mapping, to new ones by the file.
// returns: false when some of it cannot be read
bool copy_from(Kernel& k, const TakenRegion& taken, std::uint64_t begin, std::uint64_t address, std::uint64_t bytes) {
    const std::uint64_t offset = offset_of(k.region(taken.region.index)) + begin;
    const std::uint64_t had = std::min(bytes, std::max(taken.dirty_pages << page_bits, begin) - begin);
    const auto* from = reinterpret_cast<const std::byte*>(address);
    std::byte* to = k.pool().base() + offset;
    if (!runtime::copy_in(to, from, had)) return false;
    const std::uint64_t done = had + k.pool().write(offset + had, from + had, bytes - had);
    return runtime::copy_in(to + done, from + done, bytes - done);   // of what the file did not take
}

msg_return_t unreadable(std::uint64_t address, std::uint64_t bytes) {
    set_detail("the %llu bytes of out-of-line data at 0x%llx cannot be read", static_cast<unsigned long long>(bytes),
               static_cast<unsigned long long>(address));
    return SEND_INVALID_MEMORY;
}

// Whether data begins and ends in memory that is there: a wild pointer is not to cost as much as it says.
bool has_ends(std::uint64_t address, std::uint64_t bytes) {
    std::byte end{};
    const auto* from = reinterpret_cast<const std::byte*>(address);
    return address + bytes > address && runtime::copy_in(&end, from, 1) && runtime::copy_in(&end, from + (bytes - 1), 1);
}

// Copies data into a region of the carrier's hand.
// returns: null, and *error says why not
RegionRef copy_data(Caller& caller, std::uint64_t address, std::uint64_t bytes, msg_return_t* error) {
    const std::uint64_t begin = address & (page_bytes - 1);
    const std::uint64_t pages = pages_for(begin + bytes);
    if (!has_ends(address, bytes)) return *error = unreadable(address, bytes), RegionRef{};
    *error = SEND_KERNEL_REFUSED;
    if (!may_take_off(caller.k.task(caller.task.index), pages)) return {};   // before it is copied; attach() decides
    const TakenRegion taken = take_region(caller.k, caller.carrier, pages);
    if (!taken.region) return {};
    std::byte* first = caller.k.pool().base() + offset_of(caller.k.region(taken.region.index));
    clear_around(first, taken.dirty_pages, begin, begin + bytes);
    if (copy_from(caller.k, taken, begin, address, bytes)) return taken.region;
    give_back(caller.k, caller.carrier);
    *error = unreadable(address, bytes);
    return {};
}

// From the hand into the message, which so far has the rights that identity counts.
// returns: false when that is over the sender's quota
bool attach(Caller& caller, std::uint32_t message, RegionRef region, const RightInfo& info, MessageIdentity& identity) {
    MessageRecord& record = caller.k.message(message);
    RightSlot& slot = caller.k.right(message, identity.rights);
    ++identity.rights;
    const bool attached = caller.k.step(caller.carrier, [&](KernelStep& s) {
        if (!s.lock(caller.task) || !take_off(s, caller.task, s.k.region(region.index))) return s.undo(false);
        s.set(slot.info, info);
        s.set(slot.port, as_slot(region));
        s.set(slot.call, CallRef{});
        s.set(s.k.region(region.index).holder, Place::of(PlaceKind::message, message, identity.generation));
        s.set(record.identity, identity);
        s.set(s.mine().memory_in_hand, 0);
        return s.keep(true);
    });
    if (!attached) give_back(caller.k, caller.carrier), --identity.rights;
    return attached;
}

void list_move(Kernel& k, std::uint32_t message, RegionRef region, const RightInfo& info, MessageIdentity& identity) {
    RightSlot& slot = k.right(message, identity.rights++);
    slot.info.put(info);
    slot.port.put(as_slot(region));
    slot.call.put(CallRef{static_cast<std::uint32_t>(k.region(region.index).pages), 0});   // as it is now
}

}  // namespace

msg_return_t fetch_memory(Caller& caller, std::uint32_t message, const Item& item, MessageIdentity& identity,
                          std::vector<GivenUp>& given_up) {
    std::byte* body = caller.k.body(message);
    const std::uint64_t address = read_pointer(body, item);
    write_pointer(body, item, address & (page_bytes - 1));
    const bool may_move = item.give_up && !is_right(item.code);
    if (const RegionRef whole = may_move ? whole_region(caller, address, item.bytes()) : RegionRef{}; whole)
        return list_move(caller.k, message, whole, memory_info(item, true), identity), SEND_SUCCESS;
    msg_return_t error = SEND_SUCCESS;
    const RegionRef copied = copy_data(caller, address, item.bytes(), &error);
    if (!copied) return error;
    if (!attach(caller, message, copied, memory_info(item, false), identity)) return SEND_KERNEL_REFUSED;
    if (item.give_up) given_up.push_back({address, item.bytes()});
    return SEND_SUCCESS;
}

std::byte* address_of(Kernel& k, RightSlot& slot, const std::byte* body, const Item& item) {
    return k.pool().base() + offset_of(k.region(region_of(slot).index)) + (read_pointer(body, item) & (page_bytes - 1));
}

std::vector<const std::byte*> memory_of(Kernel& k, std::uint32_t message) {
    std::vector<const std::byte*> memory;
    MessageRecord& record = k.message(message);
    std::uint32_t slot = 0;
    Item item;
    for (std::uint32_t at = header_bytes; at < record.size && read_item(k.body(message), record.size, at, item); at = item.next) {
        if (!item.in_line && item.bytes() != 0) memory.push_back(address_of(k, k.right(message, slot++), k.body(message), item));
        if (is_right(item.code)) slot += static_cast<std::uint32_t>(item.number);
    }
    return memory;
}

bool take_memory(Caller& caller, std::uint32_t message) {
    Kernel& k = caller.k;
    const Place in_message = Place::of(PlaceKind::message, message, k.message(message).identity.get().generation);
    for (std::uint32_t i = 0; i < k.message(message).identity.get().rights; ++i) {
        RightSlot& slot = k.right(message, i);
        const bool taken = caller.step([&](KernelStep& s) {
            RightInfo info = slot.info;
            if (info.carried != Carried::memory || info.held != 0) return s.undo(true);
            if (!s.lock(caller.task) || !may_move(s.k, caller.task, slot)) return s.undo(false);
            if (!take_off(s, caller.task, s.k.region(region_of(slot).index))) return s.undo(false);
            take_from_task(s, caller.task, region_of(slot), in_message);
            info.held = 1;
            s.set(slot.info, info);
            return s.keep(true);
        });
        if (!taken) return set_detail("the memory that the message gives up is not the task's any more"), false;
    }
    return true;
}

bool may_move(Kernel& k, TaskRef task, RightSlot& slot) {
    const RegionRef ref = region_of(slot);
    if (!has_region(k, task, ref)) return false;
    const RegionRecord& region = k.region(ref.index);
    return region.altered.get() == 0 && region.pages == slot.call.get().thread;
}

}  // namespace umach::ports
