// SPDX-License-Identifier: BSL-1.0
// Doorbells by futex: the sleeper sleeps on the bell's own word.
#include "runtime/doorbell/mechanism.hpp"

namespace umach::runtime {

namespace {

class FutexMechanism final : public DoorbellMechanism {
public:
    void wake(DoorbellRecord& bell, std::uint32_t) noexcept override { futex_wake(bell.word, 1); }

    WaitEnd sleep(DoorbellRecord& bell, std::uint32_t, Deadline deadline) noexcept override {
        return futex_wait(bell.word, 0, deadline);
    }
};

}  // namespace

std::unique_ptr<DoorbellMechanism> futex_mechanism() { return std::make_unique<FutexMechanism>(); }

}  // namespace umach::runtime
