// SPDX-License-Identifier: BSL-1.0
// The audit's look at carriers: logs, locks, menders, what is owed, what is in their hands; and at threads of
// control.
#include "ports/audit_look.hpp"

#include <bit>

namespace umach::ports {
namespace {

using runtime::CarrierName;
using runtime::CarrierRecord;

std::string carrier_text(std::uint32_t slot, const CarrierRecord& record) {
    return "carrier " + std::to_string(slot) + "/" + std::to_string(record.generation.load());
}

bool names_nobody_alive(Look& look, CarrierName name) {
    if (name.slot >= look.k.machine().carriers()) return true;
    const CarrierRecord& record = look.k.machine().carrier(name.slot);
    return record.generation.load() != name.generation || record.life.load() == 0 || runtime::is_dead(record);
}

void look_at_debts(Look& look, CarrierRecord& record) {
    const auto port = std::bit_cast<PortRef>(record.owed_admission.get());
    if (look.is_port(port)) look.ports[port.index].admission_owed = true;
    const auto task = std::bit_cast<TaskRef>(record.owed_work.get());
    if (look.is_task(task)) look.task_work[task.index] = true;
}

// A slot that nobody has holds nothing and owes nothing.
void look_at_free_slot(Look& look, std::uint32_t slot, CarrierRecord& record) {
    bool empty = record.owed_admission.get() == 0 && record.owed_work.get() == 0 && record.in_hand.get() == 0 &&
                 record.put_aside.get() == 0 && record.memory_in_hand.get() == 0;
    for (const runtime::RingDebt& debt : record.owed_rings) empty = empty && debt.whom.get() == 0;
    for (const Field<Pair>& stock : record.stock) empty = empty && stock.get().first == 0;
    if (!empty && record.life.load() == 0)
        look.broken("debts", carrier_text(slot, record) +
                                 " is free but still owes something or has something in hand");
}

void look_at_hand(Look& look, std::uint32_t slot, const CarrierRecord& record, const Field<std::uint64_t>& held) {
    const auto message = static_cast<std::uint32_t>(held.get());
    if (message == 0) return;
    const std::string hand = "the hand of " + carrier_text(slot, record);
    const MessageState state =
        look.is_message(message) ? look.k.message(message).identity.get().state : MessageState::free;
    const bool other = state == MessageState::taken || (state == MessageState::spare && &held == &record.in_hand);
    look.met(message, other ? state : MessageState::prep, hand);
}

void look_at_carrier(Look& look, std::uint32_t slot) {
    CarrierRecord& record = look.k.machine().carrier(slot);
    const bool at_work = record.life.load() != 0 && !runtime::is_dead(record);
    if (!at_work && record.log_length.load() != 0)
        look.broken("logs", carrier_text(slot, record) + " is gone, and " +
                                std::to_string(record.log_length.load()) +
                                " words of its last step were not taken back");
    const CarrierName mender = CarrierName::of(record.mender.load());
    if (mender && names_nobody_alive(look, mender))
        look.broken("menders", carrier_text(slot, record) + " names carrier " + std::to_string(mender.slot) +
                                   "/" + std::to_string(mender.generation) + " as its mender, which is gone");
    look_at_debts(look, record);
    if (record.life.load() == 0) return look_at_free_slot(look, slot, record);
    look_at_hand(look, slot, record, record.in_hand);
    look_at_hand(look, slot, record, record.put_aside);
}

// ---- threads of control -----------------------------------------------------------------------------------

void look_at_its_carrier(Look& look, std::uint32_t index, ThreadRecord& thread) {
    const CarrierName name = CarrierName::of(thread.carrier);
    if (!name) return;
    const bool there = name.slot < look.k.machine().carriers() &&
                       look.k.machine().carrier(name.slot).generation.load() == name.generation &&
                       look.k.machine().carrier(name.slot).life.load() != 0;
    if (!there) look.broken("threads", look.thread(index) + " is carried by a carrier that is gone");
}

void look_at_its_message(Look& look, std::uint32_t index, ThreadRecord& thread) {
    const auto message = static_cast<std::uint32_t>(thread.message.get());
    if (message == 0) return;
    const std::string of = "the record of " + look.thread(index);
    const Wait wait = thread.wait;
    if (wait.kind == WaitKind::send && wait.state == WaitState::waiting) {
        look.threads[index].line = message;  // it is met in the line
        return;
    }
    const MessageState state =
        look.is_message(message) ? look.k.message(message).identity.get().state : MessageState::free;
    const bool received = state == MessageState::answer || state == MessageState::handed;
    look.met(message, received ? state : MessageState::prep, of);
}

void look_at_accepted(Look& look, std::uint32_t index, ThreadRecord& thread) {
    const std::uint32_t accepted = thread.accepted_span.get().second;
    const bool stands = static_cast<bool>(thread.cell_at.get());
    if (accepted > most_accepted || stands != (accepted != 0))
        look.broken("notices", look.thread(index) + " has " + std::to_string(accepted) +
                                   " accepted messages to hear of but its notice stands " +
                                   (stands ? "at a port" : "nowhere"));
}

void look_at_thread(Look& look, std::uint32_t task, std::uint32_t index) {
    ThreadRecord& thread = look.k.thread(index);
    ThreadSeen& seen = look.threads[index];
    if (seen.listed) return look.broken("threads", look.thread(index) + " is listed twice");
    seen.listed = true;
    if (thread.identity.get().life == Life::free)
        look.broken("threads", look.thread(index) + " is free but listed");
    if (thread.task.get() != look.k.ref_of_task(task))
        look.broken("threads", look.thread(index) + " stands in the list of " + look.task(task));
    look_at_its_carrier(look, index, thread);
    look_at_its_message(look, index, thread);
    look_at_accepted(look, index, thread);
}

}  // namespace

void look_at_carriers(Look& look) {
    for (std::uint32_t slot = 1; slot < look.k.machine().carriers(); ++slot) look_at_carrier(look, slot);
    for (std::uint32_t i = look.k.zone(zone_tasks).fresh(); i < look.k.capacity(zone_tasks); ++i)
        if (const CarrierName holder = look.k.task(i).lock.holder(); holder)
            look.broken("locks", "task " + std::to_string(i) + " was never used and its lock names carrier " +
                                     std::to_string(holder.slot) + "/" + std::to_string(holder.generation));
}

void look_at_threads(Look& look) {
    for (std::uint32_t i = 1; i < look.k.zone(zone_tasks).fresh(); ++i) {
        TaskRecord& task = look.k.task(i);
        if (task.identity.get().life == Life::free) continue;
        std::uint64_t count = 0;
        look.walk(
            task.thread_list, "threads", "the list of threads of " + look.task(i),
            [&](std::uint32_t at) { return look.is_index(zone_threads, at); }, look.k.sibling_links(),
            [&](std::uint32_t at) {
                ++count;
                look_at_thread(look, i, at);
            });
        if (count != task.threads.get())
            look.broken("counts", look.task(i) + " counts " + std::to_string(task.threads.get()) +
                                      " threads, its list has " + std::to_string(count));
    }
    for (std::uint32_t i = 1; i < look.k.zone(zone_threads).fresh(); ++i)
        if (look.k.thread(i).identity.get().life == Life::live && !look.threads[i].listed)
            look.broken("threads", look.thread(i) + " is live but in no task's list");
}

}  // namespace umach::ports
