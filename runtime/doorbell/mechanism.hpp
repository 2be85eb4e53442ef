// SPDX-License-Identifier: BSL-1.0
// Inside runtime/doorbell: what a mechanism does. The bell's word is set, read and cleared in doorbell.cpp,
// for all; a mechanism only makes a sleeper look at it again.
#pragma once

#include <memory>

#include "runtime/doorbell/doorbell.hpp"

namespace umach::runtime {

class DoorbellMechanism {
public:
    DoorbellMechanism() = default;
    DoorbellMechanism(const DoorbellMechanism&) = delete;
    DoorbellMechanism& operator=(const DoorbellMechanism&) = delete;
    virtual ~DoorbellMechanism() = default;

    virtual void prepare(DoorbellRecord&, std::uint32_t) noexcept {}

    // Wakes the sleeper, or lets the next sleep return at once.
    virtual void wake(DoorbellRecord& bell, std::uint32_t slot) noexcept = 0;

    // Sleeps, unless the word is rung. returns: `rung` for "look at the word", at times for no reason.
    virtual WaitEnd sleep(DoorbellRecord& bell, std::uint32_t slot, Deadline deadline) noexcept = 0;

    // Forgets wakes that came while nobody slept. By the bell's own carrier, after the word was cleared.
    virtual void forget_wakes(DoorbellRecord&, std::uint32_t) noexcept {}

    virtual void remove() noexcept {}
    virtual int sysv_id() const noexcept { return -1; }
    virtual int lifeline() const noexcept { return -1; }
};

using MechanismOutcome = Outcome<std::unique_ptr<DoorbellMechanism>>;

std::unique_ptr<DoorbellMechanism> futex_mechanism();
std::unique_ptr<DoorbellMechanism> posix_mechanism();
MechanismOutcome create_sysv_mechanism(std::uint32_t slots);
MechanismOutcome attach_sysv_mechanism(int id, Descriptor lifeline);

}  // namespace umach::runtime
