// SPDX-License-Identifier: BSL-1.0
// Looking at threads of control: what runs them, what they wait for, and who is to answer their calls.
#include "tasks/inspect.hpp"

#include <linux/futex.h>
#include <algorithm>
#include <unordered_map>

using namespace umach;
using namespace umach::tasks;
using ports::Kernel;
using ports::Life;
using ports::MessageState;
using ports::PortRef;
using ports::ThreadRecord;
using ports::Wait;
using ports::WaitKind;

namespace {

// What tasks call ports and sets; the space of a task is looked through at the first question about it.
class Names {
public:
    explicit Names(Kernel& k) : k_(k) {}
    port_name_t of(std::uint32_t task, PortRef what, bool is_set) {
        Space& space = spaces_[task];
        if (!space.known) read(task, space);
        const auto& names = is_set ? space.sets : space.ports;
        const auto found = names.find(number_of(what));
        return found != names.end() ? found->second : PORT_NULL;
    }

private:
    struct Space {
        bool known = false;
        std::unordered_map<unsigned long long, port_name_t> ports, sets;
    };
    void read(std::uint32_t task, Space& space) {
        space.known = true;
        for_each_name(k_, k_.task(task), [&](ports::EntryRecord& e) {
            const ports::EntryBits bits = e.bits;
            if ((bits.rights & ports::right_send_once) != 0) return;
            auto& names = (bits.rights & ports::right_set) != 0 ? space.sets : space.ports;
            names.emplace(number_of(e.port.get()), static_cast<port_name_t>(bits.name));
        });
    }

    Kernel& k_;
    std::unordered_map<std::uint32_t, Space> spaces_;
};

int waits_of(WaitKind kind) {
    switch (kind) {
        case WaitKind::send: return UMACH_WAITS_TO_SEND;
        case WaitKind::receive:
        case WaitKind::receive_senders: return UMACH_WAITS_TO_RECEIVE;
        case WaitKind::receive_set: return UMACH_WAITS_AT_SET;
        case WaitKind::reply: return UMACH_WAITS_FOR_ANSWER;
        case WaitKind::watch: return UMACH_WAITS_TO_MIRROR;
        case WaitKind::park: return UMACH_WAITS_FOR_TOKEN;
        case WaitKind::join: return UMACH_WAITS_FOR_END;
        case WaitKind::suspended: return UMACH_WAITS_TO_RESUME;
        case WaitKind::none: break;
    }
    return UMACH_WAITS_NOT;
}

int tid_of(Kernel& k, const ThreadRecord& record) {
    const auto carrier = runtime::CarrierName::of(record.carrier);
    return carrier ? static_cast<int>(k.machine().carrier(carrier.slot).life.load() & FUTEX_TID_MASK) : 0;
}

bool stands_still(const ThreadRecord& record) {
    const std::uint64_t stopped = record.stopped.load();
    return stopped == ports::stands_still || stopped == ports::stands_in_exception;
}

// A thread says when its wait ends before it says that it is not inside any more, which is so until its next
// wait begins. So the wait itself is looked at first.
long long ends_in(const ThreadRecord& record) {
    if (record.inside.load() != 0) return 0;
    const std::uint64_t until = record.until.load();
    if (until == 0) return -1;
    const auto left = runtime::Instant(std::chrono::nanoseconds(until)) - runtime::MonotonicClock::now();
    return std::max<long long>(0, std::chrono::duration_cast<std::chrono::milliseconds>(left).count());
}

void look_at_wait(const ThreadRecord& record, Names& names, umach_thread_seen_t& seen) {
    const Wait wait = record.wait;
    if (wait.state != ports::WaitState::waiting) return;
    seen.waits = waits_of(wait.kind);
    seen.wait = wait.epoch;
    seen.ends_in = ends_in(record);
    seen.stands_still = seen.stands_still != 0 || wait.kind == WaitKind::suspended;
    if (ports::waits_alone(wait.kind)) return;
    const PortRef at = record.wait_at;
    seen.at = number_of(at);
    seen.name = names.of(seen.task, at, wait.kind == WaitKind::receive_set);
}

umach_thread_seen_t thread_seen(Kernel& k, std::uint32_t index, Names& names) {
    const ThreadRecord& record = k.thread(index);
    const ports::Identity identity = record.identity;
    umach_thread_seen_t seen{};
    seen.number = index;
    seen.task = record.task.get().index;
    seen.carrier = identity.kind;
    seen.tid = tid_of(k, record);
    seen.ending = identity.life == Life::dying || identity.detail == ports::thread_ends;
    seen.suspends = static_cast<unsigned>(record.suspends.get());
    seen.stands_still = stands_still(record);
    look_at_wait(record, names, seen);
    return seen;
}

// ---- calls ------------------------------------------------------------------------------------------------

using Visit = void (*)(const umach_call_seen_t*, void*);

struct CallLook {
    Kernel& k;
    Visit visit;
    void* context;

