// SPDX-License-Identifier: BSL-1.0
// PieceSender: sends a document's messages into the job's mailbox, which holds eight, by one of the four
// policies, and keeps count of what really happened when it was full.
#pragma once

#include <chrono>
#include <string>

#include <umach/umach.hpp>

#include "protocol.hpp"

namespace spool {

enum class Policy { wait, wait_for, never_wait, notify };

inline constexpr Policy all_policies[] = {Policy::wait, Policy::wait_for, Policy::never_wait, Policy::notify};

const char* name_of(Policy policy);

/// What a client saw of its policy.
struct Seen {
    int full = 0;         ///< sends that met a full mailbox
    int timed_out = 0;    ///< of these: SEND_TIMED_OUT, and nothing was taken
    int kept = 0;         ///< of these: SEND_WILL_NOTIFY, the kernel kept the message beside the queue
    int in_progress = 0;  ///< of these: SEND_NOTIFY_IN_PROGRESS, one is kept already
    int accepted = 0;     ///< NOTIFY_MSG_ACCEPTED that came
    std::chrono::microseconds longest{0};  ///< that one send waited

    /// returns: how often the mailbox was full and the policy did what it is for.
    [[nodiscard]] int proof(Policy policy) const;
    [[nodiscard]] std::string in_words(Policy policy) const;
};

class PieceSender {
public:
    explicit PieceSender(Policy policy) : policy_(policy) {}

    /// Sends, however often that has to be tried. waits: as the policy says.
    /// returns: false when the job is gone.
    bool send(umach::PortName job, umach::MessageWriter& message);
    /// Waits until nothing is kept. returns: false when the job is gone.
    bool settle(umach::PortName job);

    [[nodiscard]] const Seen& seen() const noexcept { return seen_; }

private:
    umach::Result<umach::Sent> attempt(umach::PortName job, umach::MessageWriter& message);
    bool may_try_again(umach::PortName job, int code);

    Policy policy_;
    Seen seen_;
};

}  // namespace spool
