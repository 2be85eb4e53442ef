// SPDX-License-Identifier: BSL-1.0
// A flow of control that can be left and taken up again: of a fiber, on a stack of its own, or of an OS
// thread. Boost's three functions in assembler are used without its class around them, which jumps into every
// new context once, and so leaves TSan's record of calls crooked.
#pragma once

#include "tasks/fiber/sanitizer.hpp"
#include "tasks/fiber/stack.hpp"

#include <boost/context/detail/fcontext.hpp>

namespace umach::tasks {

class Context {
public:
    // Of the OS thread that calls.
    Context() noexcept : known_(sanitized_os_thread()) {}
    // Starts, when it is first switched to, with `entry(argument)`, which must not return. `top`: of the
    // stack's free part.
    Context(const Stack& stack, std::byte* top, void (*entry)(void*) noexcept, void* argument) noexcept
        : known_(sanitized_fiber(stack.low, stack_bytes)),
          entry_(entry),
          argument_(argument),
          at_(boost::context::detail::make_fcontext(top, static_cast<std::size_t>(top - stack.low), start)) {}
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;

    // Leaves this, which runs, for `to`.
    // returns: when somebody switches back
    [[gnu::always_inline]] void switch_to(Context& to) noexcept { jump(to, false); }

    // Leaves this for good; its stack is free from then on.
    [[noreturn, gnu::always_inline]] void leave_for(Context& to) noexcept {
        jump(to, true);
        __builtin_unreachable();
    }

    // Of a fiber that has been left for good, or never run.
    void forget() noexcept { tasks::forget(known_); }

    // Its stack stays as it is until the process has ended, and what it points to is in use.
    void look_here_for_leaks() const noexcept { tasks::look_here_for_leaks(known_); }

private:
    [[gnu::always_inline]] void jump(Context& to, bool for_good) noexcept {
        to_ = &to;
        leaving(known_, to.known_, for_good);
        land(boost::context::detail::jump_fcontext(to.at_, this));
    }
    [[gnu::always_inline]] static Context& land(boost::context::detail::transfer_t transfer) noexcept {
        Context& from = *static_cast<Context*>(transfer.data);
        arrived(from.known_, from.to_->known_);
        from.at_ = transfer.fctx;
        return *from.to_;
    }
    static void start(boost::context::detail::transfer_t transfer) noexcept {
        const Context& self = land(transfer);
        self.entry_(self.argument_);
    }

    Sanitized known_;
    void (*entry_)(void*) noexcept = nullptr;
    void* argument_ = nullptr;
    Context* to_ = nullptr;  // whom it was last left for
    boost::context::detail::fcontext_t at_ = nullptr;
};

}  // namespace umach::tasks
