// SPDX-License-Identifier: BSL-1.0
#include "ports/watch.hpp"

#include "ports/hand_over.hpp"
#include "ports/port.hpp"
#include "ports/queue.hpp"
#include "ports/wait.hpp"

namespace umach::ports {
namespace {

// The word of a port or set that says who watches it.
Count* watch_of(Kernel& k, EntryRecord& e) {
    const std::uint8_t rights = e.bits.get().rights;
    if ((rights & right_set) != 0) return &k.set(e.port.get().index).watch;
    return (rights & right_receive) != 0 ? &k.port(e.port.get().index).watch : nullptr;
}

}  // namespace

kern_return_t set_watch(Caller& caller, port_name_t name, std::uint32_t thread) {
    return on_task(caller, caller.task, [&](KernelStep& s, TaskRecord& record) {
        const std::uint32_t index = find_name(s.k, record, bare(name));
        if (index == 0) return no_such_name(name);
        Count* watch = watch_of(s.k, entry(s.k, record, index));
        if (watch == nullptr) return wrong_right(name, "a receive right or port set", KERN_NOT_RECEIVER);
        s.set(*watch, thread);
        return KERN_SUCCESS;
    });
}

Watched look_at_watched(Caller& caller, port_name_t name) {
    Watched seen;
    on_task(caller, caller.task, [&](KernelStep& s, TaskRecord& record) {
        const std::uint32_t index = find_name(s.k, record, bare(name));
        Count* watch = index != 0 ? watch_of(s.k, entry(s.k, record, index)) : nullptr;
        if (watch == nullptr || watch->get() == 0) return KERN_SUCCESS;
        EntryRecord& e = entry(s.k, record, index);
        const bool set = (e.bits.get().rights & right_set) != 0;
        seen.there = true;
        seen.pending = set ? s.k.set(e.port.get().index).ready.get().first != 0 : has_news(s.k.port(e.port.get().index));
        seen.arrivals = static_cast<std::uint32_t>(watch->get() >> 32);
        return KERN_SUCCESS;
    });
    return seen;
}

std::uint32_t begin_watch(Caller& caller) {
    return caller.step([&](KernelStep& s) {
        s.lock(caller.task);
        return s.keep(begin_wait(s, caller.thread.index, WaitKind::watch, PortRef{}));
    });
}

void end_watch(Caller& caller) {
    caller.step([&](KernelStep& s) {
        s.lock(caller.task);
        cancel_wait(s, caller.thread.index);
        return s.keep(0);
    });
}

}  // namespace umach::ports
