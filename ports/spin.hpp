// SPDX-License-Identifier: BSL-1.0
// How a carrier looks for its ring before it sleeps.
#pragma once

#include "runtime/clock.hpp"
#include "runtime/machine.hpp"
#include "runtime/nap.hpp"
#include "runtime/wait.hpp"

#include <algorithm>
#include <bit>
#include <sched.h>

namespace umach::ports {

bool several_cores();

// Looks for the ring before sleeping, for about as long as a sleep and its wake-up cost. What pays is learned from the
// sleeps: who was rung soon after it fell asleep looks longer the next time, who slept long looks for half as long.
// A partner that shares the core is never seen to ring: after a few looks in vain only some are tried. Yields in
// between let it run; where those pay they come first. Where a yield lets somebody compute for long, waits go without
// for a while: who sleeps is woken in front of such a one, who has yielded stands behind it.
class Spin {
public:
    template <class Rung>
    bool until(runtime::Machine& machine, Rung rung) {
        if (longest_ == 0) return rung();
        machine_ = &machine;
        if (looks_first() && look(rung, shortest)) return yields_pay_ = 0, true;
        if (!makes_way_) makes_way_ = runtime::MonotonicClock::now() >= again_;
        for (int i = 0; i < 2; ++i)
            if (yield(rung)) return true;
        yields_pay_ = 0;
        if (!several_cores() || budget_ == 0 || !look(rung, budget_)) return false;
        budget_ = longest_;
        in_vain_ = 0;
        return true;
    }

    void slept(std::chrono::nanoseconds span) {
        if (span > worth_a_look) {
            budget_ /= 2;
            in_vain_ /= 2;
        } else {
            budget_ = ++in_vain_ < 4 || (in_vain_ >= 64 && std::has_single_bit(in_vain_)) ? longest_ : budget_ / 2;
        }
    }

private:
    // A partner on the same core answers during a yield that lets it run, and never during a look.
    bool looks_first() const { return yields_pay_ % 16 == 0; }

    template <class Rung>
    bool yield(Rung rung) {
        if (!makes_way_) return rung();
        const runtime::Instant begun = runtime::MonotonicClock::now();
        sched_yield();
        const runtime::Instant back = runtime::MonotonicClock::now();
        const auto cost = back - begun;
        if (cost > dear && cost > fair * awake()) do_without(back);
        if (!rung()) return false;
        yields_pay_ = cost > of_an_empty_yield ? yields_pay_ + 1 : 0;
        return true;
    }

    // How many carriers of the host may have had their turns meanwhile.
    unsigned awake() {
        unsigned count = 0;
        for (std::uint32_t slot = 1; slot < machine_->carriers(); ++slot)
            count += machine_->carrier(slot).life.load() != 0 && machine_->carrier(slot).asleep.load() == 0 ? 1 : 0;
        return count;
    }

    // For twice as long if that is what it was the last time, too.
    void do_without(runtime::Instant now) {
        const bool again = now - again_ < 4 * without_;
        without_ = again ? std::min(2 * without_, longest_without) : shortest_without;
        again_ = now + without_;
        makes_way_ = false;
    }

    template <class Rung>
    bool look(Rung rung, unsigned pauses) {
        const runtime::Instant begun = pauses > at_once ? runtime::MonotonicClock::now() : runtime::Instant{};
        for (unsigned i = 0; i < pauses; ++i) {
            if (rung()) return true;
            runtime::cpu_pause();
            if (i % at_once != at_once - 1) continue;
            if (runtime::MonotonicClock::now() - begun > worth_a_look) return false;
            if (yield(rung)) return true;   // who is to ring may have been put on this core
        }
        return false;
    }
    static constexpr unsigned shortest = 30;   // about a microsecond
    static constexpr unsigned at_once = 256;   // between two looks at the clock: how long a pause is differs by ten
    static constexpr std::chrono::microseconds worth_a_look{60};
    static constexpr std::chrono::nanoseconds of_an_empty_yield{1000};
    static constexpr std::chrono::microseconds dear{700}, fair{100};   // of who computes; of one that answers
    static constexpr std::chrono::nanoseconds shortest_without{1'000'000}, longest_without{200'000'000};
    runtime::Machine* machine_ = nullptr;
    const unsigned longest_ = runtime::longest_spin();
    unsigned budget_ = longest_;
    unsigned in_vain_ = 0;
    unsigned yields_pay_ = 0;   // how often in a row it was rung during a yield
    std::chrono::nanoseconds without_ = shortest_without;   // how long waits went, or go, without yields
    runtime::Instant again_{};                              // when they yield again
    bool makes_way_ = true;
};

}  // namespace umach::ports
