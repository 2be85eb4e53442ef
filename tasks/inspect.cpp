// SPDX-License-Identifier: BSL-1.0
// Looking into the host that this process is in, from record to record, each word read once and no lock
// taken.
#include "tasks/inspect.hpp"
#include "ports/audit.hpp"
#include "ports/notice.hpp"
#include "ports/port.hpp"
#include "ports/section.hpp"

#include <cstring>
#include <unordered_map>

using namespace umach;
using namespace umach::tasks;
using ports::Identity;
using ports::Kernel;
using ports::Life;
using ports::PlaceKind;
using ports::PortRef;
using ports::WaitKind;

namespace {

// ---- host -------------------------------------------------------------------------------------------------

int pid_of_process(Kernel& k, std::uint32_t process) {
    return process != 0 && process < k.capacity(ports::zone_processes)
               ? static_cast<int>(k.process(process).pid.get())
               : 0;
}

unsigned in_use(Kernel& k, ports::ZoneNumber zone, Identity (*identity)(Kernel&, std::uint32_t)) {
    unsigned count = 0;
    for (std::uint32_t i = 1; i < k.zone(zone).fresh(); ++i) count += identity(k, i).life != Life::free;
    return count;
}

const char* segment_text(std::uint32_t kind) {
    switch (static_cast<runtime::SegmentKind>(kind)) {
        case runtime::SegmentKind::posix: return "posix";
        case runtime::SegmentKind::sysv: return "sysv";
        default: return "anonymous";
    }
}

const char* doorbell_text(std::uint32_t kind) {
    switch (static_cast<runtime::DoorbellKind>(kind)) {
        case runtime::DoorbellKind::posix: return "posix";
        case runtime::DoorbellKind::sysv: return "sysv";
        default: return "futex";
    }
}

int keeper_pid(Host& host) {
    const runtime::CarrierName keeper = host.keeper();
    if (!keeper || !host.keeper_is_alive()) return 0;
    return pid_of_process(host.kernel(), static_cast<std::uint32_t>(
                                             host.kernel().machine().carrier(keeper.slot).process.get()));
}

umach_host_seen_t host_seen(Host& host) {
    Kernel& k = host.kernel();
    runtime::SegmentHeader& header = k.machine().header();
    umach_host_seen_t seen{};
    seen.name = host.name().c_str();
    seen.keeper = keeper_pid(host);
    seen.segment = segment_text(header.identity.segment_kind);
    seen.doorbell = doorbell_text(header.identity.doorbell_kind);
    seen.tasks = in_use(k, ports::zone_tasks,
                        [](Kernel& kernel, std::uint32_t i) { return kernel.task(i).identity.get(); });
    seen.most_tasks = k.capacity(ports::zone_tasks) - 1;
    seen.ports = in_use(k, ports::zone_ports,
                        [](Kernel& kernel, std::uint32_t i) { return kernel.port(i).identity.get(); });
    seen.most_ports = k.capacity(ports::zone_ports) - 1;
    seen.rescued_wakeups = header.rescued_wakeups.load();
    seen.mended = header.mended.load();
    return seen;
}

// ---- tasks ------------------------------------------------------------------------------------------------

// Memory of the pool that the task has, and that messages carry which it sent.
void see_memory(Kernel& k, std::uint32_t number, umach_task_seen_t& seen) {
    for (std::uint32_t i = 1; i < k.zone(ports::zone_regions).fresh(); ++i) {
        const ports::RegionRecord& region = k.region(i);
        const ports::Place holder = region.holder;
        const unsigned long long bytes = region.pages << ports::page_bits;
        if (region.identity.get().life != Life::live) continue;
        if (holder.kind == ports::PlaceKind::port && region.charged.get() == k.ref_of_task(number)) {
            ++seen.sections;
            seen.section_bytes += bytes;
        }
        if (holder.kind != ports::PlaceKind::task || holder.index != number) continue;
        ++seen.regions;
        seen.region_bytes += bytes;
    }
    for (std::uint32_t i = 1; i < k.zone(ports::zone_views).fresh(); ++i) {
        const ports::ViewRecord& view = k.view(i);
        if (view.identity.get().life != Life::live || view.task.get().index != number) continue;
        ++seen.views;
        seen.view_bytes += view.pages << ports::page_bits;
    }
    seen.bytes_in_flight = k.task(number).flight_pages << ports::page_bits;
}

umach_task_seen_t task_seen(Kernel& k, std::uint32_t number) {
    ports::TaskRecord& record = k.task(number);
    umach_task_seen_t seen{};
    seen.number = number;
    seen.pid = pid_of_process(k, static_cast<std::uint32_t>(record.process.get()));
    seen.ending = record.identity.get().life == Life::dying;
    seen.suspends = static_cast<unsigned>(record.suspends.get());
    const std::uint64_t words[2] = {record.program[0].load(), record.program[1].load()};
    std::memcpy(seen.program, words, sizeof seen.program);
    seen.program[sizeof seen.program - 1] = '\0';
    seen.names = static_cast<unsigned>(record.names.get());
    seen.receive_rights = static_cast<unsigned>(record.ports.get());
    seen.threads = static_cast<unsigned>(record.threads.get());
    seen.sets = static_cast<unsigned>(record.sets.get());
    see_memory(k, number, seen);
    return seen;
}

// ---- names and ports --------------------------------------------------------------------------------------

umach_name_seen_t name_seen(std::uint32_t task, ports::EntryRecord& e) {
    const ports::EntryBits bits = e.bits;
    umach_name_seen_t seen{};
    seen.task = task;
    seen.name = static_cast<port_name_t>(bits.name);
    seen.type = ports::type_of(bits);
    seen.sends = (bits.rights & ports::right_send) != 0;
    seen.references = bits.urefs;
    seen.port = number_of(e.port.get());
    return seen;
}

umach_place_t place_seen(Kernel& k, ports::Place place) {
    switch (place.kind) {
        case PlaceKind::task: return {UMACH_PLACE_TASK, place.index};
        case PlaceKind::port: return {UMACH_PLACE_BACKUP, number_of(k.ref_of_port(place.index))};
        case PlaceKind::message: {
            const ports::Place stands = k.message(place.index).stands;
            return {UMACH_PLACE_MESSAGE,
                    stands.kind == PlaceKind::port ? number_of(k.ref_of_port(stands.index)) : 0};
        }
        case PlaceKind::nowhere: break;
    }
    return {UMACH_PLACE_NOWHERE, 0};
}

unsigned notices_at(Kernel& k, ports::PortRecord& port) {
    constexpr unsigned most = 255;  // the list may change under our eyes
    unsigned count = 0;
    for (ports::CellRef cell(port.notices.get().first); cell.word != 0 && count < most; ++count)
        cell = ports::CellRef(ports::next_notice(k, cell));
    return count;
}

struct AtPort {
    unsigned waiting = 0, kept = 0;
};
using Crowds = std::unordered_map<unsigned long long, AtPort>;

// Who waits for room, and whose message is kept, port by port.
Crowds find_crowds(Kernel& k) {
    Crowds crowds;
    for (std::uint32_t i = 1; i < k.zone(ports::zone_threads).fresh(); ++i) {
        ports::ThreadRecord& thread = k.thread(i);
        if (thread.identity.get().life == Life::free) continue;
        const ports::Wait wait = thread.wait;
        if (wait.kind == WaitKind::send && wait.state == ports::WaitState::waiting)
            ++crowds[number_of(thread.wait_at.get())].waiting;
        if (thread.kept_port.get()) ++crowds[number_of(thread.kept_port.get())].kept;
    }
    return crowds;
}

int kind_seen(ports::PortKind kind) {
    switch (kind) {
        case ports::PortKind::task: return UMACH_PORT_OF_TASK;
        case ports::PortKind::thread: return UMACH_PORT_OF_THREAD;
        case ports::PortKind::host: return UMACH_PORT_OF_HOST;
        case ports::PortKind::memory: return UMACH_PORT_OF_MEMORY;
        case ports::PortKind::ordinary: break;
    }
    return UMACH_PORT_ORDINARY;
}

umach_port_seen_t port_seen(Kernel& k, std::uint32_t index, Crowds& crowds) {
    ports::PortRecord& record = k.port(index);
    const Identity identity = record.identity;
    const ports::PortCounts counts = record.counts;
    umach_port_seen_t seen{};
    seen.port = number_of(PortRef{index, identity.generation});
    seen.kind = kind_seen(static_cast<ports::PortKind>(identity.kind));
    if (seen.kind == UMACH_PORT_OF_TASK || seen.kind == UMACH_PORT_OF_THREAD)
        seen.object = static_cast<unsigned>(record.object.get());
    if (const auto section = ports::section_of_port(k, {index, identity.generation}); section)
        seen.section_bytes = section->pages << ports::page_bits;
    seen.dying = identity.life == Life::dying;
    seen.messages = counts.queued;
    seen.ordinary = counts.ordinary;
    seen.notices = notices_at(k, record);
    seen.backlog = counts.backlog;
    seen.waiting = crowds[seen.port].waiting;
    seen.kept = crowds[seen.port].kept + counts.orphans;
    seen.send_rights = static_cast<unsigned>(record.send_rights.get());
    seen.set = number_of(record.set.get());
    seen.receiver = place_seen(k, record.receiver);
    seen.owner = place_seen(k, record.owner);
    return seen;
}

}  // namespace

