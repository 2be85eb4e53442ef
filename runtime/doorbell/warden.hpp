// SPDX-License-Identifier: BSL-1.0
// Inside runtime/doorbell: the warden of a System V semaphore set. The kernel never frees a set by itself,
// and members may all be killed in the same instant; so a process that does nothing else makes the set, waits
// until the last holder of the lifeline (the writing end of a pipe) has gone, removes the set and ends.
//
// Nothing stays behind, whoever is killed: the maker at any point (the warden sees the pipe's end), or the
// warden before it has reported (the maker removes the set by its key, which it chose itself, at random). A
// warden killed later leaves it to `Doorbells::remove`; only warden and all members killed together leave a
// set.
#pragma once

#include <sys/types.h>

#include "runtime/descriptor.hpp"

namespace umach::runtime {

struct WardedSet {
    int id;
    pid_t warden;
    Descriptor lifeline;
};

Outcome<WardedSet> start_warden(std::uint32_t slots);

}  // namespace umach::runtime
