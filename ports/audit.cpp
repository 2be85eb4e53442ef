// SPDX-License-Identifier: BSL-1.0
#include "ports/audit.hpp"

#include "ports/audit_look.hpp"
#include "runtime/mend.hpp"
#include "runtime/nap.hpp"

#include <algorithm>
#include <cstring>

namespace umach::ports {
namespace {

using runtime::CarrierName;
using runtime::LockWord;

// Every lock of the host, held by one carrier: more than a step may hold. The host's own comes first, so that
// no task is made meanwhile. Whoever else is at work only tries a second lock, so a busy one is soon let go;
// if it is not, its holder has stopped or died: then all are let go, and that one is waited for with empty
// hands. The locks name the carrier, so if it dies they are taken from it like any other's.
class EveryLock {
public:
    EveryLock(Kernel& k, CarrierName self) : k_(k), self_(self) {
        LockWord* busy = &k_.host_lock();
        while (busy != nullptr) {
            runtime::take_lock(k_.machine(), self_, *busy);
            busy = take_all();
            if (busy != nullptr) let_go();
        }
    }
    EveryLock(const EveryLock&) = delete;
    EveryLock& operator=(const EveryLock&) = delete;
    ~EveryLock() { let_go(); }

private:
    bool take(LockWord& lock) UMACH_TSA(no_thread_safety_analysis) {
        constexpr int looks = 45;  // some microseconds and two yields
        if (lock.held_by(self_)) return true;
        runtime::Nap nap;
        for (int i = 0; i < looks; ++i) {
            if (lock.try_take(self_)) return true;
            nap.next();
        }
        return false;
    }
    // returns: the lock that was busy
    LockWord* take_all() {
        if (!take(k_.host_lock())) return &k_.host_lock();
        for (std::uint32_t i = 1; i < k_.zone(zone_tasks).fresh(); ++i)
            if (!take(k_.task(i).lock)) return &k_.task(i).lock;
        return nullptr;
    }
    void let_go() {
        for (std::uint32_t i = 1; i < k_.capacity(zone_tasks); ++i) k_.task(i).lock.free_from(self_);
        k_.host_lock().free_from(self_);
    }

