// SPDX-License-Identifier: BSL-1.0
// A point at which a process is killed, by SIGKILL, exactly there: at its nth store into the host's segment,
// or at its nth instruction.
//
// How stores are found: the segment is mapped read-only, so each store faults; the handler opens the segment,
// lets the processor do this one instruction (the trap flag), and closes it again. What others can see of a
// process changes only there, so the points right before and right after each store are all that there are,
// but for what the operating system knows of it (its robust list, its sleep), which changes between two
// stores at most once. Points at an instruction do not rest on that: from a store on the trap flag stays set,
// and every instruction up to the next store is a point.
#pragma once

#include "runtime/segment/segment.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

namespace umach::torture {

enum class When : std::uint32_t { never, before_store, after_store, after_instruction };

struct KillPoint {
    When when = When::never;
    std::uint64_t store = 0;        // its number, from 1; of an instruction: the one before it, or 0
    std::uint64_t instruction = 0;  // its number after that store, from 1
};
std::string text_of(KillPoint point);

// What the process tells whoever waits for its end; in memory that fork shares, outside the host's segment.
struct Progress {
    std::atomic<std::uint64_t> stores;        // begun
    std::atomic<std::uint64_t> steps;         // of the kernel, committed or taken back
    std::atomic<std::uint64_t> instructions;  // done after the store of a point at an instruction
    std::atomic<int> code;                    // of the call, once it has returned
    std::atomic<std::uint32_t> returned;      // 1: the call has
    std::atomic<std::uint64_t> looks;         // at copies that were made whole
    std::array<char, 400> broken;             // what one was not, or ""
};

// The calling thread comes to the point between these two, and what it passes is counted in `progress`. If a
// next store comes before the instruction of the point, the process is killed right before that store.
// after_store: is called after each, while the thread stands there
void begin_counting(runtime::Segment& segment, KillPoint point, Progress& progress, std::function<void()> after_store = {});
void end_counting();

}  // namespace umach::torture
