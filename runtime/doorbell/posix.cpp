// SPDX-License-Identifier: BSL-1.0
// Doorbells by POSIX semaphore. The count is a wake that may already have been taken notice of: the word
// decides.
#include <cerrno>

#include <semaphore.h>

#include "runtime/bug.hpp"
#include "runtime/doorbell/mechanism.hpp"

namespace umach::runtime {

static_assert(sizeof(sem_t) <= sizeof(DoorbellRecord::semaphore));
static_assert(alignof(sem_t) <= alignof(DoorbellRecord));

namespace {

sem_t* semaphore_of(DoorbellRecord& bell) noexcept { return reinterpret_cast<sem_t*>(bell.semaphore); }

class PosixMechanism final : public DoorbellMechanism {
public:
    void prepare(DoorbellRecord& bell, std::uint32_t) noexcept override {
        UMACH_ASSERT(sem_init(semaphore_of(bell), 1, 0) == 0);
    }

    // A count at its limit has woken whoever it could: EOVERFLOW is no loss.
    void wake(DoorbellRecord& bell, std::uint32_t) noexcept override { sem_post(semaphore_of(bell)); }

    WaitEnd sleep(DoorbellRecord& bell, std::uint32_t, Deadline deadline) noexcept override {
        const timespec until = deadline.absolute();
        if (sem_clockwait(semaphore_of(bell), CLOCK_MONOTONIC, &until) == 0) return WaitEnd::rung;
        if (errno == ETIMEDOUT) return WaitEnd::deadline;
        UMACH_ASSERT(errno == EINTR);
        return WaitEnd::interrupted;
    }

    void forget_wakes(DoorbellRecord& bell, std::uint32_t) noexcept override {
        while (sem_trywait(semaphore_of(bell)) == 0) {
        }
    }
};

}  // namespace

std::unique_ptr<DoorbellMechanism> posix_mechanism() { return std::make_unique<PosixMechanism>(); }

}  // namespace umach::runtime
