// SPDX-License-Identifier: BSL-1.0
#include "ports/thread.hpp"

#include "ports/death.hpp"
#include "ports/message.hpp"
#include "ports/notice.hpp"
#include "ports/port.hpp"
#include "ports/queue.hpp"
#include "ports/region.hpp"
#include "ports/space.hpp"
#include "ports/wait.hpp"
#include "runtime/detail.hpp"
#include "runtime/mend.hpp"

#include <mach/message.h>

namespace umach::ports {

using runtime::set_detail;

namespace {

// A thread's record as it begins: without carrier and ports.
// returns: a null reference when there is none to be had
ThreadRef new_thread(KernelStep& s, TaskRef task, CarrierKind kind) {
    TaskRecord& record = s.k.task(task.index);
    if (!s.lock(task) || record.identity.get().life != Life::live || record.ends.get() != 0) {
        set_detail("the task has ended");
        return {};
    }
    const std::uint32_t index = s.k.zone(zone_threads).allocate(s.step(), s.k.host_lock());
    if (index == 0 || record.threads.get() >= record.most_threads.get()) {
        set_detail(index == 0 ? "the host has no thread left" : "quota: the task has its threads");
        return {};
    }
    ThreadRecord& thread = s.k.thread(index);
    const std::uint32_t generation = thread.identity.get().generation;
    s.set(thread.identity, Identity{generation, Life::live, static_cast<std::uint8_t>(kind), 0});
    s.set(thread.task, task);
    s.set(thread.carrier, 0);
    s.set(thread.wait, Wait{thread.wait.get().epoch + 1, WaitKind::none, WaitState::idle, 0});
    s.set(thread.call, CallRef{0, thread.call.get().number});
    for (Count* word : {&thread.suspends, &thread.token, &thread.registers_set, &thread.ender})
        if (word->get() != 0) s.set(*word, 0);
    thread.inside.store(0);
    thread.stopped.store(0);
    s.append(record.thread_list, index, s.k.sibling_links());
    s.add(record.threads, +1);
    return {index, generation};
}

// The first of a carrier's threads is the OS thread's own.
void set_carrier(KernelStep& s, std::uint32_t thread) {
    s.set(s.k.thread(thread).carrier, s.self().word());
    if (s.mine().thread.get() == 0) s.set(s.mine().thread, thread);
}

}  // namespace

ThreadRef make_thread(Kernel& k, runtime::Carrier& by, TaskRef task, CarrierKind kind, bool suspended) {
    return k.step(by, [&](KernelStep& s) {
        const ThreadRef made = new_thread(s, task, kind);
        if (!made || !kernel_port_of(s, made.index)) return s.undo(ThreadRef{});
        if (suspended) s.set(k.thread(made.index).suspends, 1);
        for (Count& value : k.thread(made.index).registers) value.put(0);
        return s.keep(made);
    });
}

bool take_up(Kernel& k, runtime::Carrier& carrier, ThreadRef ref) {
    return k.step(carrier, [&](KernelStep& s) {
        const bool there = s.lock(k.thread(ref.index).task) && k.ref_of_thread(ref.index) == ref;
        if (!there || k.thread(ref.index).carrier.get() != 0 || is_terminated(k, ref)) return s.undo(false);
        set_carrier(s, ref.index);
        return s.keep(true);
    });
}

ThreadRef begin_thread(Kernel& k, runtime::Carrier& carrier, TaskRef task) {
    return k.step(carrier, [&](KernelStep& s) {
        const ThreadRef made = new_thread(s, task, CarrierKind::os_thread);
        if (!made) return s.undo(made);
        set_carrier(s, made.index);
        return s.keep(made);
    });
}

PortRef kernel_port_of(KernelStep& s, std::uint32_t index) {
    ThreadRecord& thread = s.k.thread(index);
    if (const PortRef known = thread.special[thread_kernel]; known) return known;
    const PortRef port = new_port(s, thread.task, PortKind::thread);
    if (!port) return {};
    s.set(s.k.port(port.index).object, index);
    s.set(s.k.port(port.index).send_rights, 1);
    s.set(thread.special[thread_kernel], port);
    return port;
}

// ---- waits ---------------------------------------------------------------------------------------------------------

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

bool waits_at_port(WaitKind kind) {
    return kind != WaitKind::none && kind != WaitKind::receive_set && !waits_alone(kind);
}

// Takes the thread out of the list of what it waits at. Its wait record is guarded by the lock of that.
// returns: its wait as it was then
Wait leave_lists(KernelStep& s, std::uint32_t index) {
    ThreadRecord& thread = s.k.thread(index);
    const Wait before = thread.wait;
    const PortRef at = thread.wait_at;
    const WaitKind kind = before.kind;
    const bool port_there = waits_at_port(kind) && s.lock_root(at) != nullptr;
    const Wait wait = thread.wait;
    // It has gone on to another wait, which another lock may guard: begin again.
    if (wait.epoch != before.epoch || wait.kind != kind) throw runtime::Busy{&s.k.task(thread.task.get().index).lock};
    if (wait.state != WaitState::waiting) return wait;
    if (kind == WaitKind::receive_set) s.unlink(s.k.set(at.index).receivers, index, s.k.wait_links());
    else if (port_there) leave_port(s, index, kind, at);
    return wait;
}

}  // namespace

