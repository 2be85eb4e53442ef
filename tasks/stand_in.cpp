// SPDX-License-Identifier: BSL-1.0
#include "tasks/stand_in.hpp"

#include "runtime/mend.hpp"
#include "tasks/burial.hpp"
#include "tasks/process_identity.hpp"

namespace umach::tasks {
namespace {

bool is_on_stopped_process(ports::Kernel& k, runtime::CarrierName name) {
    const auto process = static_cast<std::uint32_t>(k.machine().carrier(name.slot).process.get());
    return is_stopped(static_cast<pid_t>(k.process(process).pid.get()));
}

// Who stands in may be stopped as well; then several do, and each process still has one undertaker.
bool may_stand_in(ports::Kernel& k, runtime::Carrier& carrier) {
    runtime::LockWord& word = k.header().stand_in;
    const runtime::CarrierName other = word.holder();
    if (!other || other == carrier.name()) return true;
    if (!runtime::has_ended(k.machine().carrier(other.slot), other)) return is_on_stopped_process(k, other);
    word.free_from(other);
    return true;
}

bool has_living_carrier(ports::Kernel& k, std::uint32_t process) {
    for (std::uint32_t slot = 1; slot < k.machine().carriers(); ++slot) {
        const runtime::CarrierRecord& record = k.machine().carrier(slot);
        if (record.process.get() == process && record.life.load() != 0 && !runtime::is_dead(record)) return true;
    }
    return false;
}

// One that had called in, and of which no thread is left here.
bool is_another_program(ports::Kernel& k, std::uint32_t process) {
    const ports::ProcessRecord& record = k.process(process);
    return record.task.get() != 0 && record.sponsored.get() == 0 && !has_living_carrier(k, process) &&
           !still_maps(static_cast<pid_t>(record.pid.get()), k.machine().base());
}

void bury_if_gone(ports::Kernel& k, runtime::Carrier& carrier, std::uint32_t process) {
    const ports::ProcessRef ref = ports::ref_of_process(k, process);
    if (k.process(process).identity.get().life == ports::Life::free) return;
    PrivateDescriptor pidfd;
    const bool ended = has_ended(identity_of(k.process(process)), &pidfd) || (pidfd && is_readable(pidfd.get()));
    if (ended || is_another_program(k, process)) static_cast<void>(bury(k, carrier, ref));
}

}  // namespace

void stand_in_for_stopped_keeper(Host& host, runtime::Carrier& carrier) UMACH_TSA(no_thread_safety_analysis) {
    ports::Kernel& k = host.kernel();
    if (!host.keeper() || !host.keeper_is_alive() || !is_on_stopped_process(k, host.keeper())) return;
    if (!may_stand_in(k, carrier)) return;
    runtime::LockWord& word = k.header().stand_in;
    const bool named = word.try_take(carrier.name());
    for (std::uint32_t process = 1; process < k.zone(ports::zone_processes).fresh(); ++process)
        if (process != host.process()) bury_if_gone(k, carrier, process);
    end_dead_carriers(k, carrier, 0);
    finish_what_the_dead_began(k, carrier);
    if (named) word.release();
}

}  // namespace umach::tasks
