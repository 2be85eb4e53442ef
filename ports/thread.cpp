// SPDX-License-Identifier: BSL-1.0
// How a thread of control ends, and how what a dead or leaving carrier left is put in order.
#include "ports/death.hpp"
#include "ports/message.hpp"
#include "ports/notice.hpp"
#include "ports/queue.hpp"
#include "ports/task.hpp"
#include "ports/wait.hpp"
#include "runtime/mend.hpp"

namespace umach::ports {

namespace {

// A receiver that was told of news died before it looked: another one is told.
void tell_next(KernelStep& s, WaitKind kind, PortRef at) {
    if (kind == WaitKind::receive_set) {
        PortSetRecord& set = s.k.set(at.index);
        if (set.identity.get().generation == at.generation && set.ready.get().first != 0) pass_news(s, set.ready.get().first);
    } else if (kind == WaitKind::receive || kind == WaitKind::receive_senders) {
        if (s.lock_live(at) != nullptr) pass_news(s, at.index);
    }
}

void leave_port(KernelStep& s, std::uint32_t index, WaitKind kind, PortRef at) {
    ThreadRecord& thread = s.k.thread(index);
    PortRecord& port = s.k.port(at.index);
    if (kind != WaitKind::send) return s.unlink(port.receivers, index, s.k.wait_links());
    const auto message = static_cast<std::uint32_t>(thread.message.get());
    leave_line(s, at.index, message);
    set_state(s, s.k.message(message), MessageState::prep);
    owe_admission(s, at.index);
}

// Takes the thread out of whatever it waits in. Its wait record is guarded by the lock of what it waits at.
void withdraw_wait(KernelStep& s, std::uint32_t index) {
    ThreadRecord& thread = s.k.thread(index);
    const PortRef at = thread.wait_at;
    const WaitKind kind = thread.wait.get().kind;
    const bool at_port = kind != WaitKind::none && kind != WaitKind::receive_set && kind != WaitKind::watch;
    const bool port_there = at_port && s.lock_root(at) != nullptr;
    const Wait wait = thread.wait;
    if (wait.state == WaitState::done) return tell_next(s, kind, at);
    if (wait.state != WaitState::waiting) return;
    if (kind == WaitKind::receive_set) s.unlink(s.k.set(at.index).receivers, index, s.k.wait_links());
    else if (port_there) leave_port(s, index, kind, at);
    s.set(thread.wait, Wait{wait.epoch, WaitKind::none, WaitState::idle, 0});
}

// A kept message outlives its sender; only its notification is cancelled.
void orphan_kept(KernelStep& s, std::uint32_t index) {
    ThreadRecord& thread = s.k.thread(index);
    const PortRef at = thread.kept_port;
    withdraw(s, CellRef(CellKind::message_accepted, index));
    PortRecord* port = at ? s.lock_live(at) : nullptr;
    for (std::uint32_t m = port != nullptr ? port->line.get().first : 0; m != 0; m = s.k.message(m).links.get().second) {
        MessageRecord& message = s.k.message(m);
        if (message.sender.get().index != index || message.identity.get().state != MessageState::kept) continue;
        MessageIdentity identity = message.identity;
        identity.flags |= message_orphan;
        s.set(message.identity, identity);
        s.set(message.sender, ThreadRef{});
        PortCounts counts = port->counts;
        ++counts.orphans;
        s.set(port->counts, counts);
    }
    s.set(thread.kept_port, PortRef{});
    s.set(thread.accepted_span, Pair{});
}

// The message that the thread had: unsent, or an answer that it did not see.
// returns: an unsent message for the caller to discard, 0 if there is none
std::uint32_t release_message(KernelStep& s, TaskRef task, ThreadRecord& thread) {
    const auto message = static_cast<std::uint32_t>(thread.message.get());
    s.set(thread.message, 0);
    s.set(thread.call, CallRef{0, thread.call.get().number});
    if (message == 0) return 0;
    const MessageState state = s.k.message(message).identity.get().state;
    if (state == MessageState::answer) doom(s, task, message);
    if (state != MessageState::prep) return 0;
    s.set(s.mine().in_hand, message);
    return message;
}

}  // namespace

void end_thread(Kernel& k, runtime::Carrier& carrier, ThreadRef ref) {
    ThreadRecord& thread = k.thread(ref.index);
    const TaskRef task = thread.task;
    Caller caller{k, carrier, task, ref};
    const auto part = [&](auto&& body) {
        return caller.step([&](KernelStep& s) {
            if (!s.lock(task) || k.ref_of_thread(ref.index) != ref) return s.keep(std::uint32_t{0});
            return s.keep(body(s));
        });
    };
    part([&](KernelStep& s) { return withdraw_wait(s, ref.index), 0u; });
    const std::uint32_t unsent = part([&](KernelStep& s) { return release_message(s, task, thread); });
    if (unsent != 0) discard(caller, unsent);
    part([&](KernelStep& s) { return orphan_kept(s, ref.index), 0u; });
    part([&](KernelStep& s) {
        TaskRecord& record = k.task(task.index);
        s.unlink(record.thread_list, ref.index, k.sibling_links());
        s.add(record.threads, -1);
        s.set(thread.identity, Identity{ref.generation + 1, Life::free, 0, 0});
        s.set(thread.carrier, 0);
        k.zone(zone_threads).free(s.step(), k.host_lock(), ref.index);
        return 0u;
    });
}

// ---- the end of a carrier ------------------------------------------------------------------------------------------

namespace {

// The message in a dead carrier's hand: one in preparation is discarded, one being copied out is released.
void empty_hand(Kernel& k, runtime::Carrier& keeper, runtime::CarrierRecord& dead, TaskRef task) {
    Caller caller{k, keeper, task, {}};
    const std::uint32_t unsent = caller.step([&](KernelStep& s) {
        const auto message = static_cast<std::uint32_t>(dead.in_hand.get());
        s.set(dead.in_hand, 0);
        if (message == 0) return s.keep(0u);
        const MessageState state = k.message(message).identity.get().state;
        if (state == MessageState::prep) {
            s.set(s.mine().in_hand, message);
            return s.keep(message);
        }
        if (state != MessageState::taken) return s.keep(0u);
        if (s.lock(task)) doom(s, task, message);
        else free_message(s, message);
        return s.keep(0u);
    });
    if (unsent != 0) discard(caller, unsent);
}

}  // namespace

void end_carrier(Kernel& k, runtime::Carrier& keeper, std::uint32_t slot) {
    runtime::CarrierRecord& dead = k.machine().carrier(slot);
    const runtime::CarrierName name{slot, dead.generation.load()};
    const bool own = name == keeper.name();
    if (!own) runtime::mend(k.machine(), keeper.name(), name);
    for (std::uint32_t i = 1; i < k.capacity(zone_tasks); ++i) if (!own) k.task(i).lock.free_from(name);
    if (!own) k.host_lock().free_from(name);
    k.settle_for(keeper, dead);
    const auto thread = static_cast<std::uint32_t>(dead.thread.get());
    const bool has_thread = thread != 0 && runtime::CarrierName::of(k.thread(thread).carrier) == name;
    empty_hand(k, keeper, dead, has_thread ? k.thread(thread).task.get() : TaskRef{});
    if (has_thread) end_thread(k, keeper, k.ref_of_thread(thread));
    for (std::uint32_t number = 0; number < zones; ++number) {
        const Zone& zone = k.zone(number);
        while (!k.step(keeper, [&](KernelStep& s) { return s.keep(zone.return_stock(s.step(), k.host_lock(), dead)); })) {}
    }
    dead.thread.put(0);
    dead.process.put(0);
    if (!own) return runtime::retire(k.machine(), keeper.name(), name);
    dead.generation.fetch_add(1);
    keeper.leave();
}

}  // namespace umach::ports
