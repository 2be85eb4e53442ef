// SPDX-License-Identifier: BSL-1.0
#include "runtime/transport/window.hpp"

#include <algorithm>

#include "runtime/bug.hpp"

namespace umach::transport {

using namespace std::chrono_literals;
using runtime::Deadline;
using runtime::Instant;

namespace {

constexpr std::chrono::nanoseconds first_guess = 100ms, shortest = 10ms;
constexpr std::size_t overtakers = 3;
// What a receiver holds that its owner has not taken: more is not acknowledged, so a slow owner slows the
// sender.
constexpr std::uint64_t room = 2 * window_most;

}  // namespace

SendWindow::SendWindow(unsigned window, std::chrono::nanoseconds longest)
    : window_(std::clamp(window, 1u, window_most)), longest_(std::max(longest, shortest)) {}

const SendWindow::Slot& SendWindow::add(FrameKind kind, Bytes body, Instant now) {
    UMACH_ASSERT(!full());
    slots_.push_back({kind, next_++, std::move(body), now, 1, false});
    return slots_.back();
}

bool SendWindow::acknowledge(std::uint64_t acknowledged, std::uint32_t selected, Instant now) {
    if (acknowledged > next_) return false;
    while (!slots_.empty() && slots_.front().sequence < acknowledged) {
        const Slot& slot = slots_.front();
        // A frame that was sent twice does not say which of them the answer is to.
        if (slot.times == 1 && !slot.arrived) measure(now - slot.sent);
        slots_.pop_front();
    }
    for (Slot& slot : slots_) {
        const std::uint64_t bit = slot.sequence - acknowledged - 1;
        if (slot.sequence <= acknowledged || bit >= 32 || (selected >> bit & 1) == 0 || slot.arrived)
            continue;
        if (slot.times == 1) measure(now - slot.sent);
        slot.arrived = true;
    }
    return true;
}

void SendWindow::measure(std::chrono::nanoseconds sample) {
    const auto off = sample > smooth_ ? sample - smooth_ : smooth_ - sample;
    spread_ = smooth_ == 0ns ? sample / 2 : (3 * spread_ + off) / 4;
    smooth_ = smooth_ == 0ns ? sample : (7 * smooth_ + sample) / 8;
}

std::chrono::nanoseconds SendWindow::patience(const Slot& slot) const {
    const auto once = smooth_ == 0ns ? first_guess : smooth_ + 4 * spread_;
    return std::clamp(once * (1u << std::min(slot.times - 1, 5u)), shortest, longest_);
}

bool SendWindow::overtaken(std::size_t index) const {
    if (slots_[index].times > 1) return false;
    std::size_t later = 0;
    for (std::size_t i = index + 1; i < slots_.size(); ++i) later += slots_[i].arrived ? 1 : 0;
    return later >= overtakers;
}

const SendWindow::Slot* SendWindow::take_due(Instant now) {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        Slot& slot = slots_[i];
        if (slot.arrived || (now - slot.sent < patience(slot) && !overtaken(i))) continue;
        slot.sent = now;
        ++slot.times;
        return &slot;
    }
    return nullptr;
}

Deadline SendWindow::due() const {
    Deadline first = Deadline::never();
    for (const Slot& slot : slots_)
        if (!slot.arrived) first = Deadline::earlier(first, Deadline::at(slot.sent + patience(slot)));
    return first;
}

bool ReceiveWindow::add(std::uint64_t sequence, FrameKind kind, View body) {
    if (sequence < contiguous_ || sequence >= next_ + room || frames_.contains(sequence)) return false;
    frames_.emplace(sequence, Frame{kind, Bytes(body.begin(), body.end())});
    while (frames_.contains(contiguous_)) ++contiguous_;
    return true;
}

std::optional<ReceiveWindow::Frame> ReceiveWindow::take() {
    const auto first = frames_.find(next_);
    if (first == frames_.end()) return std::nullopt;
    std::optional<Frame> frame(std::move(first->second));
    frames_.erase(first);
    ++next_;
    return frame;
}

std::uint32_t ReceiveWindow::selected() const {
    std::uint32_t bits = 0;
    for (auto at = frames_.upper_bound(contiguous_); at != frames_.end(); ++at)
        if (at->first - contiguous_ - 1 < 32) bits |= 1u << (at->first - contiguous_ - 1);
    return bits;
}

}  // namespace umach::transport
