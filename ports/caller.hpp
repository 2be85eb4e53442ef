// SPDX-License-Identifier: BSL-1.0
// Who calls in: a thread of control of a task, on an OS thread that is a carrier of the host.
#pragma once

#include "ports/kernel.hpp"

namespace umach::ports {

class Parker;

struct Caller {
    Kernel& k;
    runtime::Carrier& carrier;
    TaskRef task;
    ThreadRef thread;
    Parker* parker = nullptr;   // how it waits (wait.hpp); nullptr: its carrier sleeps at its doorbell

    // Runs a body as one step and pays what it owes.
    template <class Body>
    auto step(Body&& body) {
        auto result = k.step(carrier, std::forward<Body>(body));
        k.settle(carrier);
        return result;
    }
    // The same; throws runtime::HeldUp as Kernel::step does.
    template <class Body>
    auto step_until(runtime::Deadline until, Body&& body) {
        auto result = k.step(carrier, std::forward<Body>(body), until);
        k.settle(carrier);
        return result;
    }
};

}  // namespace umach::ports
