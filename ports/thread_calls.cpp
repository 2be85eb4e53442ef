// SPDX-License-Identifier: BSL-1.0
#include "ports/thread_calls.hpp"

#include "ports/hand_over.hpp"
#include "ports/kernel_port.hpp"
#include "ports/port.hpp"
#include "ports/task.hpp"
#include "ports/thread.hpp"
#include "ports/wait.hpp"
#include "runtime/detail.hpp"

namespace umach::ports {
namespace {

using runtime::set_detail;

// Runs a body on a live thread, under its task's lock, as one step of the caller.
template <class Body>
kern_return_t on_thread(Caller& caller, ThreadRef ref, Body&& body) {
    return caller.step([&](KernelStep& s) {
        ThreadRecord& thread = s.k.thread(ref.index);
        const bool there = s.lock(thread.task) && !is_terminated(s.k, ref);
        if (!there) return set_detail("the thread has ended"), s.undo(KERN_INVALID_ARGUMENT);
        const kern_return_t code = body(s, thread);
        return code == KERN_SUCCESS ? s.keep(code) : s.undo(code);
    });
}

// The caller's name for a port: the one that it has, or a new send right's.
kern_return_t name_for_self(KernelStep& s, Caller& caller, PortRef port, port_name_t* name) {
    if (!port) return KERN_RESOURCE_SHORTAGE;
    s.lock(caller.task);
    TaskRecord& own = s.k.task(caller.task.index);
    const std::uint32_t index = find_port(s.k, own, port);
    if (index == 0) return hand_out(s, caller, port, name);
    *name = name_of_entry(s.k, own, index);
    return KERN_SUCCESS;
}

}  // namespace

ThreadRef thread_of_name(Caller& caller, port_name_t name) { return object_of_name(caller, name).thread; }

port_name_t thread_self_name(Caller& caller) {
    port_name_t name = PORT_NULL;
    on_thread(caller, caller.thread, [&](KernelStep& s, ThreadRecord&) {
        return name_for_self(s, caller, kernel_port_of(s, caller.thread.index), &name);
    });
    return name;
}

namespace {

// A reply port is a port of the task's, with a send right that the thread's record holds.
PortRef make_reply_port(KernelStep& s, Caller& caller, ThreadRecord& thread) {
    const PortRef port = new_port(s, caller.task, PortKind::ordinary);
    TaskRecord& task = s.k.task(caller.task.index);
    if (!port || new_entry(s, task, port, right_receive | right_owner, 0) == 0) return {};
    s.add(task.ports, +1);
    s.set(s.k.port(port.index).send_rights, 1);
    s.set(thread.special[thread_reply_port], port);
    return port;
}

}  // namespace

port_name_t reply_name(Caller& caller) {
    port_name_t name = PORT_NULL;
    on_thread(caller, caller.thread, [&](KernelStep& s, ThreadRecord& thread) {
        PortRef port = thread.special[thread_reply_port];
        if (port && find_port(s.k, s.k.task(caller.task.index), port) == 0) {
            drop_send(s, port);   // it was deallocated: the thread gets another one
            port = {};
        }
        return name_for_self(s, caller, port ? port : make_reply_port(s, caller, thread), &name);
    });
    return name;
}

port_name_t host_name(Caller& caller) {
    const PortRef port = host_port(caller.k, caller.carrier);
    port_name_t name = PORT_NULL;
    on_task(caller, caller.task, [&](KernelStep& s, TaskRecord&) { return name_for_self(s, caller, port, &name); });
    return name;
}

kern_return_t thread_port(Caller& caller, ThreadRef ref, port_name_t* name) {
    return on_thread(caller, ref, [&](KernelStep& s, ThreadRecord&) {
        const PortRef port = kernel_port_of(s, ref.index);
        return port ? hand_out(s, caller, port, name) : KERN_RESOURCE_SHORTAGE;
    });
}

kern_return_t task_port(Caller& caller, TaskRef task, port_name_t* name) {
    return on_task(caller, task, [&](KernelStep& s, TaskRecord& record) {
        return hand_out(s, caller, record.special[special_kernel], name);
    });
}

std::vector<ThreadRef> threads_of(Caller& caller, TaskRef task) {
    std::vector<ThreadRef> found;
    on_task(caller, task, [&](KernelStep& s, TaskRecord& record) {
        found.clear();
        for (std::uint32_t i = record.thread_list.get().first; i != 0; i = s.k.thread(i).siblings.get().second)
            found.push_back(s.k.ref_of_thread(i));
        return KERN_SUCCESS;
    });
    return found;
}

kern_return_t threads(Caller& caller, TaskRef task, std::vector<port_name_t>* names) {
    names->clear();
    for (const ThreadRef ref : threads_of(caller, task)) {
        port_name_t name = PORT_NULL;
        const kern_return_t code = thread_port(caller, ref, &name);
        if (code == KERN_RESOURCE_SHORTAGE) return code;
        if (code == KERN_SUCCESS) names->push_back(name);   // any other has ended meanwhile
    }
    return KERN_SUCCESS;
}

kern_return_t get_thread_special(Caller& caller, ThreadRef ref, std::uint32_t which, port_name_t* port) {
    if (which == thread_kernel) return thread_port(caller, ref, port);
    return on_thread(caller, ref, [&](KernelStep& s, ThreadRecord& thread) {
        return hand_out(s, caller, thread.special[which], port);
    });
}

kern_return_t set_thread_special(Caller& caller, ThreadRef ref, std::uint32_t which, port_name_t name) {
    return on_thread(caller, ref, [&](KernelStep& s, ThreadRecord& thread) {
        PortRef port;
        if (which == thread_kernel) return wrong_right(name, "what a thread's kernel port can be replaced by", KERN_INVALID_ARGUMENT);
        if (!to_send_to(s, caller, name, &port) || (port && !count_send(s, port))) return KERN_INVALID_ARGUMENT;
        const PortRef old = thread.special[which];
        s.set(thread.special[which], port);
        if (old) drop_send(s, old);
        return KERN_SUCCESS;
    });
}

bool is_suspended(Kernel& k, ThreadRef ref) {
    const ThreadRecord& thread = k.thread(ref.index);
    return (thread.suspends.look() | k.task(thread.task.get().index).suspends.look()) != 0;
}

void promise_to_stand(Kernel& k, ThreadRef self) {
    std::atomic<std::uint64_t>& stopped = k.thread(self.index).stopped;
    std::uint64_t word = 0;
    stopped.compare_exchange_strong(word, will_stand_still);
    word = will_stand_still;
    if (!is_suspended(k, self)) stopped.compare_exchange_strong(word, 0);
}

bool take_back_promise(Kernel& k, ThreadRef thread) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    std::uint64_t word = will_stand_still;
    k.thread(thread.index).stopped.compare_exchange_strong(word, 0);
    return word == stands_still;
}

