// SPDX-License-Identifier: BSL-1.0
// WhenFull, WhenEmpty: what a send does at a full mailbox, and a receive at an empty one.
//
// The four policies of a send are wait, wait for a time, never wait, and notify: the kernel keeps the message
// beside the queue, and a MessageAccepted notification tells when it has entered.
#pragma once

#include <algorithm>
#include <chrono>
#include <limits>

#include <mach/message.h>

namespace umach {

namespace detail {

/// limits: the kernel counts in 32-bit milliseconds; a longer time is cut, a negative one is 0.
inline msg_timeout_t to_timeout(std::chrono::milliseconds time) noexcept {
    const auto longest = static_cast<long long>(std::numeric_limits<msg_timeout_t>::max());
    return static_cast<msg_timeout_t>(std::clamp(static_cast<long long>(time.count()), 0LL, longest));
}

}  // namespace detail

class WhenFull {
public:
    static WhenFull wait() noexcept { return WhenFull(MSG_OPTION_NONE, 0); }
    static WhenFull wait_for(std::chrono::milliseconds time) noexcept {
        return WhenFull(SEND_TIMEOUT, detail::to_timeout(time));
    }
    static WhenFull never_wait() noexcept { return WhenFull(SEND_TIMEOUT, 0); }
    static WhenFull notify() noexcept { return WhenFull(SEND_NOTIFY, 0); }
    /// Waits first, then lets the kernel keep the message.
    static WhenFull notify_after(std::chrono::milliseconds time) noexcept {
        return WhenFull(SEND_TIMEOUT | SEND_NOTIFY, detail::to_timeout(time));
    }

    /// The same, and a signal ends the wait with SEND_INTERRUPTED.
    [[nodiscard]] WhenFull interruptible() const noexcept {
        return WhenFull(option_ | SEND_INTERRUPT, timeout_);
    }
    [[nodiscard]] msg_option_t option() const noexcept { return option_; }
    [[nodiscard]] msg_timeout_t timeout() const noexcept { return timeout_; }

private:
    WhenFull(msg_option_t option, msg_timeout_t timeout) noexcept : option_(option), timeout_(timeout) {}

    msg_option_t option_;
    msg_timeout_t timeout_;
};

class WhenEmpty {
public:
    static WhenEmpty wait() noexcept { return WhenEmpty(MSG_OPTION_NONE, 0); }
    static WhenEmpty wait_for(std::chrono::milliseconds time) noexcept {
        return WhenEmpty(RCV_TIMEOUT, detail::to_timeout(time));
    }
    static WhenEmpty never_wait() noexcept { return WhenEmpty(RCV_TIMEOUT, 0); }

    /// The same, and a signal ends the wait with RCV_INTERRUPTED.
    [[nodiscard]] WhenEmpty interruptible() const noexcept {
        return WhenEmpty(option_ | RCV_INTERRUPT, timeout_);
    }
    /// The same, and it ends with RCV_ONLY_SENDER when nobody else can send.
    [[nodiscard]] WhenEmpty while_senders() const noexcept {
        return WhenEmpty(option_ | RCV_NO_SENDERS, timeout_);
    }
    [[nodiscard]] msg_option_t option() const noexcept { return option_; }
    [[nodiscard]] msg_timeout_t timeout() const noexcept { return timeout_; }

private:
    WhenEmpty(msg_option_t option, msg_timeout_t timeout) noexcept : option_(option), timeout_(timeout) {}

    msg_option_t option_;
    msg_timeout_t timeout_;
};

/// What a successful send did: the message is in the queue, or kept beside it (MessageAccepted will follow).
enum class Sent { queued, kept };

}  // namespace umach
