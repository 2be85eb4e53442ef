// SPDX-License-Identifier: BSL-1.0
// How a carrier looks for its ring before it sleeps.
#pragma once

#include "runtime/clock.hpp"
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
// for a while: who sleeps is woken in front of such a one, who has yielded stands behind it. But not in a crowd of
// carriers that look, where it may have been the one who answers them all.
class Spin {
public:
    // others: how many carriers of the host look just now; asked seldom
    template <class Rung, class Others>
    bool until(Rung rung, Others others) {
        if (longest_ == 0) return rung();
        if (looks_first() && look(rung, others, shortest)) return yields_pay_ = 0, true;
        if (!makes_way_) makes_way_ = may_yield_again();
        for (int i = 0; i < 2; ++i)
            if (yield(rung, others)) return true;
        yields_pay_ = 0;
        if (!several_cores() || budget_ == 0 || !look(rung, others, budget_)) return false;
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
    bool looks_first() const { return yields_pay_ % 64 == 0; }

    template <class Rung, class Others>
    bool yield(Rung rung, Others others) {
        if (!makes_way_) return rung();
        const runtime::Instant begun = runtime::MonotonicClock::now();
        sched_yield();
        const runtime::Instant back = runtime::MonotonicClock::now();
        const auto cost = back - begun;
        ++cheap_;
        if (cost > dear && others() < a_crowd && sleepers_come_first()) do_without(back, cost);
        if (!rung()) return false;
        yields_pay_ = cost > of_an_empty_yield ? yields_pay_ + 1 : 0;
        return true;
    }

    // Real-time policies put both, who yields and who is woken, behind all others of the same priority.
    static bool sleepers_come_first() {
        const int policy = sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
        return policy != SCHED_FIFO && policy != SCHED_RR;
    }

    // Beside somebody who computes a yield is dear after a dozen cheap ones at most; then waits go without for twice as
    // long. One dear yield amid many cheap ones was an accident. For so much time, on account of those who wait often;
    // and for so many waits, on account of those who wait seldom.
    void do_without(runtime::Instant now, std::chrono::nanoseconds cost) {
        times_ = cheap_ < many ? std::min(2 * times_, most_times) : least_times;
        cheap_ = 0;
        waits_without_ = 4 * times_;
        again_ = now + times_ * std::min(cost, longest_counted);
        makes_way_ = false;
    }

    bool may_yield_again() {
        if (waits_without_ != 0) --waits_without_;
        return waits_without_ == 0 && runtime::MonotonicClock::now() >= again_;
    }

    template <class Rung, class Others>
    bool look(Rung rung, Others others, unsigned pauses) {
        const runtime::Instant begun = pauses > at_once ? runtime::MonotonicClock::now() : runtime::Instant{};
        for (unsigned i = 0; i < pauses; ++i) {
            if (rung()) return true;
            runtime::cpu_pause();
            if (i % at_once != at_once - 1) continue;
            if (runtime::MonotonicClock::now() - begun > worth_a_look) return false;
            if (yield(rung, others)) return true;   // who is to ring may have been put on this core
        }
        return false;
    }
    static constexpr unsigned shortest = 60;   // one to three microseconds: what a partner on another core takes to answer
    static constexpr unsigned at_once = 256;   // between two looks at the clock: how long a pause is differs by ten
    static constexpr std::chrono::microseconds worth_a_look{60};
    static constexpr std::chrono::nanoseconds of_an_empty_yield{1000};
    static constexpr std::chrono::microseconds dear{700};   // the shortest slice of who computes
    static constexpr unsigned many = 64, least_times = 8, most_times = 64;
    static constexpr unsigned a_crowd = 8;   // who answers so many computes, too, and would have to wake each that sleeps
    static constexpr std::chrono::nanoseconds longest_counted{4'000'000};
    const unsigned longest_ = runtime::longest_spin();
    unsigned budget_ = longest_;
    unsigned in_vain_ = 0;
    unsigned yields_pay_ = 0;      // how often in a row it was rung during a yield
    unsigned cheap_ = many;        // yields since one was dear
    unsigned times_ = 0;           // what that one cost: for so long waits go without
    bool makes_way_ = true;        // if not, waits go without yields: ...
    unsigned waits_without_ = 0;   // ... for so many more at least,
    runtime::Instant again_{};     // and until then
};

}  // namespace umach::ports
