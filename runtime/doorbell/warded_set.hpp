// SPDX-License-Identifier: BSL-1.0
// Inside runtime/doorbell: a System V semaphore set that its warden makes and removes. A warden killed later
// leaves it to `Doorbells::remove`; only warden and all members killed together leave a set.
#pragma once

#include "runtime/warden.hpp"

namespace umach::runtime {

struct WardedSet {
    int id;
    pid_t warden;
    Descriptor lifeline;
};

Outcome<WardedSet> make_warded_set(std::uint32_t slots);

}  // namespace umach::runtime