extern "C" {

kern_return_t umach_inspect_host(umach_host_seen_t* seen) {
    return look([&](Host& host) {
        const Result<umach_host_seen_t> result(seen);
        return result.usable() ? result.give(host_seen(host)) : no_such_memory();
    });
}

kern_return_t umach_inspect_tasks(void (*visit)(const umach_task_seen_t*, void*), void* context) {
    return look([&](Host& host) {
        Kernel& k = host.kernel();
        for_each_task(k, [&](std::uint32_t number) {
            const umach_task_seen_t seen = task_seen(k, number);
            visit(&seen, context);
        });
        return KERN_SUCCESS;
    });
}

kern_return_t umach_inspect_names(unsigned int task, void (*visit)(const umach_name_seen_t*, void*),
                                  void* context) {
    return look([&](Host& host) {
        Kernel& k = host.kernel();
        if (task == 0 || task >= k.zone(ports::zone_tasks).fresh() ||
            k.task(task).identity.get().life == Life::free) {
            runtime::set_detail("there is no task %u", task);
            return KERN_INVALID_TASK;
        }
        const Identity identity = k.task(task).identity;
        for_each_name(k, k.task(task), [&](ports::EntryRecord& e) {
            const umach_name_seen_t seen = name_seen(task, e);
            if (seen.type != PORT_TYPE_NONE && k.task(task).identity.get().generation == identity.generation)
                visit(&seen, context);
        });
        return KERN_SUCCESS;
    });
}

kern_return_t umach_inspect_ports(void (*visit)(const umach_port_seen_t*, void*), void* context) {
    return look([&](Host& host) {
        Kernel& k = host.kernel();
        Crowds crowds = find_crowds(k);
        for (std::uint32_t i = 1; i < k.zone(ports::zone_ports).fresh(); ++i) {
            if (k.port(i).identity.get().life == Life::free) continue;
            const umach_port_seen_t seen = port_seen(k, i, crowds);
            visit(&seen, context);
        }
        return KERN_SUCCESS;
    });
}

kern_return_t umach_inspect_audit(void (*visit)(const char*, void*), void* context,
                                  umach_audit_seen_t* seen) {
    return look([&](Host& host) {
        const Result<umach_audit_seen_t> result(seen);
        if (seen != nullptr && !result.usable()) return no_such_memory();
        ports::Audit found;
        {
            const Trap trap;
            if (!trap) return KERN_RESOURCE_SHORTAGE;
            found = ports::audit(host.kernel(), trap.caller().carrier);
        }
        for (const std::string& violation : found.violations) visit(violation.c_str(), context);
        if (seen == nullptr) return KERN_SUCCESS;
        return result.give({static_cast<unsigned>(found.violations.size()), found.tasks, found.ports,
                            found.names, found.messages, found.rights, found.rescued_wakeups});
    });
}

}  // extern "C"
