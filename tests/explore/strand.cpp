// SPDX-License-Identifier: BSL-1.0
#include "tests/explore/strand.hpp"

#include <cxxabi.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

namespace umach::explore {

using boost::context::detail::fcontext_t;
using boost::context::detail::jump_fcontext;

namespace {

fcontext_t resumer = nullptr;

}  // namespace

robust_list_head& robust_list_of_thread() {
    static robust_list_head* const list = [] {
        robust_list_head* own = nullptr;
        std::size_t length = 0;
        if (syscall(SYS_get_robust_list, 0, &own, &length) != 0) std::abort();
        return own;
    }();
    return *list;
}

Strand::Strand(std::byte* stack, std::function<void()> body)
    : body_(std::move(body)), context_(boost::context::detail::make_fcontext(stack + stack_bytes, stack_bytes, begin)) {}

Strand::Exceptions& Strand::exceptions_now() { return *reinterpret_cast<Exceptions*>(abi::__cxa_get_globals()); }

void Strand::begin(boost::context::detail::transfer_t from) {
    resumer = from.fctx;
    static_cast<Strand*>(from.data)->body_();
    leave();
}

void Strand::resume() {
    robust_list_head& list = robust_list_of_thread();
    const Exceptions others = std::exchange(exceptions_now(), exceptions_);
    robust_list* const others_pending = std::exchange(list.list_op_pending, pending_);
    context_ = jump_fcontext(context_, this).fctx;
    pending_ = std::exchange(list.list_op_pending, others_pending);
    exceptions_ = std::exchange(exceptions_now(), others);
}

void Strand::leave() { resumer = jump_fcontext(resumer, nullptr).fctx; }

const volatile std::uint32_t* mark_as_dead() {
    robust_list_head& list = robust_list_of_thread();
    robust_list* const pending = std::exchange(list.list_op_pending, nullptr);
    if (pending == nullptr) return nullptr;
    auto* const word = reinterpret_cast<std::uint32_t*>(reinterpret_cast<char*>(pending) + list.futex_offset);
    const std::uint32_t before = *word, owner = before & FUTEX_TID_MASK;
    if (owner == 0) return word;   // whatever its other bits: it was let go, and the wake may not have been made
    if (owner != static_cast<std::uint32_t>(syscall(SYS_gettid))) return nullptr;
    *word = (before & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
    return (before & FUTEX_WAITERS) != 0 ? word : nullptr;
}

}  // namespace umach::explore