// ---- suspension ----------------------------------------------------------------------------------------------------

namespace {

constexpr std::uint64_t most_suspends = 127;   // as of Mach

void wake_if_resumed(KernelStep& s, std::uint32_t thread) {
    const Wait wait = s.k.thread(thread).wait;
    const bool stands = wait.kind == WaitKind::suspended && wait.state == WaitState::waiting;
    if (stands && !is_suspended(s.k, s.k.ref_of_thread(thread))) end_wait(s, thread, KERN_SUCCESS);
}

kern_return_t count_suspension(KernelStep& s, Count& count, int change) {
    const std::uint64_t now = count;
    if (change < 0 && now == 0) return set_detail("it is not suspended"), KERN_FAILURE;
    if (change > 0 && now == most_suspends) return set_detail("it is suspended 127 times already"), KERN_FAILURE;
    s.add(count, change);
    return KERN_SUCCESS;
}

}  // namespace

kern_return_t suspend(Caller& caller, ThreadRef ref) {
    return on_thread(caller, ref, [](KernelStep& s, ThreadRecord& thread) { return count_suspension(s, thread.suspends, +1); });
}

kern_return_t resume(Caller& caller, ThreadRef ref) {
    return on_thread(caller, ref, [&](KernelStep& s, ThreadRecord& thread) {
        const kern_return_t code = count_suspension(s, thread.suspends, -1);
        wake_if_resumed(s, ref.index);
        return code;
    });
}

kern_return_t suspend(Caller& caller, TaskRef task) {
    return on_task(caller, task, [](KernelStep& s, TaskRecord& record) { return count_suspension(s, record.suspends, +1); });
}

kern_return_t resume(Caller& caller, TaskRef task) {
    const kern_return_t code =
        on_task(caller, task, [](KernelStep& s, TaskRecord& record) { return count_suspension(s, record.suspends, -1); });
    for (const ThreadRef ref : threads_of(caller, task))
        on_thread(caller, ref, [&](KernelStep& s, ThreadRecord&) { return wake_if_resumed(s, ref.index), KERN_SUCCESS; });
    return code;
}

namespace {

void take_back_wait(Caller& caller) {
    caller.step([&](KernelStep& s) {
        s.lock(caller.task);
        if (s.k.thread(caller.thread.index).wait.get().state != WaitState::waiting) return s.undo(0);
        cancel_wait(s, caller.thread.index);
        return s.keep(0);
    });
}

}  // namespace

bool wait_until_resumed(Caller& caller) {
    for (;;) {
        const std::uint32_t epoch = caller.step([&](KernelStep& s) {
            if (!s.lock(caller.task) || !is_suspended(s.k, caller.thread) || is_terminated(s.k, caller.thread)) return s.undo(0u);
            return s.keep(begin_wait(s, caller.thread.index, WaitKind::suspended, PortRef{}));
        });
        if (epoch == 0) return true;
        if (park(caller, epoch, runtime::Deadline::never(), false) == Parked::interrupted) return take_back_wait(caller), false;
    }
}

// ---- the end of waits ----------------------------------------------------------------------------------------------

kern_return_t abort(Caller& caller, ThreadRef ref) {
    return on_thread(caller, ref, [&](KernelStep& s, ThreadRecord&) { return abort_wait(s, ref.index), KERN_SUCCESS; });
}