    // The right in a record that was used again answers nothing.
    void found(ports::CallRef call, umach_place_t place, port_name_t name) const {
        if (!call || k.thread(call.thread).call.get() != call) return;
        const umach_call_seen_t seen{call.thread, place, name};
        visit(&seen, context);
    }
    void look_at(const ports::RightSlot& slot, umach_place_t place) const {
        if (slot.info.get().carried == ports::Carried::send_once) found(slot.call, place, PORT_NULL);
    }
};

void look_at_space(const CallLook& look, std::uint32_t task) {
    for_each_name(look.k, look.k.task(task), [&](ports::EntryRecord& e) {
        const ports::EntryBits bits = e.bits;
        const PortRef at = e.at;
        if ((bits.rights & ports::right_send_once) == 0) return;
        look.found({at.index, at.generation}, {UMACH_PLACE_TASK, task}, static_cast<port_name_t>(bits.name));
    });
}

bool is_under_way(MessageState state) {
    return state == MessageState::queued || state == MessageState::waiting || state == MessageState::kept ||
           state == MessageState::taken;
}

void look_at_message(const CallLook& look, std::uint32_t index) {
    const ports::MessageRecord& record = look.k.message(index);
    const ports::MessageIdentity identity = record.identity;
    if (!is_under_way(identity.state)) return;
    const ports::Place stands = record.stands;
    const umach_place_t place =
        stands.kind == ports::PlaceKind::task
            ? umach_place_t{UMACH_PLACE_TASK, stands.index}
            : umach_place_t{UMACH_PLACE_MESSAGE, number_of(look.k.ref_of_port(stands.index))};
    look.look_at(record.reply, place);
    for (std::uint32_t i = 0; i < identity.rights && i < ports::most_rights; ++i)
        look.look_at(look.k.right(index, i), place);
}

void look_at_messages(const CallLook& look) {
    for (std::uint32_t size = 0; size < ports::message_classes; ++size)
        for (std::uint32_t i = 1; i < look.k.zone(ports::zone_messages + size).fresh(); ++i)
            look_at_message(look, size << 30 | i);
}

}  // namespace

extern "C" {

kern_return_t umach_inspect_threads(void (*visit)(const umach_thread_seen_t*, void*), void* context) {
    return look([&](Host& host) {
        Kernel& k = host.kernel();
        Names names(k);
        for (std::uint32_t i = 1; i < k.zone(ports::zone_threads).fresh(); ++i) {
            if (k.thread(i).identity.get().life == Life::free) continue;
            const umach_thread_seen_t seen = thread_seen(k, i, names);
            visit(&seen, context);
        }
        return KERN_SUCCESS;
    });
}

kern_return_t umach_inspect_calls(void (*visit)(const umach_call_seen_t*, void*), void* context) {
    return look([&](Host& host) {
        const CallLook calls{host.kernel(), visit, context};
        look_at_messages(calls);
        for_each_task(calls.k, [&](std::uint32_t task) { look_at_space(calls, task); });
        return KERN_SUCCESS;
    });
}

}  // extern "C"
