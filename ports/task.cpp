// SPDX-License-Identifier: BSL-1.0
#include "ports/task.hpp"

#include "ports/hand_over.hpp"
#include "ports/notice.hpp"
#include "ports/port.hpp"
#include "ports/region.hpp"
#include "ports/set.hpp"
#include "ports/space.hpp"
#include "ports/thread.hpp"
#include "ports/view.hpp"
#include "runtime/detail.hpp"
#include "runtime/mend.hpp"

#include <algorithm>
#include <cstring>

namespace umach::ports {
namespace {

using runtime::set_detail;

TaskRef full(KernelStep& s, const char* what) {
    set_detail("the host has no %s left", what);
    return s.undo(TaskRef{});
}

// The kernel port and the notify port, with their names and special rights.
bool give_own_ports(KernelStep& s, TaskRef task) {
    TaskRecord& record = s.k.task(task.index);
    const PortRef kernel_port = new_port(s, task, PortKind::task);
    const PortRef notify = kernel_port ? new_port(s, task, PortKind::ordinary) : PortRef{};
    if (!notify) return false;
    s.set(s.k.port(kernel_port.index).object, task.index);
    s.set(s.k.port(kernel_port.index).send_rights, 2);
    s.set(s.k.port(notify.index).send_rights, 1);
    s.set(record.special[special_kernel], kernel_port);
    s.set(record.special[special_notify], notify);
    const std::uint32_t self = new_entry(s, record, kernel_port, right_send, 1);
    const std::uint32_t notified = self != 0 ? new_entry(s, record, notify, right_receive | right_owner, 0) : 0;
    if (notified == 0) return false;
    s.set(record.self_name, self);
    s.set(record.notify_name, notified);
    s.set(record.ports, 1);
    return true;
}

void inherit(KernelStep& s, Field<PortRef>& slot, PortRef from) {
    s.set(slot, from && count_send(s, from) ? from : PortRef{});
}

void inherit_all(KernelStep& s, TaskRecord& record, TaskRef parent) {
    const bool there = parent && s.lock(parent) && s.k.task(parent.index).identity.get().life == Life::live;
    if (!there) {
        const PortRef none{};
        inherit(s, record.special[special_bootstrap], parent ? none : s.k.header().bootstrap.get());
        return;
    }
    TaskRecord& from = s.k.task(parent.index);
    inherit(s, record.special[special_bootstrap], from.special[special_bootstrap]);
    inherit(s, record.special[special_exception], from.special[special_exception]);
    for (std::uint32_t i = 0; i < most_registered; ++i) inherit(s, record.registered[i], from.registered[i]);
}

void set_program(TaskRecord& record, const char* program) {
    std::array<char, 16> text{};
    std::strncpy(text.data(), program != nullptr ? program : "", text.size() - 1);
    std::uint64_t words[2];
    std::memcpy(words, text.data(), sizeof words);
    record.program[0].store(words[0]);
    record.program[1].store(words[1]);
}

void clear_task(KernelStep& s, TaskRecord& record) {
    for (Count* word : {&record.used_names, &record.buckets, &record.names, &record.ports, &record.threads, &record.sets, &record.end_cursor,
                        &record.renamed, &record.self_name, &record.notify_name, &record.process, &record.suspends, &record.ends, &record.serves,
                        &record.region_pages, &record.flight_pages})
        s.set(*word, 0);
    s.set(record.free_names, Pair{});
    s.set(record.regions, Pair{});
    s.set(record.views, Pair{});
    for (auto& slot : record.special) s.set(slot, PortRef{});
    for (auto& slot : record.registered) s.set(slot, PortRef{});
}

}  // namespace

namespace {

// With the host's lock held.
bool may_have_tasks(Kernel& k, ProcessRef process) {
    return !process || k.process(process.index).identity.get() == Identity{process.generation, Life::live, 0, 0};
}

void give_task(KernelStep& s, ProcessRef process, TaskRecord& record, std::uint32_t index) {
    s.set(record.process, process.index);
    if (process && s.k.process(process.index).task.get() == 0) s.set(s.k.process(process.index).task, index);
}

}  // namespace

TaskRef create_task(Kernel& k, runtime::Carrier& carrier, ProcessRef process, TaskRef parent, const char* program) {
    const TaskRef made = k.step(carrier, [&](KernelStep& s) {
        s.lock_host();
        if (!may_have_tasks(k, process)) return set_detail("the process has ended"), s.undo(TaskRef{});
        const std::uint32_t index = k.zone(zone_tasks).allocate(s.step(), k.host_lock());
        if (index == 0) return full(s, "task");
        TaskRecord& record = k.task(index);
        s.step().lock(record.lock);
        clear_task(s, record);
        const TaskRef task{index, record.identity.get().generation};
        s.set(record.identity, Identity{task.generation, Life::live, 0, 0});
        give_task(s, process, record, index);
        s.set(record.most_names, std::min<std::uint64_t>(most_names - 1, 2 * std::uint64_t{k.capacity(zone_ports)}));
        s.set(record.most_ports, k.header().ports_of_a_task.get());
        s.set(record.most_threads, k.capacity(zone_threads));
        s.set(record.most_region_pages, k.header().memory_of_a_task.get());
        s.set(record.most_flight_pages, k.header().flight_of_a_task.get());
        if (!open_space(s, record) || !give_own_ports(s, task)) return s.undo(TaskRef{});
        inherit_all(s, record, parent);
        return s.keep(task);
    });
    if (made) set_program(k.task(made.index), program);
    return made;
}

TaskRef create_task(Kernel& k, runtime::Carrier& carrier, std::uint32_t process, TaskRef parent, const char* program) {
    return create_task(k, carrier, process != 0 ? ref_of_process(k, process) : ProcessRef{}, parent, program);
}

// ---- the host's own port -------------------------------------------------------------------------------------------

namespace {

// A task of no process: made for the host by somebody who died before it had its port, or is about to give it one.
TaskRef task_of_nobody(Kernel& k) {
    for (std::uint32_t i = 1; i < k.zone(zone_tasks).fresh(); ++i)
        if (k.task(i).identity.get().life == Life::live && k.task(i).process.get() == 0) return k.ref_of_task(i);
    return {};
}

bool receives_host_port(Kernel& k, TaskRef task) {
    return k.port(k.header().host_port.get().index).receiver.get() == Place::of(PlaceKind::task, task.index, task.generation);
}

}  // namespace

PortRef host_port(Kernel& k, runtime::Carrier& carrier) {
    if (const PortRef known = k.header().host_port; known) return known;
    const TaskRef left = task_of_nobody(k);
    const TaskRef task = left ? left : create_task(k, carrier, ProcessRef{}, {}, "host");
    if (!task) return {};
    const bool first = k.step(carrier, [&](KernelStep& s) {
        s.lock_host();
        if (k.header().host_port.get() || !s.lock(task)) return s.undo(false);
        const PortRef port = new_port(s, task, PortKind::host);
        if (!port) return s.undo(false);
        s.set(k.port(port.index).send_rights, 1);
        s.set(k.header().host_port, port);
        return s.keep(true);
    });
    if (!first && !receives_host_port(k, task)) end_task(k, carrier, task);
    return k.header().host_port;
}

// ---- the end of a task ---------------------------------------------------------------------------------------------

namespace {

bool begin_end(Kernel& k, runtime::Carrier& keeper, TaskRef task) {
    return k.step(keeper, [&](KernelStep& s) {
        if (!s.lock(task)) return s.undo(false);
        TaskRecord& record = k.task(task.index);
        s.set(record.identity, Identity{task.generation, Life::dying, 0, 0});
        return s.keep(true);
    });
}

// Special and registered ports; the kernel port dies with its task.
void end_special(KernelStep& s, TaskRef task) {
    TaskRecord& record = s.k.task(task.index);
    const PortRef kernel_port = record.special[special_kernel];
    for (auto& slot : record.special) {
        const PortRef port = slot;
        s.set(slot, PortRef{});
        if (port) drop_send(s, port);
    }
    for (auto& slot : record.registered) {
        const PortRef port = slot;
        s.set(slot, PortRef{});
        if (port) drop_send(s, port);
    }
    if (kernel_port) lose_receive(s, task, kernel_port, true);
}

// One name, or one look at the lists.
// returns: true when nothing is left
bool end_piece(KernelStep& s, TaskRef task) {
    if (dismantle(s, task)) return false;
    TaskRecord& record = s.k.task(task.index);
    if (const RegionRef region = s.k.ref_of_region(record.regions.get().first); region) {
        take_from_task(s, task, region, Place{});
        release_region(s, region);
        return false;
    }
    if (const std::uint32_t view = record.views.get().first; view != 0) return leave_view(s, task, view), false;
    const auto end = static_cast<std::uint32_t>(record.used_names.get());
    for (auto at = static_cast<std::uint32_t>(record.end_cursor.get()); at < end; ++at) {
        const EntryBits bits = entry(s.k, record, at).bits;
        if (bits.rights == 0) continue;
        s.set(record.end_cursor, at);
        if ((bits.rights & right_set) != 0) remove_set_some(s, task, at);
        else remove_name(s, task, at);
        return false;
    }
    s.set(record.end_cursor, end);
    return true;
}

void free_task(KernelStep& s, TaskRef task) {
    TaskRecord& record = s.k.task(task.index);
    s.set(record.identity, Identity{task.generation + 1, Life::free, 0, 0});
    s.k.zone(zone_tasks).free(s.step(), s.k.host_lock(), task.index);
}

}  // namespace

void end_task(Kernel& k, runtime::Carrier& keeper, TaskRef task) {
    Caller caller{k, keeper, task, {}};
    if (!begin_end(k, keeper, task)) return;
    const auto process = static_cast<std::uint32_t>(k.task(task.index).process.get());
    const auto part = [&](auto&& body) {
        return caller.step([&](KernelStep& s) { return s.keep(s.lock(task) ? body(s) : true); });
    };
    const auto first_thread = [&](KernelStep& s) {
        return s.undo(s.lock(task) ? k.ref_of_thread(k.task(task.index).thread_list.get().first) : ThreadRef{});
    };
    while (const ThreadRef thread = caller.step(first_thread)) end_thread(k, keeper, thread, true);
    part([&](KernelStep& s) { return end_special(s, task), true; });
    while (!part([&](KernelStep& s) { return end_piece(s, task); })) {}
    while (!part([&](KernelStep& s) { return return_space(s, k.task(task.index)); })) {}
    part([&](KernelStep& s) { return free_task(s, task), true; });
    if (process != 0 && keeper.record().process.get() == process) unmap_left_views(k, keeper, process);
    trim(k, keeper);
}

namespace {

bool is_gone(Kernel& k, std::uint64_t carrier) {
    const auto name = runtime::CarrierName::of(carrier);
    return runtime::has_ended(k.machine().carrier(name.slot), name);
}

bool runs_inside(Kernel& k, std::uint32_t thread) { return may_be_inside(k.thread(thread)) && is_carried(k, thread); }

bool has_thread_inside(Kernel& k, runtime::Carrier& keeper, TaskRef task) {
    return k.step(keeper, [&](KernelStep& s) {
        bool found = false;
        if (!s.lock(task)) return s.undo(found);
        for (std::uint32_t i = k.task(task.index).thread_list.get().first; i != 0; i = k.thread(i).siblings.get().second)
            found = found || runs_inside(k, i);
        return s.undo(found);
    });
}

}  // namespace

bool finish_terminations(Kernel& k, runtime::Carrier& keeper) {
    bool all = true;
    for (std::uint32_t i = 1; i < k.zone(zone_tasks).fresh(); ++i) {
        const TaskRef task = k.ref_of_task(i);
        const std::uint64_t ender = k.task(i).ends;
        if (k.task(i).identity.get().life == Life::free || ender == 0 || !is_gone(k, ender)) continue;
        if (has_thread_inside(k, keeper, task)) all = false;
        else end_task(k, keeper, task);
    }
    for (std::uint32_t i = 1; i < k.zone(zone_threads).fresh(); ++i) {
        const Identity identity = k.thread(i).identity;
        const std::uint64_t ender = k.thread(i).ender;
        if (identity.life != Life::live || identity.detail != thread_ends || ender == 0 || !is_gone(k, ender)) continue;
        if (runs_inside(k, i)) all = false;
        else end_thread(k, keeper, k.ref_of_thread(i), true);
    }
    k.settle(keeper);
    return all;
}

// ---- processes -----------------------------------------------------------------------------------------------------

std::uint32_t add_process(Kernel& k, runtime::Carrier& carrier, std::uint64_t pid, std::uint64_t start_time,
                          std::uint64_t pidfd_inode, bool sponsored) {
    return k.step(carrier, [&](KernelStep& s) {
        s.lock_host();
        const std::uint32_t index = k.zone(zone_processes).allocate(s.step(), k.host_lock());
        if (index == 0) {
            set_detail("the host has no process slot left");
            return s.undo(0u);
        }
        ProcessRecord& record = k.process(index);
        record.service.carrier.store(0);
        record.service.state.store(static_cast<std::uint64_t>(OrderState::idle));
        s.set(record.identity, Identity{record.identity.get().generation, Life::live, 0, 0});
        s.set(record.pid, pid);
        s.set(record.start_time, start_time);
        s.set(record.pidfd_inode, pidfd_inode);
        s.set(record.task, 0);
        s.set(record.sponsored, sponsored ? 1 : 0);
        return s.keep(index);
    });
}

void call_in(Kernel& k, runtime::Carrier& carrier, std::uint32_t process) {
    k.step(carrier, [&](KernelStep& s) {
        s.lock_host();
        s.set(k.process(process).sponsored, 0);
        return s.keep(0);
    });
}

void remove_process(Kernel& k, runtime::Carrier& carrier, std::uint32_t process) {
    while (k.step(carrier, [&](KernelStep& s) { return s.keep(release_altered(s, process)); })) {}
    while (k.step(carrier, [&](KernelStep& s) { return s.keep(forget_left_view(s, process)); })) {}
    trim(k, carrier);
    k.step(carrier, [&](KernelStep& s) {
        s.lock_host();
        ProcessRecord& record = k.process(process);
        const Identity old = record.identity;
        if (old.life == Life::free) return s.undo(0);
        s.set(record.identity, Identity{old.generation + 1, Life::free, 0, 0});
        k.zone(zone_processes).free(s.step(), k.host_lock(), process);
        return s.keep(0);
    });
}

namespace {

void give_no_more_tasks(Kernel& k, runtime::Carrier& keeper, std::uint32_t process) {
    k.step(keeper, [&](KernelStep& s) {
        s.lock_host();
        const Identity now = k.process(process).identity;
        if (now.life != Life::live) return s.undo(0);
        s.set(k.process(process).identity, Identity{now.generation, Life::dying, 0, 0});
        return s.keep(0);
    });
}

}  // namespace

void end_process(Kernel& k, runtime::Carrier& keeper, std::uint32_t process) {
    runtime::mend_all(k.machine(), keeper.name());
    give_no_more_tasks(k, keeper, process);
    for (std::uint32_t slot = 1; slot < k.machine().carriers(); ++slot) {
        runtime::CarrierRecord& carrier = k.machine().carrier(slot);
        if (carrier.life.load() != 0 && carrier.process.get() == process) end_carrier(k, keeper, slot);
    }
    for (std::uint32_t index = 1; index < k.zone(zone_tasks).fresh(); ++index) {
        TaskRecord& task = k.task(index);
        if (task.identity.get().life != Life::free && task.process.get() == process) end_task(k, keeper, k.ref_of_task(index));
    }
    remove_process(k, keeper, process);
}

}  // namespace umach::ports