void withdraw_wait(KernelStep& s, std::uint32_t index) {
    ThreadRecord& thread = s.k.thread(index);
    const Wait wait = leave_lists(s, index);
    if (wait.state == WaitState::done) tell_next(s, wait.kind, thread.wait_at);
    else if (wait.state == WaitState::waiting) s.set(thread.wait, Wait{wait.epoch, WaitKind::none, WaitState::idle, 0});
}

namespace {

int code_of_interruption(WaitKind kind) {
    if (kind == WaitKind::send) return SEND_INTERRUPTED;
    return waits_alone(kind) || kind == WaitKind::join ? KERN_ABORTED : RCV_INTERRUPTED;
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
    if (state == MessageState::answer || state == MessageState::handed) doom(s, task, message);
    if (state != MessageState::prep) return 0;
    s.set(s.mine().put_aside, message);
    return message;
}

}  // namespace

void end_earlier(KernelStep& s, Caller& caller) {
    ThreadRecord& thread = s.k.thread(caller.thread.index);
    s.lock(caller.task);
    if (thread.wait.get().state == WaitState::waiting) withdraw_wait(s, caller.thread.index);
    release_message(s, caller.task, thread);
}

void discard_put_aside(Caller& caller) {
    const auto message = static_cast<std::uint32_t>(caller.carrier.record().put_aside.get());
    if (message != 0) discard(caller, message);
}

void end_earlier_call(Caller& caller, runtime::Deadline until) {
    const ThreadRecord& thread = caller.k.thread(caller.thread.index);
    if (thread.message.look() == 0 && thread.call.get().thread == 0) return;   // it may have given up (wait.hpp)
    caller.step_until(until, [&](KernelStep& s) {
        end_earlier(s, caller);
        return s.keep(0);
    });
    discard_put_aside(caller);
}

namespace {

void end_reply_port(KernelStep& s, TaskRef task, ThreadRecord& thread) {
    const PortRef reply = thread.special[thread_reply_port];
    if (!reply) return;
    s.set(thread.special[thread_reply_port], PortRef{});
    drop_send(s, reply);
    const std::uint32_t index = find_port(s.k, s.k.task(task.index), reply);
    if (index != 0 && (entry(s.k, s.k.task(task.index), index).bits.get().rights & right_receive) != 0) remove_name(s, task, index);
}

// From here on nobody finds the thread: it is given no port that would be left.
void end_other_ports(KernelStep& s, TaskRef task, ThreadRecord& thread) {
    Identity identity = thread.identity;
    identity.detail = thread_ends;
    s.set(thread.identity, identity);
    const PortRef kernel_port = thread.special[thread_kernel], exception = thread.special[thread_exception];
    if (exception) drop_send(s, exception);
    if (kernel_port) drop_send(s, kernel_port);
    s.set(thread.special[thread_exception], PortRef{});
    s.set(thread.special[thread_kernel], PortRef{});
    if (kernel_port) lose_receive(s, task, kernel_port, true);
}

}  // namespace

