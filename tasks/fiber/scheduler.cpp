// SPDX-License-Identifier: BSL-1.0
#include "tasks/fiber/scheduler.hpp"

#include "runtime/bug.hpp"
#include "tasks/fiber/fiber.hpp"
#include "tasks/fiber/ready.hpp"
#include "tasks/fiber/timers.hpp"

#include <cxxabi.h>
#include <bit>
#include <cerrno>
#include <exception>
#include <new>
#include <utility>

namespace umach::tasks {

// What the C++ ABI says of an OS thread's __cxa_eh_globals: the exceptions that are being handled, and how
// many are under way.
struct Scheduler::Exceptions {
    void* caught = nullptr;
    unsigned int uncaught = 0;
};

namespace {

constexpr std::uint32_t most_swallowed = 64;

}  // namespace

Scheduler::Scheduler(FiberOwner& owner, Guard best, std::size_t most_ordinary)
    : owner_(owner),
      stacks_(best, most_ordinary),
      ready_(std::make_unique<ReadyQueue>()),
      timers_(std::make_unique<Timers>()),
      main_(std::make_unique<Fiber>()),
      current_(main_.get()),
      exceptions_(reinterpret_cast<Exceptions*>(abi::__cxa_get_globals())) {
    main_->state = FiberState::running;
    main_->begun = true;
    reserve();
}

Scheduler::~Scheduler() {
    const bool exits = current_ != main_.get();
    if (exits) {
        stacks_.abandon();
        main_->context.look_here_for_leaks();
        current_->ending = false;
    }
    while (all_.size() > (exits ? 1u : 0u)) {
        for (std::size_t i = all_.size(); i-- > 0;)
            if (all_[i] != current_) end(*all_[i]);
        yield();
    }
}

void Scheduler::reserve() {
    const std::size_t wanted = all_.size() + 2;
    if (all_.capacity() < wanted) all_.reserve(2 * wanted);
    ready_->reserve(wanted);
    timers_->reserve(wanted);
}

Fiber* Scheduler::spawn(std::function<void()> run, void* owned) try {
    reserve();
    const auto stack = stacks_.take();
    if (!stack) return nullptr;
    Fiber* fiber = Fiber::make(*stack, begin, this);
    fiber->run = std::move(run);
    fiber->owned = owned;
    fiber->serial = ++serials_;
    fiber->number = all_.size();
    all_.push_back(fiber);
    ready_->push_last(*fiber);
    return fiber;
} catch (const std::bad_alloc&) {
    return nullptr;
}

// ---- the life of a fiber ------------------------------------------------------------------------------

void Scheduler::begin(void* scheduler) noexcept {
    static_cast<Scheduler*>(scheduler)->run_fiber();
}

void Scheduler::run_fiber() noexcept {
    *exceptions_ = {};
    errno = 0;
    bury();
    Fiber& self = *current_;
    try {
        self.run();
    } catch (const FiberEnds&) {
    } catch (...) {
        std::terminate();  // here, and not by noexcept, it still knows which exception it was
    }
    self.over = true;
    self.run = nullptr;
    remove(self);
    change_to(pick());
    over_ = &self;
    self.context.leave_for(current_->context);
}

void Scheduler::bury() noexcept {
    if (Fiber* fiber = std::exchange(over_, nullptr)) destroy(*fiber);
}

void Scheduler::remove(Fiber& fiber) noexcept {
    all_[fiber.number] = all_.back();
    all_[fiber.number]->number = fiber.number;
    all_.pop_back();
}

void Scheduler::destroy(Fiber& fiber) noexcept {
    const Stack stack = fiber.stack;
    fiber.context.forget();
    fiber.~Fiber();
    stacks_.give(stack);
}

bool Scheduler::end(Fiber& fiber) {
    if (!fiber.begun) {
        ready_->remove(fiber);
        remove(fiber);
        destroy(fiber);
        return false;
    }
    fiber.ending = true;
    make_ready(fiber);
    return true;
}

void Scheduler::forget_others() noexcept {
    ready_->clear();
    timers_->clear();
    stacks_.abandon();
    all_.clear();
    if (current_ == main_.get()) return;
    main_->state = FiberState::parked;
    main_->timer = 0;
    current_->number = 0;
    all_.push_back(current_);  // reserve() has made room for it
}

bool Scheduler::refuses_to_wait() {
    Fiber& self = *current_;
    if (!self.ending) [[likely]]
        return false;
    if (self.over || std::uncaught_exceptions() > 0) return true;
    unwind_current();
}

void Scheduler::unwind_current() {
    if (++current_->swallowed > most_swallowed)
        runtime::bug(__FILE__, __LINE__, "a fiber that is to end does not: its catch (...) must throw on");
    throw FiberEnds{};
}

// ---- whose turn it is ---------------------------------------------------------------------------------

Woken Scheduler::park_until(runtime::Deadline deadline) {
    if (refuses_to_wait()) return Woken::ending;
    Fiber& self = *current_;
    self.state = FiberState::parked;
    if (!deadline.is_never()) timers_->add(self, deadline.instant());
    run_next();
    if (refuses_to_wait()) return Woken::ending;
    return self.timed_out ? Woken::timed_out : Woken::ready;
}

void Scheduler::yield() {
    if (refuses_to_wait()) return;
    current_->state = FiberState::ready;
    ready_->push_last(*current_);
    run_next();
    refuses_to_wait();
}

void Scheduler::hand_off(Fiber& fiber) {
    if (&fiber == current_ || refuses_to_wait()) return;
    if (!take_from_parked(fiber, false)) ready_->remove(fiber);
    current_->state = FiberState::ready;
    ready_->push_first(*current_);
    if (ready_->may_jump()) {
        switch_to(fiber);
    } else {
        ready_->push_first(fiber);
        run_next();
    }
    refuses_to_wait();
}

bool Scheduler::take_from_parked(Fiber& fiber, bool timed_out) noexcept {
    if (fiber.state != FiberState::parked) return false;
    timers_->remove(fiber);
    fiber.timed_out = timed_out;
    fiber.state = FiberState::ready;
    return true;
}

void Scheduler::make_ready(Fiber& fiber) noexcept {
    if (take_from_parked(fiber, false)) ready_->push_last(fiber);
}

void Scheduler::make_next(Fiber& fiber) noexcept {
    if (take_from_parked(fiber, false)) ready_->push_first(fiber);
}

std::size_t Scheduler::expire(runtime::Instant now) noexcept {
    std::size_t count = 0;
    for (; Fiber* fiber = timers_->pop(now); ++count)
        if (take_from_parked(*fiber, true)) ready_->push_last(*fiber);
    return count;
}

runtime::Deadline Scheduler::earliest_deadline() const noexcept {
    return timers_->earliest();
}

void Scheduler::seed(std::uint64_t seed) {
    ready_->seed(seed, all_.capacity());
    history_ = 0;
}

Fiber& Scheduler::pick() noexcept {
    if (++turns_ % look_every == 0) owner_.look();
    for (;;) {
        if (Fiber* fiber = ready_->pick()) return *fiber;
        owner_.idle();
    }
}

// ---- the switch ---------------------------------------------------------------------------------------

void Scheduler::run_next() noexcept {
    Fiber& next = pick();
    if (&next == current_)
        next.state = FiberState::running;
    else
        switch_to(next);
}

void Scheduler::switch_to(Fiber& to) noexcept {
    Fiber& self = *current_;
    const Exceptions exceptions = *exceptions_;
    const int error = errno;
    change_to(to);
    self.context.switch_to(to.context);
    *exceptions_ = exceptions;
    errno = error;
    bury();
}

void Scheduler::change_to(Fiber& to) noexcept {
    check(current_->stack);
    ++switches_;
    history_ = (std::rotl(history_, 5) ^ (to.serial + 1)) * 0x9e37'79b9'7f4a'7c15u;
    owner_.on_switch(*current_, to);
    to.state = FiberState::running;
    to.begun = true;
    current_ = &to;
}

void*& Scheduler::owned(Fiber& fiber) noexcept {
    return fiber.owned;
}

std::vector<void*> Scheduler::all_owned() const {
    std::vector<void*> found;
    for (Fiber* fiber : all_)
        if (fiber->owned != nullptr) found.push_back(fiber->owned);
    return found;
}

Guard Scheduler::guard(const Fiber& fiber) noexcept {
    return fiber.stack.guard;
}

}  // namespace umach::tasks
