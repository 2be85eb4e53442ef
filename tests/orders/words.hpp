// SPDX-License-Identifier: BSL-1.0
// Inside tests/orders: the words of checked code, each with its history in the execution under way.
#pragma once

// Without <relacy/relacy.hpp>, which gives new, free, errno and the names of pthread.h and semaphore.h other meanings.
#include <relacy/base.hpp>
#include <relacy/context.hpp>
#include <relacy/context_base_impl.hpp>
#include <relacy/backoff.hpp>
#include <relacy/atomic_fence.hpp>
#include <relacy/atomic.hpp>
#include <relacy/var.hpp>
#include <relacy/thread_local.hpp>
#include <relacy/test_suite.hpp>
#include <relacy/dyn_thread.hpp>
#include <relacy/stdlib/mutex.hpp>
#include <relacy/stdlib/condition_variable.hpp>
#include <relacy/stdlib/semaphore.hpp>
#include <relacy/stdlib/event.hpp>

namespace umach::orders {

inline void fence_of_relacy(rl::memory_order order, rl::debug_info_param at) { rl::atomic_thread_fence(order, at); }

}  // namespace umach::orders

#include "tests/orders/search.hpp"

#include <deque>

namespace umach::orders {

struct Word {
    std::uint64_t value = 0;
    Word() = default;
    Word(std::uint64_t v) : value(v) {}
    bool operator==(const Word&) const = default;
    Word operator+(Word other) const { return value + other.value; }
    Word operator-(Word other) const { return value - other.value; }
    Word operator|(Word other) const { return value | other.value; }
    Word operator&(Word other) const { return value & other.value; }
};
inline std::ostream& operator<<(std::ostream& out, const Word& word) { return out << word.value; }

using Tracked = rl::generic_atomic<Word, false>;

struct Kept {
    std::uint64_t outside = 0;         // its value outside executions, and at the beginning of each
    std::optional<Tracked> tracked{};  // in the execution under way
};

struct Tables {
    std::deque<Kept> words{1};
    std::vector<History> touched{};   // those that executions access
    bool incomplete = false;          // an execution accesses others as well
    std::deque<std::optional<rl::var<int>>> plain{};
};
extern Tables tables;

extern bool executes;                // an execution is under way
extern const Weakening* weakening;   // of the search
extern std::uint64_t weakened;       // accesses, in the search

// What relacy keeps of this thread. For a thread of so many in all.
struct Seen {
    rl::timestamp_t* order;           // of other threads' accesses: those that happened before
    rl::timestamp_t* behind_a_fence;  // those that an acquire fence would add
    int threads;
};
template <int threads>
Seen seen_by_this_thread() {
    auto& self = static_cast<rl::thread_info<threads>&>(*rl::ctx().threadx_);
    return {self.acq_rel_order_, self.acquire_fence_order_, threads};
}
extern Seen (*seen)();

// For the beginning of an execution, its end, and the end of one that failed: relacy has given up its own part then.
void begin_histories();
void end_histories();
void drop_histories();

}  // namespace umach::orders
