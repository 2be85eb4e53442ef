// SPDX-License-Identifier: BSL-1.0
// Doorbells by System V semaphore: one set a host, one semaphore a slot.
//
// A wake sets the count to 1 instead of adding to it, so wakes that nobody slept through never pile up. A set
// that has been removed under our feet (ipcrm) is seen by all members alike: they then sleep on the bell's
// word.
#include <cerrno>

#include <sys/ipc.h>
#include <sys/sem.h>
#include <unistd.h>

#include "runtime/bug.hpp"
#include "runtime/doorbell/mechanism.hpp"
#include "runtime/doorbell/warded_set.hpp"

namespace umach::runtime {

namespace {

union Argument {
    int value;
    semid_ds* set;
};

class SysvMechanism final : public DoorbellMechanism {
public:
    SysvMechanism(int id, Descriptor lifeline) noexcept : id_(id), lifeline_(std::move(lifeline)) {}

    void prepare(DoorbellRecord&, std::uint32_t slot) noexcept override { set_count(slot, 0); }

    void wake(DoorbellRecord& bell, std::uint32_t slot) noexcept override {
        if (!set_count(slot, 1)) futex_wake(bell.word, 1);
    }

    WaitEnd sleep(DoorbellRecord& bell, std::uint32_t slot, Deadline deadline) noexcept override {
        sembuf take{static_cast<unsigned short>(slot), -1, 0};
        const timespec left = Deadline::at(Instant(deadline.remaining())).absolute();
        if (semtimedop(id_, &take, 1, &left) == 0) return WaitEnd::rung;
        if (errno == EAGAIN) return WaitEnd::deadline;
        if (errno == EINTR) return WaitEnd::interrupted;
        UMACH_ASSERT(is_gone(errno));
        return futex_wait(bell.word, 0, deadline);
    }

    void remove() noexcept override { semctl(id_, 0, IPC_RMID); }
    int sysv_id() const noexcept override { return id_; }
    int lifeline() const noexcept override { return lifeline_.get(); }

private:
    static bool is_gone(int error) noexcept { return error == EIDRM || error == EINVAL; }

    // returns: false if the set has gone.
    bool set_count(std::uint32_t slot, int count) noexcept {
        Argument argument{};
        argument.value = count;
        if (semctl(id_, static_cast<int>(slot), SETVAL, argument) == 0) return true;
        UMACH_ASSERT(is_gone(errno));
        return false;
    }

    int id_;
    Descriptor lifeline_;
};

}  // namespace

MechanismOutcome create_sysv_mechanism(std::uint32_t slots) {
    auto set = make_warded_set(slots);
    if (!set) return std::move(set).fault();
    return std::unique_ptr<DoorbellMechanism>(
        std::make_unique<SysvMechanism>(set.value().id, std::move(set.value().lifeline)));
}

MechanismOutcome attach_sysv_mechanism(int id, Descriptor lifeline) {
    semid_ds set{};
    Argument argument{};
    argument.set = &set;
    if (semctl(id, 0, IPC_STAT, argument) != 0) return last_fault("IPC_STAT of set " + std::to_string(id));
    if (set.sem_perm.uid != geteuid() || (set.sem_perm.mode & 0777) != 0600) {
        return make_fault(EPERM, "set " + std::to_string(id) + " of another user, or open to others");
    }
    if (!lifeline) return make_fault(EBADF, "set " + std::to_string(id) + " without its lifeline");
    return std::unique_ptr<DoorbellMechanism>(std::make_unique<SysvMechanism>(id, std::move(lifeline)));
}

}  // namespace umach::runtime
