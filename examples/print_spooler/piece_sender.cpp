// SPDX-License-Identifier: BSL-1.0
#include "piece_sender.hpp"

#include <poll.h>

#include <fmt/format.h>

namespace spool {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds patience{20};
constexpr milliseconds other_work{5};
constexpr microseconds waited_for_real{2000};  // more than a send into a mailbox with room takes

// Whoever may not wait at the mailbox has other work; this one's is to let a little time pass.
void do_something_else() {
    poll(nullptr, 0, static_cast<int>(other_work.count()));
}

umach::WhenFull option_of(Policy policy) {
    switch (policy) {
        case Policy::wait: return umach::WhenFull::wait();
        case Policy::wait_for: return umach::WhenFull::wait_for(patience);
        case Policy::never_wait: return umach::WhenFull::never_wait();
        case Policy::notify: break;
    }
    return umach::WhenFull::notify();
}

}  // namespace

const char* name_of(Policy policy) {
    constexpr const char* names[] = {"wait", "time-out", "never-wait", "notify"};
    return names[static_cast<std::size_t>(policy)];
}

int Seen::proof(Policy policy) const {
    switch (policy) {
        case Policy::wait: return full;
        case Policy::wait_for: return longest >= patience ? timed_out : 0;
        case Policy::never_wait: return timed_out;
        case Policy::notify: break;
    }
    return kept == accepted ? kept : 0;
}

std::string Seen::in_words(Policy policy) const {
    switch (policy) {
        case Policy::wait:
            return fmt::format("mailbox full {} times; it waited, {} ms at most", full,
                               longest.count() / 1000);
        case Policy::wait_for:
            return fmt::format(
                "mailbox full {} times; {} SEND_TIMED_OUT after {} ms, nothing taken, sent again", full,
                timed_out, patience.count());
        case Policy::never_wait:
            return fmt::format("mailbox full {} times; {} SEND_TIMED_OUT at once ({} us at most)", full,
                               timed_out, longest.count());
        case Policy::notify: break;
    }
    return fmt::format(
        "mailbox full {} times; {} SEND_WILL_NOTIFY, {} SEND_NOTIFY_IN_PROGRESS, "
        "{} NOTIFY_MSG_ACCEPTED",
        full, kept, in_progress, accepted);
}

umach::Result<umach::Sent> PieceSender::attempt(umach::PortName job, umach::MessageWriter& message) {
    const auto begin = steady_clock::now();
    auto sent = message.send_to(job, option_of(policy_));
    const auto took = std::chrono::duration_cast<microseconds>(steady_clock::now() - begin);
    const bool met_full = !sent || *sent == umach::Sent::kept || took > waited_for_real;
    if (met_full) {
        ++seen_.full;
        seen_.longest = std::max(seen_.longest, took);
    }
    return sent;
}

bool PieceSender::send(umach::PortName job, umach::MessageWriter& message) {
    for (;;) {
        const auto sent = attempt(job, message);
        if (sent) {
            seen_.kept += *sent == umach::Sent::kept ? 1 : 0;
            return true;
        }
        if (!may_try_again(job, sent.error().code())) {
            return false;
        }
    }
}

// The message that was refused is still the sender's, as it was.
bool PieceSender::may_try_again(umach::PortName job, int code) {
    if (code == SEND_TIMED_OUT) {
        ++seen_.timed_out;
        if (policy_ == Policy::never_wait) {
            do_something_else();
        }
        return true;
    }
    if (code == SEND_NOTIFY_IN_PROGRESS) {
        ++seen_.in_progress;
        return settle(job);
    }
    return false;
}

bool PieceSender::settle(umach::PortName job) {
    while (seen_.accepted < seen_.kept) {
        const auto news = umach::receive_notification();
        if (!news) {
            return false;
        }
        if (const auto* accepted = std::get_if<umach::MessageAccepted>(&*news);
            accepted != nullptr && accepted->name == job.get()) {
            ++seen_.accepted;
        } else if (const auto* deleted = std::get_if<umach::PortDeleted>(&*news);
                   deleted != nullptr && deleted->name == job.get()) {
            return false;
        }
    }
    return true;
}

}  // namespace spool
