// SPDX-License-Identifier: BSL-1.0
#include "runtime/transport/windowed.hpp"

#include <algorithm>

#include <sys/epoll.h>

namespace umach::transport {

using runtime::Deadline;
using runtime::MonotonicClock;

namespace {

constexpr int datagrams_at_once = 64;
// So many beats, and tries of a frame, in the time of patience that not all of them are lost.
constexpr int beats = 10;
constexpr std::chrono::nanoseconds longest_pause = std::chrono::milliseconds(500);

}  // namespace

Windowed::Windowed(std::unique_ptr<Wire> wire, const Options& options)
    : Transport(options, wire->traits().most - frame_head_bytes),
      wire_(std::move(wire)),
      out_(options.window, std::min(longest_pause, options.patience / beats)) {
    datagram_.resize(wire_->traits().most + 1);
    heard_ = spoke_ = MonotonicClock::now();
    watch(wire_->reads(), EPOLLIN);
    try_send(FrameKind::hello, {});
    attend();
}

Windowed::~Windowed() {
    if (ending_ == Ending::open) try_send(FrameKind::bye, {});
}

Moved Windowed::try_send(FrameKind kind, Parts parts) {
    if (out_.full()) attend();
    if (ending_ != Ending::open) return Moved::gone;
    if (out_.full()) return Moved::later;
    Bytes body;
    for (const View part : parts) body.insert(body.end(), part.begin(), part.end());
    const auto& slot = out_.add(kind, std::move(body), MonotonicClock::now());
    transmit(kind, slot.sequence, slot.body);
    if (kind == FrameKind::data) {
        ++counts_.frames_sent;
        counts_.bytes_sent += slot.body.size();
    }
    set_alarm();
    return ending_ == Ending::open ? Moved::done : Moved::gone;
}

Moved Windowed::try_receive(View& body) {
    if (ending_ == Ending::open) attend();
    while (auto frame = in_.take()) {
        if (frame->kind == FrameKind::bye) return end(Ending::closed, "the peer said goodbye");
        if (frame->kind != FrameKind::data) continue;
        taken_ = std::move(frame->body);
        body = taken_;
        ++counts_.frames_received;
        counts_.bytes_received += body.size();
        return Moved::done;
    }
    return ending_ == Ending::open ? Moved::later : Moved::gone;
}

void Windowed::attend() {
    read_all();
    const auto now = MonotonicClock::now();
    if (alarm_passed()) check_silence();
    while (const auto* slot = out_.take_due(now)) {
        ++counts_.sent_again;
        transmit(slot->kind, slot->sequence, slot->body);
    }
    if (wire_->due().passed()) {
        std::size_t moved = 0;
        wire_->write({}, moved);
    }
    if (answer_owed_ || now - spoke_ >= options_.patience / beats) transmit(FrameKind::acknowledge, 0, {});
    counts_.round_trip = out_.round_trip();
    set_alarm();
}

void Windowed::read_all() {
    for (int i = 0; i < datagrams_at_once; ++i) {
        std::size_t moved = 0;
        const Moved result = wire_->read(datagram_, moved);
        if (result == Moved::done) {
            take(View(datagram_).first(moved));
            continue;
        }
        // Nobody may listen yet where the hello goes; it is repeated, for as long as patience lasts.
        const std::string why = result == Moved::gone ? wire_->refusal() : "";
        if (!why.empty()) end(Ending::broken, why);
        if (result == Moved::gone && established()) end(Ending::lost, "the peer has ended");
        return;
    }
}

void Windowed::take(View datagram) {
    const Decoded frame = decode_frame(datagram, largest());
    const auto now = MonotonicClock::now();
    const bool whole = frame.fault == FrameFault::none && frame.bytes == datagram.size();
    if (!whole || !meet(frame.head) || !out_.acknowledge(frame.head.acknowledged, frame.head.selected, now)) {
        ++counts_.discarded;
        return;
    }
    heard_ = now;
    if (frame.head.kind == FrameKind::acknowledge) return;
    if (!in_.add(frame.head.sequence, frame.head.kind, frame.body)) ++counts_.discarded;
    answer_owed_ = true;
}

void Windowed::transmit(FrameKind kind, std::uint64_t sequence, View body) {
    encoded_.clear();
    encode_frame({kind, 0, incarnation_, sequence, in_.acknowledged(), in_.selected()}, body, encoded_);
    std::size_t moved = 0;
    // What the system does not take now is lost, as on any other part of the way.
    if (wire_->write(encoded_, moved) == Moved::gone && established())
        end(Ending::lost, "the peer has ended");
    spoke_ = MonotonicClock::now();
    answer_owed_ = false;
}

void Windowed::check_silence() {
    if (MonotonicClock::now() - heard_ < options_.patience) return;
    end(Ending::lost, established() ? "the peer is silent" : "the peer did not say hello in time");
}

void Windowed::set_alarm() {
    alarm_at(wire_->due());
    alarm_at(out_.due());
    alarm_at(Deadline::at(spoke_ + options_.patience / beats));
    alarm_at(Deadline::at(heard_ + options_.patience));
}

void Windowed::wait_for_room(Deadline deadline) {
    wait(deadline);
    attend();
}

}  // namespace umach::transport
