// SPDX-License-Identifier: BSL-1.0
// Any number of fibers on one OS thread, which is one of them (`main`). It knows nothing of what they wait
// for.
//
//              yield, hand_off                          function returns, or is unwound
//   spawn --> ready <--> running --------------------------------------------------> gone
//               ^           | switch_away, park_until
//               +-- parked <+
//     make_ready, hand_off, expire
//
// A fiber that stops running switches straight to the next. If none is ready it calls the owner's `idle`, on
// its own stack. Everything here is called by the one OS thread, never by a signal's handler, and fibers
// never move.
#pragma once

#include "tasks/fiber/stack.hpp"

#include "runtime/clock.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace umach::tasks {

class Fiber;  // gone when its function has ended: then the owner must have forgotten it
class ReadyQueue;
class Timers;

// What is thrown through a fiber that is to end, out of the call in which it waits or is about to. Whoever
// catches it with `catch (...)` must throw it on.
class FiberEnds {};

enum class Woken {
    ready,      // by make_ready or hand_off
    timed_out,  // by expire
    ending,     // did not wait: the fiber is being ended, and its stack unwound at this moment
};

// The owner of a scheduler. Its functions run on the stack of the fiber that stops running; they must not
// throw, switch, spawn or end a fiber.
class FiberOwner {
public:
    // No fiber is ready: waits until one may be, and makes it ready (or calls expire). It is called again
    // until one is.
    virtual void idle() noexcept = 0;
    // Fibers have been running without a pause for `look_every` turns: makes ready who should be, without
    // waiting.
    virtual void look() noexcept {}
    // `to` runs next, in place of `from` (which may be over).
    virtual void on_switch(Fiber& /*from*/, Fiber& /*to*/) noexcept {}

protected:
    ~FiberOwner() = default;
};

class Scheduler {
public:
    // The calling OS thread becomes the fiber `main`, which runs.
    explicit Scheduler(FiberOwner& owner, Guard best = Guard::light,
                       std::size_t most_ordinary = ordinary_guards);
    // Ends all fibers and lets them unwind. Called by `main`; by a fiber only when the process exits: that
    // one and `main` are left as they are.
    ~Scheduler();
    Scheduler(const Scheduler&) = delete;
    Scheduler& operator=(const Scheduler&) = delete;

    // A new fiber that is ready, the last. An exception that leaves `run` ends the process.
    // takes: `run`; destroyed on the fiber's stack after it has returned
    // returns: nullptr when there is no memory for it
    Fiber* spawn(std::function<void()> run, void* owned = nullptr);

    // Each returns when the fiber's turn has come again, or throws FiberEnds if it is to end.
    Woken switch_away() { return park_until(runtime::Deadline::never()); }
    Woken park_until(runtime::Deadline deadline);
    // The last of the ready ones.
    void yield();
    // `fiber`, ready or parked, runs at once; the caller is the first of the ready ones.
    // limits: after ReadyQueue::most_jumps (64) turns out of order the longest ready has its turn before.
    void hand_off(Fiber& fiber);

    // A parked fiber is ready: the last, or the first; one that is not parked stays as it is (nothing is
    // noted).
    void make_ready(Fiber& fiber) noexcept;
    void make_next(Fiber& fiber) noexcept;

    // The fiber, not `main`, is to be unwound: FiberEnds is thrown when its turn comes, or when the caller,
    // if it means itself, next waits. Swallowed, it is thrown again; at the 64th time the process ends with a
    // message. In a destructor during the unwinding, waits return Woken::ending at once.
    // returns: false when it had never run, and is gone; its `run` was destroyed here
    bool end(Fiber& fiber);

    // Unwinds the running fiber, not `main`, as `end` does; swallowed, this counts as well.
    [[noreturn]] void unwind_current();

    // In a forked child: all fibers but the caller are forgotten as they stand, not unwound, as fork forgets
    // other OS threads. `main`, if it is not the caller, counts as parked.
    void forget_others() noexcept;

    runtime::Deadline earliest_deadline() const noexcept;
    // Makes ready, in the order of their deadlines, whoever's has passed.
    // returns: how many
    std::size_t expire(runtime::Instant now) noexcept;

    // From now on which ready fiber runs next is decided by chance: by the same chance for the same seed, so
    // that a program which is told nothing else from outside does the same again. hand_off stays exact. 0: in
    // order again.
    void seed(std::uint64_t seed);

    Fiber& current() const noexcept { return *current_; }
    Fiber& main() const noexcept { return *main_; }
    std::size_t fibers() const noexcept { return all_.size(); }  // without `main`
    std::uint64_t switches() const noexcept { return switches_; }
    // A hash of who ran after whom, from the last call of `seed` on, by the order of spawning.
    std::uint64_t history() const noexcept { return history_; }
    StackPool& stacks() noexcept { return stacks_; }

    static void*& owned(Fiber& fiber) noexcept;  // `main`'s is nullptr at first
    // What the fibers own that own something, `main` not among them.
    std::vector<void*> all_owned() const;
    static Guard guard(const Fiber& fiber) noexcept;

    static constexpr unsigned look_every = 64;

private:
    struct Exceptions;

    static void begin(void* scheduler) noexcept;
    void run_fiber() noexcept;
    void run_next() noexcept;
    Fiber& pick() noexcept;
    void switch_to(Fiber& to) noexcept;
    void change_to(Fiber& to) noexcept;
    void bury() noexcept;
    bool refuses_to_wait();
    bool take_from_parked(Fiber& fiber, bool timed_out) noexcept;
    void reserve();
    void remove(Fiber& fiber) noexcept;
    void destroy(Fiber& fiber) noexcept;

    FiberOwner& owner_;
    StackPool stacks_;
    std::unique_ptr<ReadyQueue> ready_;
    std::unique_ptr<Timers> timers_;
    std::unique_ptr<Fiber> main_;
    std::vector<Fiber*> all_;  // but main
    Fiber* current_;
    Fiber* over_ = nullptr;   // was left for good in the last switch; its stack is still to be given back
    Exceptions* exceptions_;  // of the OS thread
    std::uint64_t switches_ = 0;
    std::uint64_t history_ = 0;
    std::uint64_t serials_ = 0;
    unsigned turns_ = 0;
};

}  // namespace umach::tasks
