// SPDX-License-Identifier: BSL-1.0
// Inside runtime/transport: the two halves of a sliding window, as arithmetic: no socket, and time is given.
// The sender numbers frames and keeps each until it is acknowledged; the receiver puts them in order. A
// window of one is stop-and-wait.
#pragma once

#include <deque>
#include <map>
#include <optional>

#include "runtime/clock.hpp"
#include "runtime/transport/frame.hpp"

namespace umach::transport {

inline constexpr unsigned window_most = 32;

class SendWindow {
public:
    struct Slot {
        FrameKind kind;
        std::uint64_t sequence;
        Bytes body;
        runtime::Instant sent;
        unsigned times;  // sent so often
        bool arrived;    // acknowledged before an older one
    };

    // `longest`: how long at most an answer is waited for, before a frame is sent again
    SendWindow(unsigned window, std::chrono::nanoseconds longest);

    bool full() const { return slots_.size() >= window_; }
    bool empty() const { return slots_.empty(); }

    // Numbers a frame, which is being sent now. Only when not full.
    const Slot& add(FrameKind kind, Bytes body, runtime::Instant now);

    // The peer has every frame before `acknowledged`, and those `selected`.
    // returns: false when it cannot have: nothing is changed
    bool acknowledge(std::uint64_t acknowledged, std::uint32_t selected, runtime::Instant now);

    // Takes the next frame that is to be sent again: no answer came in time, or three later ones have
    // arrived. returns: null when none is; the slot counts as sent now
    const Slot* take_due(runtime::Instant now);

    // returns: when the next frame is due, if nothing arrives
    runtime::Deadline due() const;

    std::chrono::nanoseconds round_trip() const { return smooth_; }

private:
    void measure(std::chrono::nanoseconds sample);
    std::chrono::nanoseconds patience(const Slot& slot) const;
    bool overtaken(std::size_t index) const;

    unsigned window_;
    std::chrono::nanoseconds longest_;
    std::uint64_t next_ = 0;
    std::deque<Slot> slots_;
    std::chrono::nanoseconds smooth_{0}, spread_{0};
};

class ReceiveWindow {
public:
    struct Frame {
        FrameKind kind;
        Bytes body;
    };

    // returns: false for a frame that has come before, or is further ahead than any window
    bool add(std::uint64_t sequence, FrameKind kind, View body);

    // returns: the next frame in order, if it has come
    std::optional<Frame> take();

    std::uint64_t acknowledged() const { return contiguous_; }
    std::uint32_t selected() const;

private:
    std::uint64_t next_ = 0;        // to be taken
    std::uint64_t contiguous_ = 0;  // the first that has not come
    std::map<std::uint64_t, Frame> frames_;
};

}  // namespace umach::transport
