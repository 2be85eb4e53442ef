// SPDX-License-Identifier: BSL-1.0
#include "tasks/burial.hpp"

#include "ports/thread.hpp"
#include "runtime/mend.hpp"

#include <linux/futex.h>

namespace umach::tasks {
namespace {

// Who holds it may be stopped: then what it was at waits for it, and nothing else does.
class Undertaking {
public:
    Undertaking(ports::Kernel& k, runtime::Carrier& by, std::uint64_t process)
        : word_(k.process(static_cast<std::uint32_t>(process)).undertaker), taken_(take(k, by)) {}
    Undertaking(const Undertaking&) = delete;
    Undertaking& operator=(const Undertaking&) = delete;
    ~Undertaking() UMACH_TSA(no_thread_safety_analysis) {
        if (taken_) word_.release();
    }
    explicit operator bool() const { return taken_; }

private:
    bool take(ports::Kernel& k, runtime::Carrier& by) UMACH_TSA(no_thread_safety_analysis) {
        const runtime::CarrierName holder = word_.holder();
        if (holder && runtime::has_ended(k.machine().carrier(holder.slot), holder)) word_.free_from(holder);
        return word_.try_take(by.name());
    }

    runtime::LockWord& word_;
    const bool taken_;
};

void mark_carriers_dead(ports::Kernel& k, std::uint32_t process) {
    for (std::uint32_t slot = 1; slot < k.machine().carriers(); ++slot) {
        runtime::CarrierRecord& record = k.machine().carrier(slot);
        if (record.process.get() == process && record.life.load() != 0)
            record.life.store(FUTEX_OWNER_DIED | FUTEX_WAITERS);
    }
}

bool is_there(ports::Kernel& k, ports::ProcessRef process) {
    const ports::Identity now = k.process(process.index).identity;
    return now.generation == process.generation && now.life != ports::Life::free;
}

}  // namespace

bool bury(ports::Kernel& k, runtime::Carrier& by, ports::ProcessRef process) {
    if (!is_there(k, process)) return true;
    const Undertaking mine(k, by, process.index);
    if (!mine) return false;
    if (!is_there(k, process)) return true;
    mark_carriers_dead(k, process.index);
    ports::end_process(k, by, process.index);
    return true;
}

unsigned end_dead_carriers(ports::Kernel& k, runtime::Carrier& by, std::uint32_t process) {
    unsigned ended = 0;
    for (std::uint32_t slot = 1; slot < k.machine().carriers(); ++slot) {
        const runtime::CarrierRecord& record = k.machine().carrier(slot);
        const std::uint64_t of = record.process.get();
        if (!runtime::is_dead(record) || (process != 0 && of != process)) continue;
        const Undertaking mine(k, by, of);
        if (!mine || !runtime::is_dead(record) || record.process.get() != of) continue;
        ports::end_carrier(k, by, slot);
        ++ended;
    }
    return ended;
}

bool finish_what_the_dead_began(ports::Kernel& k, runtime::Carrier& by) {
    const Undertaking mine(k, by, 0);
    return mine && ports::finish_terminations(k, by);
}

}  // namespace umach::tasks
