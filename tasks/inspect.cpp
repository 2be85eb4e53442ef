// SPDX-License-Identifier: BSL-1.0
// Looking into the host that this process is in, from record to record, each word read once and no lock
// taken.
#include "ports/audit.hpp"
#include "ports/notice.hpp"
#include "ports/port.hpp"
#include "ports/space.hpp"
#include "tasks/mach25/face.hpp"

#include <linux/futex.h>
#include <umach_inspect.h>
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

// Runs a look at the process's host, if it is in one.
template <class Body>
kern_return_t look(Body&& body) {
    return with_detail([&] {
        Host* host = current_host();
        if (host != nullptr) return static_cast<kern_return_t>(body(*host));
        runtime::set_detail("this process is in no host");
        return KERN_INVALID_HOST;
    });
}

// Port and set numbers: unique among all that ever lived in the host.
template <class Ref>
unsigned long long number_of(Ref ref) {
    return ref.index != 0 ? static_cast<unsigned long long>(ref.generation) << 32 | ref.index : 0;
}

bool is_live(Identity identity, std::uint32_t generation) {
    return identity.life != Life::free && identity.generation == generation;
}

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

// ---- tasks and threads ------------------------------------------------------------------------------------

umach_task_seen_t task_seen(Kernel& k, std::uint32_t number) {
    ports::TaskRecord& record = k.task(number);
    umach_task_seen_t seen{};
    seen.number = number;
    seen.pid = pid_of_process(k, static_cast<std::uint32_t>(record.process.get()));
    seen.ending = record.identity.get().life == Life::dying;
    const std::uint64_t words[2] = {record.program[0].load(), record.program[1].load()};
    std::memcpy(seen.program, words, sizeof seen.program);
    seen.program[sizeof seen.program - 1] = '\0';
    seen.names = static_cast<unsigned>(record.names.get());
    seen.receive_rights = static_cast<unsigned>(record.ports.get());
    seen.threads = static_cast<unsigned>(record.threads.get());
    seen.sets = static_cast<unsigned>(record.sets.get());
    return seen;
}

// Calls body(index, entry) for each name in use of a task.
template <class Body>
void for_each_name(Kernel& k, ports::TaskRecord& task, Body&& body) {
    const auto used = static_cast<std::uint32_t>(task.used_names.get());
    for (std::uint32_t i = 1; i < used && i < ports::most_names; ++i) {
        ports::EntryRecord* e = ports::entry_at(k, task, i);
        if (e != nullptr && e->bits.get().rights != 0) body(*e);
    }
}

port_name_t name_in(Kernel& k, std::uint32_t task, PortRef port, bool set) {
    port_name_t name = PORT_NULL;
    for_each_name(k, k.task(task), [&](ports::EntryRecord& e) {
        const ports::EntryBits bits = e.bits;
        const bool is_set = (bits.rights & ports::right_set) != 0;
        if (e.port.get() == port && is_set == set && (bits.rights & ports::right_send_once) == 0)
            name = static_cast<port_name_t>(bits.name);
    });
    return name;
}

int waits_of(WaitKind kind) {
    switch (kind) {
        case WaitKind::send: return UMACH_WAITS_TO_SEND;
        case WaitKind::receive:
        case WaitKind::receive_senders: return UMACH_WAITS_TO_RECEIVE;
        case WaitKind::receive_set: return UMACH_WAITS_AT_SET;
        case WaitKind::reply: return UMACH_WAITS_FOR_ANSWER;
        case WaitKind::watch: return UMACH_WAITS_TO_MIRROR;
        case WaitKind::none: break;
    }
    return UMACH_WAITS_NOT;
}

umach_thread_seen_t thread_seen(Kernel& k, std::uint32_t index) {
    ports::ThreadRecord& record = k.thread(index);
    const auto carrier = runtime::CarrierName::of(record.carrier);
    const ports::Wait wait = record.wait;
    const PortRef at = record.wait_at;
    umach_thread_seen_t seen{};
    seen.task = record.task.get().index;
    seen.tid = carrier ? static_cast<int>(k.machine().carrier(carrier.slot).life.load() & FUTEX_TID_MASK) : 0;
    if (wait.state != ports::WaitState::waiting) return seen;
    seen.waits = waits_of(wait.kind);
    if (seen.waits == UMACH_WAITS_TO_MIRROR) return seen;
    seen.at = number_of(at);
    seen.name = name_in(k, seen.task, at, wait.kind == WaitKind::receive_set);
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
        if (thread.kept_port.get())
            ++crowds[number_of(thread.kept_port.get())].kept;
    }
    return crowds;
}

umach_port_seen_t port_seen(Kernel& k, std::uint32_t index, Crowds& crowds) {
    ports::PortRecord& record = k.port(index);
    const Identity identity = record.identity;
    const ports::PortCounts counts = record.counts;
    umach_port_seen_t seen{};
    seen.port = number_of(PortRef{index, identity.generation});
    seen.is_kernel_port = static_cast<ports::PortKind>(identity.kind) == ports::PortKind::kernel;
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
        for (std::uint32_t i = 1; i < k.zone(ports::zone_tasks).fresh(); ++i) {
            if (k.task(i).identity.get().life == Life::free) continue;
            const umach_task_seen_t seen = task_seen(k, i);
            visit(&seen, context);
        }
        return KERN_SUCCESS;
    });
}

kern_return_t umach_inspect_threads(void (*visit)(const umach_thread_seen_t*, void*), void* context) {
    return look([&](Host& host) {
        Kernel& k = host.kernel();
        for (std::uint32_t i = 1; i < k.zone(ports::zone_threads).fresh(); ++i) {
            if (k.thread(i).identity.get().life == Life::free) continue;
            const umach_thread_seen_t seen = thread_seen(k, i);
            visit(&seen, context);
        }
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
            if (seen.type != PORT_TYPE_NONE && is_live(k.task(task).identity, identity.generation))
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