kern_return_t begin_termination(Caller& caller, ThreadRef ref) {
    return on_thread(caller, ref, [&](KernelStep& s, ThreadRecord& thread) {
        Identity identity = thread.identity;
        identity.detail = thread_ends;
        s.set(thread.identity, identity);
        s.set(thread.ender, s.self().word());
        abort_wait(s, ref.index);
        return KERN_SUCCESS;
    });
}

kern_return_t begin_termination(Caller& caller, TaskRef task) {
    const kern_return_t code = on_task(caller, task, [](KernelStep& s, TaskRecord& record) {
        s.set(record.ends, s.self().word());
        return KERN_SUCCESS;
    });
    for (const ThreadRef ref : threads_of(caller, task)) begin_termination(caller, ref);
    return code;
}

// ---- tokens and ends -----------------------------------------------------------------------------------------------

namespace {

// Parks until the wait is ended; if nobody ended it the caller takes itself out of it.
kern_return_t wait_for(Caller& caller, std::uint32_t epoch, runtime::Deadline deadline) {
    ThreadRecord& self = caller.k.thread(caller.thread.index);
    const PortRef at = self.wait_at;
    if (park(caller, epoch, deadline, false) != Parked::rung) {
        const bool mine = caller.step([&](KernelStep& s) {
            PortRecord* port = at ? s.lock_root(at) : nullptr;
            s.lock(caller.task);
            if (self.wait.get().state != WaitState::waiting) return s.undo(false);
            if (port != nullptr) s.unlink(port->receivers, caller.thread.index, s.k.wait_links());
            cancel_wait(s, caller.thread.index);
            return s.keep(true);
        });
        if (mine) return set_detail("the time is over"), KERN_FAILURE;
    }
    return self.wait.get().result;
}

}  // namespace

kern_return_t park_self(Caller& caller, runtime::Deadline deadline) {
    ThreadRecord& self = caller.k.thread(caller.thread.index);
    const std::uint32_t epoch = caller.step([&](KernelStep& s) {
        s.lock(caller.task);
        if (self.token.get() == 0) return s.keep(begin_wait(s, caller.thread.index, WaitKind::park, PortRef{}));
        s.set(self.token, 0);
        return s.keep(0u);
    });
    return epoch == 0 ? KERN_SUCCESS : wait_for(caller, epoch, deadline);
}

kern_return_t unpark(Caller& caller, ThreadRef ref) {
    return on_thread(caller, ref, [&](KernelStep& s, ThreadRecord& thread) {
        const Wait wait = thread.wait;
        if (wait.kind == WaitKind::park && wait.state == WaitState::waiting) end_wait(s, ref.index, KERN_SUCCESS);
        else s.set(thread.token, 1);
        return KERN_SUCCESS;
    });
}

namespace {

struct JoinBegun {
    kern_return_t code;
    std::uint32_t epoch;   // 0: there is nothing to wait for
};

JoinBegun begin_join(KernelStep& s, Caller& caller, port_name_t name) {
    s.lock(caller.task);
    TaskRecord& own = s.k.task(caller.task.index);
    const std::uint32_t index = find_name(s.k, own, bare(name));
    if (index == 0) return s.undo(JoinBegun{no_such_name(name), 0});
    const EntryBits bits = entry(s.k, own, index).bits;
    if ((bits.rights & right_dead) != 0) return s.undo(JoinBegun{KERN_SUCCESS, 0});
    const PortRef at = entry(s.k, own, index).port;
    if ((bits.rights & right_send) == 0) return s.undo(JoinBegun{wrong_right(name, "a kernel port", KERN_INVALID_ARGUMENT), 0});
    PortRecord* port = s.lock_live(at);
    if (port == nullptr) return s.undo(JoinBegun{KERN_SUCCESS, 0});
    const auto kind = static_cast<PortKind>(port->identity.get().kind);
    const auto object = static_cast<std::uint32_t>(port->object.get());
    const bool self = (kind == PortKind::thread && object == caller.thread.index) || (kind == PortKind::task && object == caller.task.index);
    if (self || (kind != PortKind::thread && kind != PortKind::task))
        return s.undo(JoinBegun{wrong_right(name, "another thread's or task's kernel port", KERN_INVALID_ARGUMENT), 0});
    const std::uint32_t epoch = begin_wait(s, caller.thread.index, WaitKind::join, at);
    s.append(port->receivers, caller.thread.index, s.k.wait_links());
    return s.keep(JoinBegun{KERN_SUCCESS, epoch});
}

}  // namespace

kern_return_t join(Caller& caller, port_name_t name, runtime::Deadline deadline) {
    const JoinBegun begun = caller.step([&](KernelStep& s) { return begin_join(s, caller, name); });
    if (begun.epoch == 0) return begun.code;
    const kern_return_t code = wait_for(caller, begun.epoch, deadline);
    return code == KERN_FAILURE || code == KERN_ABORTED ? code : KERN_SUCCESS;
}

}  // namespace umach::ports
