// SPDX-License-Identifier: BSL-1.0
// Rights in messages: how each leaves its sender and enters its receiver's space.
#include "ports/death.hpp"
#include "ports/notice.hpp"
#include "ports/queue.hpp"
#include "ports/out_of_line.hpp"
#include "ports/region.hpp"
#include "ports/rights.hpp"
#include "runtime/detail.hpp"

#include <algorithm>

namespace umach::ports {
namespace {

constexpr std::uint8_t can_send = right_send | right_receive | right_owner;

Place place_of_message(Kernel& k, std::uint32_t message) {
    return Place::of(PlaceKind::message, message, k.message(message).identity.get().generation);
}

// One right on its way out of its sender's space.
struct Leaving {
    KernelStep& s;
    TaskRef sender;
    std::uint32_t message;
    PortRef destination;
    bool take_all;
    bool over_quota = false;   // of memory in messages

    TaskRecord& task() { return s.k.task(sender.index); }
};

bool refuse(const RightInfo& info, const char* why) {
    runtime::set_detail("item of type %d at byte %d, name %d: %s", info.code, info.offset, static_cast<int>(info.name), why);
    return false;
}

void settle_slot(KernelStep& s, RightSlot& slot, PortRef port, Carried what, bool held, CallRef call = {}) {
    RightInfo info = slot.info;
    info.carried = what;
    info.held = held ? 1 : 0;
    s.set(slot.info, info);
    s.set(slot.port, port);
    s.set(slot.call, call);
}

bool leave_dead(Leaving& l, RightSlot& slot, std::uint32_t index) {
    if (slot.info.get().give_up != 0) {
        if (!l.take_all) return true;   // it leaves with the commit, as every move does
        withdraw(l.s, cell_of_entry(l.s.k, l.task(), index));
        free_entry(l.s, l.task(), index);
    }
    settle_slot(l.s, slot, PortRef{}, Carried::dead, true);
    return true;
}

bool move_send_once(Leaving& l, RightSlot& slot, std::uint32_t index) {
    if (!l.take_all) return true;
    EntryRecord& e = entry(l.s.k, l.task(), index);
    const PortRef call = e.at;
    settle_slot(l.s, slot, e.port, Carried::send_once, true, CallRef{call.index, call.generation});
    l.s.set(e.at, PortRef{});
    free_entry(l.s, l.task(), index);
    return true;
}

bool move_send(Leaving& l, RightSlot& slot, std::uint32_t index) {
    EntryRecord& e = entry(l.s.k, l.task(), index);
    if (e.bits.get().rights != right_send)
        return refuse(slot.info, "deallocate is for pure send rights, this name also receives or owns");
    if (!l.take_all) return true;
    settle_slot(l.s, slot, e.port, Carried::send, true);
    free_entry(l.s, l.task(), index);
    return true;
}

bool copy_send(Leaving& l, RightSlot& slot, std::uint32_t index) {
    EntryRecord& e = entry(l.s.k, l.task(), index);
    const PortRef port = e.port;
    if (!count_send(l.s, port)) return leave_dead(l, slot, index);
    if ((e.bits.get().rights & right_receive) != 0) {
        PortTally tally = l.s.k.port(port.index).tally;
        ++tally.made;
        l.s.set(l.s.k.port(port.index).tally, tally);
    }
    settle_slot(l.s, slot, port, Carried::send, true);
    return true;
}

bool make_send_once(Leaving& l, RightSlot& slot, std::uint32_t index) {
    EntryRecord& e = entry(l.s.k, l.task(), index);
    if ((e.bits.get().rights & right_receive) == 0) return refuse(slot.info, "no receive right to make a send-once right from");
    settle_slot(l.s, slot, e.port, Carried::send_once, true);
    return true;
}

// What is left of a name when receive right or ownership has gone: with the deallocate bit nothing that could only
// send, otherwise at least a send right.
void leave_rest(Leaving& l, RightSlot& slot, std::uint32_t index, std::uint8_t removed) {
    EntryRecord& e = entry(l.s.k, l.task(), index);
    EntryBits bits = e.bits;
    bits.rights = static_cast<std::uint8_t>(bits.rights & ~removed);
    const PortRef port = e.port;
    if ((bits.rights & (right_receive | right_owner)) == 0 && slot.info.get().give_up != 0) {
        if ((bits.rights & right_send) != 0) drop_send(l.s, port);
        return free_entry(l.s, l.task(), index);
    }
    if (bits.rights == 0 && count_send(l.s, port)) {
        bits.rights = right_send;
        bits.urefs = 1;
    }
    l.s.set(e.bits, bits);
}

// Whether the port that is about to move lies on the way from the destination up to its root.
bool circular(Kernel& k, PortRef moving, PortRef destination) {
    std::uint32_t at = destination.index;
    for (std::uint32_t depth = 0; depth <= deepest_nest; ++depth) {
        if (at == moving.index) return true;
        const Place place = k.port(at).receiver;
        if (place.kind == PlaceKind::port) {
            at = place.index;
            continue;
        }
        if (place.kind != PlaceKind::message || k.message(place.index).stands.get().kind != PlaceKind::port) return false;
        at = k.message(place.index).stands.get().index;
    }
    return true;
}

bool move_own_rights(Leaving& l, RightSlot& slot, std::uint32_t index, std::uint8_t wanted) {
    EntryRecord& e = entry(l.s.k, l.task(), index);
    const std::uint8_t rights = e.bits.get().rights;
    const std::uint8_t needed = wanted & right_receive ? right_receive : right_owner;
    if ((rights & needed) == 0) return refuse(slot.info, needed == right_receive ? "no receive right held" : "no ownership held");
    const PortRef port = e.port;
    PortRecord* record = l.s.lock_live(port);
    if (record == nullptr) return refuse(slot.info, "the port is dying");
    const auto moved = static_cast<std::uint8_t>(rights & wanted);
    if ((moved & right_receive) != 0) {
        if (circular(l.s.k, port, l.destination)) return refuse(slot.info, "the receive right would lie in its own queue");
        if (l.take_all && !deepen(l.s, port.index, l.destination.index)) return refuse(slot.info, "receive rights nest deeper than 16");
    }
    if (!l.take_all) return true;
    const Place in_message = place_of_message(l.s.k, l.message);
    if ((moved & right_owner) != 0) l.s.set(record->owner, in_message);
    leave_rest(l, slot, index, moved);
    if ((moved & right_receive) != 0) {
        l.s.add(l.task().ports, -1);
        detach_receiver(l.s, port, in_message);
    }
    const bool both = moved == (right_receive | right_owner);
    settle_slot(l.s, slot, port, both ? Carried::all : (moved & right_receive) != 0 ? Carried::receive : Carried::ownership, true);
    return true;
}

bool move_memory(Leaving& l, RightSlot& slot) {
    RightInfo info = slot.info;
    const RegionRef region = region_of(slot);
    if (!may_move(l.s.k, l.sender, slot)) return refuse(info, "the memory that it gives up is not the task's any more, or was changed");
    if (!l.take_all) return true;
    if (!take_off(l.s, l.sender, l.s.k.region(region.index))) return l.over_quota = true, false;
    take_from_task(l.s, l.sender, region, place_of_message(l.s.k, l.message));
    info.held = 1;
    l.s.set(slot.info, info);
    return true;
}

bool take_one(Leaving& l, RightSlot& slot) {
    const RightInfo info = slot.info;
    if (info.held != 0 || info.carried == Carried::none) return true;
    if (info.carried == Carried::memory) return move_memory(l, slot);
    const std::uint32_t index = find_name(l.s.k, l.task(), info.name);
    if (index == 0) return refuse(info, "no such name");
    const std::uint8_t rights = entry(l.s.k, l.task(), index).bits.get().rights;
    switch (info.code) {
    case MSG_TYPE_PORT:
        if ((rights & right_dead) != 0) return leave_dead(l, slot, index);
        if ((rights & right_send_once) != 0) return move_send_once(l, slot, index);
        if ((rights & can_send) == 0) return refuse(info, "not a right that can be sent");
        return info.give_up != 0 ? move_send(l, slot, index) : copy_send(l, slot, index);
    case MSG_TYPE_MOVE_SEND_ONCE:
        return (rights & right_send_once) != 0 ? move_send_once(l, slot, index) : refuse(info, "not a send-once right");
    case MSG_TYPE_MAKE_SEND_ONCE: return make_send_once(l, slot, index);
    case MSG_TYPE_PORT_RECEIVE: return move_own_rights(l, slot, index, right_receive);
    case MSG_TYPE_PORT_OWNERSHIP: return move_own_rights(l, slot, index, right_owner);
    default: return move_own_rights(l, slot, index, right_receive | right_owner);
    }
}

bool leaves_later(RightSlot& slot) {
    const RightInfo info = slot.info;
    return info.held == 0 && info.carried != Carried::none;
}

}  // namespace

bool deepen(KernelStep& s, std::uint32_t moving, std::uint32_t destination) {
    std::uint32_t at = destination;
    std::uint32_t nest = s.k.port(moving).counts.get().nest + 1u;
    for (; at != 0; ++nest) {
        if (nest > deepest_nest) return false;
        PortCounts counts = s.k.port(at).counts;
        counts.nest = static_cast<std::uint8_t>(std::max<std::uint32_t>(counts.nest, nest));
        s.set(s.k.port(at).counts, counts);
        const Place place = s.k.port(at).receiver;
        if (place.kind == PlaceKind::port) at = place.index;
        else if (place.kind != PlaceKind::message) return true;
        else at = s.k.message(place.index).stands.get().kind == PlaceKind::port ? s.k.message(place.index).stands.get().index : 0;
    }
    return true;
}

void detach_receiver(KernelStep& s, PortRef ref, Place to) {
    PortRecord& port = s.k.port(ref.index);
    leave_set(s, ref.index);
    s.set(port.receiver, to);
    kick_receivers(s, port, RCV_INVALID_PORT);
    s.set(port.tally, PortTally{});
    s.set(port.watch, 0);
}

Destination destination_of(Kernel& k, TaskRecord& task, std::uint32_t name) {
    const std::uint32_t index = find_name(k, task, name);
    if (index == 0) return {};
    EntryRecord& e = entry(k, task, index);
    const EntryBits bits = e.bits;
    const PortRef port = e.port;
    if (bits.name != name || (bits.rights & (can_send | right_send_once)) == 0 || e.bits.get() != bits) return {};
    return {port, index, (bits.rights & right_send_once) != 0};
}

msg_return_t take_rights(KernelStep& s, TaskRef sender, std::uint32_t message, PortRef destination, bool take_all) {
    Leaving leaving{s, sender, message, destination, take_all};
    MessageRecord& record = s.k.message(message);
    if (!take_one(leaving, record.reply)) return SEND_INVALID_PORT;
    if (record.reply.info.get().carried == Carried::dead) {
        runtime::set_detail("msg_local_port: name %d is dead", static_cast<int>(record.reply.info.get().name));
        return SEND_INVALID_PORT;
    }
    for (std::uint32_t i = 0; i < record.identity.get().rights; ++i) {
        RightSlot& slot = s.k.right(message, i);
        if (take_one(leaving, slot)) continue;
        if (leaving.over_quota) return SEND_KERNEL_REFUSED;
        return slot.info.get().carried == Carried::memory ? SEND_INVALID_MEMORY : SEND_INVALID_PORT;
    }
    return SEND_SUCCESS;
}

bool has_moves(Kernel& k, std::uint32_t message) {
    MessageRecord& record = k.message(message);
    if (leaves_later(record.reply)) return true;
    for (std::uint32_t i = 0; i < record.identity.get().rights; ++i)
        if (leaves_later(k.right(message, i))) return true;
    return false;
}

// ---- arrival -------------------------------------------------------------------------------------------------------

namespace {

// Whether a port that a message names can still be used. Its root's lock decides when a plain look says no.
bool still_lives(KernelStep& s, PortRef port) {
    const Identity now = s.k.port(port.index).identity.look();
    if (now.generation != port.generation) return false;
    return now.life == Life::live || s.lock_live(port) != nullptr;
}

std::uint32_t arrive(KernelStep& s, TaskRef receiver, RightSlot& slot, Carried what) {
    const PortRef port = slot.port;
    switch (what) {
    case Carried::send: return put_send(s, receiver, port);
    case Carried::send_once: return put_send_once(s, receiver, port, slot.call);
    default: return put_receive(s, receiver, port, what);
    }
}

bool memory_arrives(KernelStep& s, TaskRef receiver, RightSlot& slot) {
    RightInfo info = slot.info;
    land(s, s.k.region(region_of(slot).index));
    if (!give_region(s, receiver, region_of(slot))) return false;
    info.held = 0;
    s.set(slot.info, info);
    return true;
}

bool name_one(KernelStep& s, TaskRef receiver, std::uint32_t message, RightSlot& slot) {
    RightInfo info = slot.info;
    if (info.carried == Carried::none) return true;
    if (info.carried == Carried::memory) return memory_arrives(s, receiver, slot);
    const PortRef port = slot.port;
    if (info.carried == Carried::dead) {
        info.name = ~0u;
    } else {
        note_holder(s.k.port(port.index), receiver);   // then still_lives()
        info.name = 0;
        const bool taken_over = info.carried == Carried::ownership && s.k.port(port.index).owner.get() != place_of_message(s.k, message);
        if (!taken_over && still_lives(s, port)) {
            const std::uint32_t index = arrive(s, receiver, slot, info.carried);
            if (index == 0) return false;
            info.name = entry(s.k, s.k.task(receiver.index), index).bits.get().name;
        }
    }
    info.held = 0;
    s.set(slot.info, info);
    return true;
}

}  // namespace

bool name_rights(KernelStep& s, TaskRef receiver, std::uint32_t message) {
    MessageRecord& record = s.k.message(message);
    for (std::uint32_t i = 0; i < record.identity.get().rights; ++i)
        if (!name_one(s, receiver, message, s.k.right(message, i))) return false;
    return name_one(s, receiver, message, record.reply);
}

void release_slot(KernelStep& s, TaskRef root, std::uint32_t message, RightSlot& slot) {
    RightInfo info = slot.info;
    const PortRef port = slot.port;
    if (info.held != 0) {
        switch (info.carried) {
        case Carried::send: drop_send(s, port); break;
        case Carried::send_once: answer_dead(s, port, slot.call); break;
        case Carried::receive: lose_receive(s, root, port, false); break;
        case Carried::all: lose_receive(s, root, port, true); break;
        case Carried::ownership: if (s.k.port(port.index).owner.get() == place_of_message(s.k, message)) lose_ownership(s, root, port); break;
        case Carried::memory: release_region(s, region_of(slot)); break;
        case Carried::none:
        case Carried::dead: break;
        }
    }
    info.held = 0;
    info.carried = Carried::none;
    s.set(slot.info, info);
}

}  // namespace umach::ports
