// SPDX-License-Identifier: BSL-1.0
#include "ports/kernel_port.hpp"

#include "ports/message.hpp"
#include "ports/port.hpp"
#include "ports/queue.hpp"
#include "ports/send_half.hpp"
#include "ports/transfer.hpp"
#include "ports/thread.hpp"

#include <limits>

namespace umach::ports {

KernelObject object_of_port(Kernel& k, PortRef ref) {
    PortRecord& port = k.port(ref.index);
    // Before the look whether the port lives and means them: then they were its own when they were read.
    const auto object = static_cast<std::uint32_t>(port.object.get());
    const TaskRef task = k.ref_of_task(object);
    const ThreadRef thread = k.ref_of_thread(object);
    const Identity identity = port.identity;
    if (identity.life != Life::live || identity.generation != ref.generation) return {};
    switch (static_cast<PortKind>(identity.kind)) {
        case PortKind::task: return {PortKind::task, task, {}, {}};
        case PortKind::thread: return {PortKind::thread, {}, thread, {}};
        case PortKind::host: return {PortKind::host, {}, {}, {}};
        case PortKind::memory: return {PortKind::memory, {}, {}, ref};
        case PortKind::ordinary: break;
    }
    return {};
}

KernelObject object_of_name(Caller& caller, port_name_t name) {
    TaskRecord& own = caller.k.task(caller.task.index);
    const Destination found = destination_of(caller.k, own, static_cast<std::uint32_t>(name));
    return found.port && !found.send_once ? object_of_port(caller.k, found.port) : KernelObject{};
}

// ---- the request's names -------------------------------------------------------------------------------

namespace {

// Removes a name that stands for nothing but a send right or a dead name.
void give_up_name(Caller& caller, std::uint32_t name) {
    caller.step([&](KernelStep& s) {
        s.lock(caller.task);
        TaskRecord& task = s.k.task(caller.task.index);
        const std::uint32_t index = find_name(s.k, task, name);
        const std::uint8_t rights = index != 0 ? entry(s.k, task, index).bits.get().rights : std::uint8_t{0};
        if (rights != right_send && rights != right_dead) return s.undo(0);
        remove_name(s, caller.task, index);
        return s.keep(0);
    });
}

}  // namespace

void give_up_names(const KernelRequest& request) {
    Kernel& k = request.caller.k;
    const std::uint32_t rights = k.message(request.message).identity.get().rights;
    for (std::uint32_t i = 0; i < rights; ++i) {
        const RightInfo info = k.right(request.message, i).info;
        const bool named = info.carried != Carried::none && info.carried != Carried::dead && info.carried != Carried::memory;
        const bool may_stay = info.code == MSG_TYPE_PORT || info.code == MSG_TYPE_PORT_ALL;
        if (named && may_stay && info.give_up != 0) give_up_name(request.caller, info.name);
    }
}

// ---- the reply -----------------------------------------------------------------------------------------

std::byte* begin_reply(KernelRequest& request, std::uint32_t size, std::uint32_t rights) {
    Kernel& k = request.caller.k;
    const std::uint32_t id = static_cast<std::uint32_t>(k.message(request.message).id) + 100;
    const std::uint32_t type = k.message(request.message).type;
    const std::uint32_t message = remake(request.caller, request.message, size, rights);
    if (message == 0) return nullptr;
    request.message = message;
    MessageRecord& record = k.message(message);
    record.id = static_cast<std::int32_t>(id);
    record.type = type;
    return k.body(message);
}

namespace {

// The reply port, and the sender's right to it.
struct Target {
    PortRef port;
    PortRecord* record = nullptr;  // nullptr: it cannot be sent to
    std::uint32_t once = 0;        // entry of a send-once right, which is used up
    CallRef call;
};

// A port that cannot count another message has not been received from for a very long time.
bool is_reachable(PortRecord* record) {
    return record != nullptr && static_cast<PortKind>(record->identity.get().kind) == PortKind::ordinary &&
           record->counts.get().queued < std::numeric_limits<std::uint16_t>::max() - 1;
}

Target target_of(KernelStep& s, const KernelRequest& request) {
    const Caller& caller = request.caller;
    TaskRecord& task = s.k.task(caller.task.index);
    Target target;
    if (request.to.call) {
        target.port = request.to.port;
        target.call = request.to.call;
        s.set(s.k.thread(caller.thread.index).call, target.call);
    } else if (const Destination found = destination_of(s.k, task, request.to.name); found.port) {
        target.port = found.port;
        target.once = found.send_once ? found.entry : 0;
        const PortRef at = found.send_once ? entry(s.k, task, found.entry).at.get() : PortRef{};
        target.call = CallRef{at.index, at.generation};
    }
    if (target.port) target.record = s.lock_live(target.port);
    if (!is_reachable(target.record)) target.record = nullptr;
    return target;
}

// A receive right that moves leaves the sender what it had besides: a send right, or nothing.
void mind_send_rights(KernelStep& s, const KernelRequest& request) {
    TaskRecord& task = s.k.task(request.caller.task.index);
    for (std::uint32_t i = 0; i < s.k.message(request.message).identity.get().rights; ++i) {
        RightSlot& slot = s.k.right(request.message, i);
        RightInfo info = slot.info;
        const std::uint32_t index = info.code == MSG_TYPE_PORT_ALL ? find_name(s.k, task, info.name) : 0;
        if (index == 0) continue;
        info.give_up = (entry(s.k, task, index).bits.get().rights & right_send) == 0 ? 1 : 0;
        s.set(slot.info, info);
    }
}

void use_up(KernelStep& s, const KernelRequest& request, std::uint32_t once) {
    TaskRecord& task = s.k.task(request.caller.task.index);
    s.set(entry(s.k, task, once).at, PortRef{});
    free_entry(s, task, once);
}

Replied reply_now(KernelStep& s, const KernelRequest& request) {
    // The call may have ended its own sender.
    if (!s.lock(request.caller.task) || is_terminated(s.k, request.caller.thread)) return s.undo(Replied::nowhere);
    const Target target = target_of(s, request);
    if (target.record == nullptr) return s.keep(Replied::nowhere);
    MessageRecord& message = s.k.message(request.message);
    s.set(message.stands, Place::of(PlaceKind::port, target.port.index, target.port.generation));
    mind_send_rights(s, request);
    if (take_rights(s, request.caller.task, request.message, target.port, true) != SEND_SUCCESS)
        return s.undo(Replied::right_lost);
    if (target.once != 0) use_up(s, request, target.once);
    if (!target.call)
        enqueue(s, target.port.index, request.message);
    else if (answer(s, target.port, target.call, request.message, false) != Answered::done)
        return s.undo(Replied::nowhere);
    s.set(s.mine().in_hand, 0);
    return s.keep(Replied::sent);
}

}  // namespace

Replied send_reply(KernelRequest& request) {
    Replied done = Replied::nowhere;
    if (request.to.name != 0 || request.to.call) {
        if (list_written(request.caller, request.message) != SEND_SUCCESS) return Replied::no_memory;
        done = request.caller.step([&](KernelStep& s) { return reply_now(s, request); });
    }
    if (done == Replied::nowhere) discard(request.caller, request.message);
    return done;
}

}  // namespace umach::ports