    Kernel& k_;
    CarrierName self_;
};

// What dead carriers had under way is taken back before anything is judged, as whoever meets one would.
void mend_the_dead(Kernel& k, CarrierName self) {
    for (std::uint32_t slot = 1; slot < k.machine().carriers(); ++slot) {
        runtime::CarrierRecord& record = k.machine().carrier(slot);
        if (runtime::is_dead(record)) runtime::mend(k.machine(), self, {slot, record.generation.load()});
    }
}

// Whether a live carrier is in the middle of a step while every lock is ours.
bool somebody_is_under_way(Kernel& k, CarrierName self) {
    for (std::uint32_t slot = 1; slot < k.machine().carriers(); ++slot) {
        const runtime::CarrierRecord& record = k.machine().carrier(slot);
        if (slot != self.slot && record.life.load() != 0 && !runtime::is_dead(record) &&
            record.log_length.load() != 0)
            return true;
    }
    return false;
}

Audit look_once(Kernel& k, CarrierName self) {
    Look look(k);
    look.under_way = somebody_is_under_way(k, self);
    look_at_carriers(look);
    look_at_spaces(look);
    look_at_threads(look);
    look_at_ports(look);
    look_at_sets(look);
    look_at_messages(look);
    look_at_sections(look);
    look_at_rights(look);
    look_at_cells(look);
    look_at_regions(look);
    look_at_zones(look);
    look.result.rescued_wakeups = k.machine().header().rescued_wakeups.load();
    return std::move(look.result);
}

// Keeps of the first look what the second has found as well.
void keep_common(Audit& first, const Audit& second) {
    std::erase_if(first.violations, [&](const std::string& violation) {
        return std::find(second.violations.begin(), second.violations.end(), violation) ==
               second.violations.end();
    });
}

constexpr unsigned naps_of_a_rest = 4;   // a millisecond or more: for who has no processor just then

}  // namespace

// A carrier that was about to change its stock or the message in its hand does so without a lock; before long
// it needs one and stands still. What is broken stays broken until then.
Audit audit(Kernel& k, runtime::Carrier& carrier, unsigned looks) {
    mend_the_dead(k, carrier.name());
    EveryLock locks(k, carrier.name());
    Audit result = look_once(k, carrier.name());
    runtime::Nap nap;
    for (unsigned i = 1; i < looks && !result.violations.empty(); ++i) {
        for (const unsigned slept = nap.naps(); nap.naps() < slept + naps_of_a_rest;) nap.next();
        keep_common(result, look_once(k, carrier.name()));
    }
    return result;
}

// ---- what was looked at, in words -------------------------------------------------------------------------

Look::Look(Kernel& kernel)
    : k(kernel),
      most_members(0),
      ports(kernel.zone(zone_ports).fresh()),
      threads(kernel.zone(zone_threads).fresh()),
      noticed_entries(std::size_t{kernel.zone(zone_chunks).fresh()} * entries_per_chunk),
      chunks(kernel.zone(zone_chunks).fresh()),
      pages(kernel.zone(zone_pages).fresh()),
      sets(kernel.zone(zone_sets).fresh()),
      task_work(kernel.zone(zone_tasks).fresh()),
      regions(kernel.zone(zone_regions).fresh()) {
    for (std::uint32_t i = 0; i < zones; ++i) most_members += k.zone(i).fresh();
    most_members += k.zone(zone_chunks).fresh() * entries_per_chunk;
    for (std::uint32_t i = 0; i < message_classes; ++i) messages[i].resize(k.zone(zone_messages + i).fresh());
}

bool Look::is_live(PortRef ref) const {
    return is_port(ref) && k.port(ref.index).identity.get().life == Life::live;
}

bool Look::is_port(PortRef ref) const {
    if (!is_index(zone_ports, ref.index)) return false;
    const Identity now = k.port(ref.index).identity;
    return now.generation == ref.generation && now.life != Life::free;
}

bool Look::is_thread(ThreadRef ref) const {
    if (!is_index(zone_threads, ref.index)) return false;
    const Identity now = k.thread(ref.index).identity;
    return now.generation == ref.generation && now.life != Life::free;
}

bool Look::is_task(TaskRef ref) const {
    if (!is_index(zone_tasks, ref.index)) return false;
    const Identity now = k.task(ref.index).identity;
    return now.generation == ref.generation && now.life != Life::free;
}

bool Look::is_cell(CellRef ref) const {
    switch (ref.kind()) {
        case CellKind::entry_deleted: return is_index(zone_chunks, ref.index() / entries_per_chunk);
        case CellKind::message_accepted: return is_index(zone_threads, ref.index());
        case CellKind::no_senders:
        case CellKind::port_rights: return is_index(zone_ports, ref.index());
        default: return false;
    }
}

namespace {

std::string named(const char* kind, std::uint32_t index, std::uint32_t generation) {
    return std::string(kind) + " " + std::to_string(index) + "/" + std::to_string(generation);
}

}  // namespace

std::string Look::task(std::uint32_t index) const {
    if (!is_index(zone_tasks, index)) return "task " + std::to_string(index) + " (no record)";
    TaskRecord& record = k.task(index);
    const std::uint64_t words[2] = {record.program[0].load(), record.program[1].load()};
    const char* text = reinterpret_cast<const char*>(words);
    const auto process = static_cast<std::uint32_t>(record.process.get());
    const std::uint64_t pid = is_index(zone_processes, process) ? k.process(process).pid.get() : 0;
    return named("task", index, record.identity.get().generation) + " (" +
           std::string(text, strnlen(text, sizeof words)) + ", pid " + std::to_string(pid) + ")";
}

std::string Look::place(Place at) const {
    switch (at.kind) {
        case PlaceKind::task: return task(at.index);
        case PlaceKind::message: return named("message", at.index, at.generation);
        case PlaceKind::port: return named("port", at.index, at.generation);
        default: return "nowhere";
    }
}

std::string Look::port(std::uint32_t index) const {
    if (!is_index(zone_ports, index)) return "port " + std::to_string(index) + " (no record)";
    PortRecord& record = k.port(index);
    return named("port", index, record.identity.get().generation) + " at " + place(record.receiver);
}

std::string Look::message(std::uint32_t index) const {
    if (!is_message(index)) return "message " + std::to_string(index) + " (no record)";
    MessageRecord& record = k.message(index);
    return named("message", index, record.identity.get().generation) + " of " +
           task(record.sender_task.get().index);
}

std::string Look::thread(std::uint32_t index) const {
    if (!is_index(zone_threads, index)) return "thread " + std::to_string(index) + " (no record)";
    ThreadRecord& record = k.thread(index);
    return named("thread", index, record.identity.get().generation) + " of " + task(record.task.get().index);
}

std::string Look::set(std::uint32_t index) const {
    if (!is_index(zone_sets, index)) return "port set " + std::to_string(index) + " (no record)";
    PortSetRecord& record = k.set(index);
    return named("port set", index, record.identity.get().generation) + " of " +
           task(record.task.get().index);
}

std::string Look::cell(CellRef ref) const {
    switch (ref.kind()) {
        case CellKind::entry_deleted:
            return "the PORT_DELETED notice of entry cell " + std::to_string(ref.index());
        case CellKind::message_accepted: return "the MSG_ACCEPTED notice of " + thread(ref.index());
        case CellKind::no_senders: return "the NO_MORE_SENDERS notice of " + port(ref.index());
        case CellKind::port_rights: return "the rights notice of " + port(ref.index());
        default: return "a notice of unknown kind";
    }
}

void Look::met(std::uint32_t index, MessageState state, const std::string& where) {
    if (!is_message(index))
        return broken_unless_under_way(
            "messages", where + " has message " + std::to_string(index) + ", which is no record");
    ++messages[Kernel::message_class(index)][Kernel::message_index(index)];
    const MessageState is = k.message(index).identity.get().state;
    if (is != state)
        broken_unless_under_way("messages", message(index) + " is in state " +
                                                std::to_string(static_cast<int>(is)) + " but stands in " +
                                                where);
}

}  // namespace umach::ports