void abort_wait(KernelStep& s, std::uint32_t index) {
    const WaitKind kind = s.k.thread(index).wait.get().kind;
    if (kind == WaitKind::watch || leave_lists(s, index).state != WaitState::waiting) return;
    end_wait(s, index, code_of_interruption(kind));
}

namespace {

void free_record(KernelStep& s, std::uint32_t index) {
    ThreadRecord& thread = s.k.thread(index);
    s.set(thread.identity, Identity{thread.identity.get().generation + 1, Life::free, 0, 0});
    s.set(thread.carrier, 0);
    s.k.zone(zone_threads).free(s.step(), s.k.host_lock(), index);
}

// The last step: out of its task's list.
void let_go(KernelStep& s, TaskRef task, std::uint32_t index, bool may_stay) {
    ThreadRecord& thread = s.k.thread(index);
    s.unlink(s.k.task(task.index).thread_list, index, s.k.sibling_links());
    s.add(s.k.task(task.index).threads, -1);
    if (!may_stay || !is_carried(s.k, index)) return free_record(s, index);
    Identity identity = thread.identity;
    identity.life = Life::dying;
    identity.detail = thread_ends;
    s.set(thread.identity, identity);
}

// A record that had stayed behind, if it did. No task has it any more: the host's lock guards it.
void free_what_stayed(Kernel& k, runtime::Carrier& carrier, ThreadRef ref) {
    const ThreadRecord& thread = k.thread(ref.index);
    const auto stayed = [&] { return thread.identity.get().life == Life::dying && k.ref_of_thread(ref.index) == ref; };
    if (!stayed()) return;
    k.step(carrier, [&](KernelStep& s) {
        s.lock_host();
        if (!stayed()) return s.undo(0);
        free_record(s, ref.index);
        return s.keep(0);
    });
}

}  // namespace

bool is_carried(Kernel& k, std::uint32_t thread) {
    const auto name = runtime::CarrierName::of(k.thread(thread).carrier);
    return name && !runtime::has_ended(k.machine().carrier(name.slot), name);
}

void end_thread(Kernel& k, runtime::Carrier& carrier, ThreadRef ref, bool may_stay) {
    ThreadRecord& thread = k.thread(ref.index);
    const TaskRef task = thread.task;
    Caller caller{k, carrier, task, ref};
    const auto part = [&](auto&& body) {
        return caller.step([&](KernelStep& s) {
            const bool there = s.lock(task) && k.ref_of_thread(ref.index) == ref && thread.identity.get().life == Life::live;
            if (!there) return s.keep(std::uint32_t{0});
            return s.keep(body(s));
        });
    };
    // A thread that was inside when its end began may have begun to wait since: it is rung, to find that it has ended.
    part([&](KernelStep& s) {
        const bool sleeps = may_stay && thread.wait.get().state == WaitState::waiting && is_carried(k, ref.index);
        if (sleeps) return abort_wait(s, ref.index), 0u;
        return withdraw_wait(s, ref.index), 0u;
    });
    const std::uint32_t unsent = part([&](KernelStep& s) { return release_message(s, task, thread); });
    if (unsent != 0) discard(caller, unsent);
    part([&](KernelStep& s) { return orphan_kept(s, ref.index), 0u; });
    part([&](KernelStep& s) { return end_reply_port(s, task, thread), 0u; });
    part([&](KernelStep& s) { return end_other_ports(s, task, thread), 0u; });
    part([&](KernelStep& s) { return let_go(s, task, ref.index, may_stay), 0u; });
    if (!may_stay) free_what_stayed(k, carrier, ref);   // somebody else may have let go of it
}

