// SPDX-License-Identifier: BSL-1.0
// A part's own stack, and what else a thread has that must be each part's own: exceptions in flight, and the robust list
// that the operating system looks at when a thread dies. A strand can be left for ever: nothing on its stack is unwound.
#pragma once

#include <boost/context/detail/fcontext.hpp>
#include <functional>
#include <linux/futex.h>

#include <cstddef>
#include <cstdint>

namespace umach::explore {

class Strand {
public:
    // stack: of stack_bytes, which nobody else uses meanwhile
    Strand(std::byte* stack, std::function<void()> body);

    // Runs it until it leaves.
    void resume();
    // For the strand itself: back to who has resumed it.
    static void leave();

    static constexpr std::size_t stack_bytes = 512 << 10;

private:
    static void begin(boost::context::detail::transfer_t from);

    std::function<void()> body_;
    boost::context::detail::fcontext_t context_;
    struct Exceptions {
        void* caught;
        unsigned uncaught;
    } exceptions_{};
    static Exceptions& exceptions_now();
    robust_list* pending_ = nullptr;
};

// The calling thread's.
robust_list_head& robust_list_of_thread();

// What the operating system does to the word that the robust list points at when its thread dies.
// returns: the word, if who waits there is to be woken
const volatile std::uint32_t* mark_as_dead();

}  // namespace umach::explore
