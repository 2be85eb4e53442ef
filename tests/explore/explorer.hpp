// SPDX-License-Identifier: BSL-1.0
// Looks at all interleavings of a few parts that share memory, and at all places in which one of them may be killed, within
// bounds. The parts are fibers of one thread: what they run is compiled with -fsanitize=thread, and the functions that the
// compiler calls at each atomic access are the explorer's (hooks.cpp). Before such an access it may go on with another
// part, or end this one for ever.
//
//   An execution is a list of choices (choices.hpp). It deviates where it leaves a part that could go on, or ends one.
//
// Time stands still while anybody can run. Whoever would sleep, yield or nap makes way, and only when all do the earliest
// deadline passes. The memory is as on a machine in which all see the same order; of weaker ones tests/models looks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace umach::explore {

struct Bounds {
    unsigned preemptions = 0;   // of a part that could go on
    unsigned crashes = 0;
    bool everywhere = false;    // at each shared access; otherwise at those by which parts order themselves
    std::uint64_t most = 0;     // executions
    std::uint64_t seed = 1;     // of those that are drawn
};

struct Figures {
    std::uint64_t executions = 0, accesses = 0, crashes = 0;
    std::uint64_t ends = 0;     // that differ
    std::uint64_t drawn = 0;    // of the executions, those at random
    unsigned levels = 0;        // all have been that deviate less often than that
    bool exhausted = false;     // every execution within the bounds has been; otherwise it was cut
    std::string failure;      // what did not hold, and in which execution; "" if all did
};

struct Range {
    std::byte* begin = nullptr;
    std::size_t bytes = 0;
    bool has(const volatile void* address) const {
        const auto offset = static_cast<std::size_t>(static_cast<const volatile std::byte*>(address) - begin);
        return offset < bytes;
    }
};

class Play {
public:
    virtual ~Play() = default;

    virtual Range shared() = 0;                             // memory that every execution begins with as it is now
    // The part of it that is also written by copies, which nobody tells of. It is an error if other memory is.
    virtual Range copied() { return {}; }
    virtual std::vector<std::function<void()>> parts() = 0;
    // That nobody looks at while the part lives. What is done after a death counts as a part behind all others.
    virtual Range own_log(std::size_t part) = 0;
    virtual void has_died(std::size_t part) = 0;
    // Whether a part that sleeps has been given what it waits for.
    virtual bool oversleeps(std::size_t part) = 0;
    // What has to be done after a death, for all who have died by its end, as one more part. It may begin at any time after
    // the death, at the latest when nobody else can run; whoever does it does not die.
    virtual std::function<void()> after_death() = 0;
    // All have ended, or those who have not sleep, and deadlines change nothing.
    // returns: what lets them go on, as one more part; nothing: it is an error that they sleep
    virtual std::function<void()> when_quiet(bool all_ended) = 0;
    // After all have ended; "" if what must hold does. It goes by the shared memory and by what the parts have been told,
    // and by nothing else: of executions that end alike one is judged.
    virtual std::string verdict() = 0;
    virtual std::string told() = 0;
};

Figures explore(Play& play, const Bounds& bounds);

// ---- for hooks.cpp

enum class Access { load, store, change };
extern Range watched;      // what is shared, while something is explored
extern bool loads_count;   // while a part runs
// orders: whether the access is one by which parts order themselves
void before(const volatile void* address, Access access, bool orders);
void make_way(std::int64_t nanoseconds);
int sleep_at(const volatile std::uint32_t* word, std::uint32_t expected, std::int64_t deadline);   // as the futex call
int wake_at(const volatile std::uint32_t* word, int count);
std::int64_t virtual_now();   // nanoseconds

}  // namespace umach::explore