// ---- the end of a carrier ------------------------------------------------------------------------------------------

namespace {

// A message in a dead carrier's hand: one in preparation is discarded, one being copied out is released, a spare freed.
void empty_hand(Kernel& k, runtime::Carrier& keeper, Field<std::uint64_t>& hand) {
    Caller caller{k, keeper, {}, {}};
    const std::uint32_t unsent = caller.step([&](KernelStep& s) {
        const auto message = static_cast<std::uint32_t>(hand.get());
        if (message == 0) return s.keep(0u);
        const MessageState state = k.message(message).identity.get().state;
        const TaskRef task = k.ref_of_task(k.message(message).stands.get().index);
        const bool there = state == MessageState::taken && s.lock(task);   // before anything is written
        s.set(hand, 0);
        if (state == MessageState::prep) {
            s.set(s.mine().put_aside, message);
            return s.keep(message);
        }
        if (state != MessageState::taken && state != MessageState::spare) return s.keep(0u);
        if (there) doom(s, task, message);
        else free_message(s, message);
        return s.keep(0u);
    });
    if (unsent != 0) discard(caller, unsent);
}

// Another dead carrier may have been ending this one, and its last step may have been about what this one owes: all of
// them are mended before that is read.
void take_out_of_every_lock(Kernel& k, runtime::Carrier& keeper, runtime::CarrierName dead) {
    runtime::mend_all(k.machine(), keeper.name());
    for (std::uint32_t i = 1; i < k.capacity(zone_tasks); ++i) k.task(i).lock.free_from(dead);
    k.host_lock().free_from(dead);
    runtime::forget_mender(k.machine(), dead);
}

void end_thread_if_on(Kernel& k, runtime::Carrier& keeper, std::uint32_t thread, runtime::CarrierName name) {
    if (thread != 0 && runtime::CarrierName::of(k.thread(thread).carrier) == name) end_thread(k, keeper, k.ref_of_thread(thread));
}

void end_threads_on(Kernel& k, runtime::Carrier& keeper, const runtime::CarrierRecord& dead, runtime::CarrierName name) {
    end_thread_if_on(k, keeper, static_cast<std::uint32_t>(dead.thread.get()), name);
    if (dead.sleepers.load() == 0) return;
    for (std::uint32_t i = 1; i < k.zone(zone_threads).fresh(); ++i) end_thread_if_on(k, keeper, i, name);
}

}  // namespace

void end_carrier(Kernel& k, runtime::Carrier& keeper, std::uint32_t slot) {
    runtime::CarrierRecord& dead = k.machine().carrier(slot);
    const runtime::CarrierName name{slot, dead.generation.load()};
    const bool own = name == keeper.name();
    if (!own) take_out_of_every_lock(k, keeper, name);
    k.settle_for(keeper, dead);
    empty_hand(k, keeper, dead.in_hand);
    empty_hand(k, keeper, dead.put_aside);
    give_back_for(k, keeper, dead);
    end_threads_on(k, keeper, dead, name);
    for (std::uint32_t number = 0; number < zones; ++number) {
        const Zone& zone = k.zone(number);
        while (!k.step(keeper, [&](KernelStep& s) { return s.keep(zone.return_stock(s.step(), k.host_lock(), dead)); })) {}
    }
    dead.thread.put(0);
    dead.process.put(0);
    dead.sleepers.store(0);
    dead.rung_classes.store(0);
    if (!own) return runtime::retire(k.machine(), keeper.name(), name);
    dead.generation.fetch_add(1);
    keeper.leave();
}

}  // namespace umach::ports
