// SPDX-License-Identifier: BSL-1.0
// PortName: a name in this task's space, without a reference of its own.
//
// Whoever only sends to a port, copies a right to it into a message or registers it needs a name, no right.
// A name is borrowed: it means the port as long as some right in this task does. A forked child is a new task
// with a space of its own, where the parent's numbers mean nothing or something else: every name and right
// that was made before the fork reads PORT_NULL there and releases nothing. (A child made with vfork or
// _Fork is not seen; it may only exec.)
#pragma once

#include <atomic>
#include <cstdint>

#include <pthread.h>

#include <mach/port.h>

namespace umach {

namespace detail {

/// Counts the forks between the first process and this one.
inline std::atomic<std::uint32_t> forks{0};

/// At load, not at the first use: a fork in the middle of that would leave the child waiting for it for ever.
inline const int forks_are_watched =
    pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1, std::memory_order_relaxed); });

inline std::uint32_t current_task() noexcept {
    return forks.load(std::memory_order_relaxed);
}

}  // namespace detail

class PortName {
public:
    PortName() = default;
    explicit PortName(port_t name) noexcept
        : name_(name == PORT_DEAD ? PORT_NULL : name), task_(detail::current_task()) {}

    /// returns: the name as the C calls take it; PORT_NULL when empty, or made by another task.
    [[nodiscard]] port_t get() const noexcept {
        return name_ != PORT_NULL && task_ == detail::current_task() ? name_ : PORT_NULL;
    }
    explicit operator bool() const noexcept { return get() != PORT_NULL; }
    friend bool operator==(PortName a, PortName b) noexcept { return a.get() == b.get(); }

private:
    port_t name_ = PORT_NULL;
    std::uint32_t task_ = 0;
};

}  // namespace umach
