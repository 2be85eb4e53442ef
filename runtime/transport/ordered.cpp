// SPDX-License-Identifier: BSL-1.0
#include "runtime/transport/ordered.hpp"

#include <cerrno>
#include <cstring>

#include <poll.h>
#include <sys/epoll.h>

namespace umach::transport {

using runtime::Deadline;
using runtime::MonotonicClock;

namespace {

constexpr std::size_t read_ahead = 64 * 1024;

bool readable(int descriptor) {
    pollfd look{descriptor, POLLIN, 0};
    return descriptor >= 0 && poll(&look, 1, 0) > 0;
}

}  // namespace

Ordered::Ordered(std::unique_ptr<Wire> wire, const Options& options)
    : Transport(options, wire->traits().most - frame_head_bytes),
      wire_(std::move(wire)),
      traits_(wire_->traits()) {
    incoming_.resize(std::max(read_ahead, traits_.most) + traits_.most);
    heard_ = spoke_ = MonotonicClock::now();
    watch(wire_->reads(), EPOLLIN);
    if (wire_->sign() >= 0) watch(wire_->sign(), EPOLLIN);
    greet();
    alarm_at(Deadline::at(heard_ + options_.patience / (traits_.beats ? 4 : 1)));
}

Ordered::~Ordered() {
    if (ending_ == Ending::open) try_send(FrameKind::bye, {});
}

void Ordered::greet() {
    if (greeted_ || wire_->opening() || ending_ != Ending::open) return;
    greeted_ = true;
    if (try_send(FrameKind::hello, {}) == Moved::later)
        finish(Ending::lost, "there is no room for the hello");
    if (asked_) show_room(true);
}

Moved Ordered::try_send(FrameKind kind, Parts body) {
    if (!greeted_) {
        std::size_t none = 0;
        if (wire_->write({}, none) == Moved::gone) return wire_refuses();
        greet();
        if (!greeted_) return Moved::later;
    }
    if (const Moved before = flush(); before != Moved::done) return before;
    outgoing_.clear();
    written_ = 0;
    encode_head({kind, 0, incarnation_, next_out_, 0, 0}, body, outgoing_);
    const Moved moved = begin(body);
    if (moved == Moved::gone) return moved;
    // A wire that takes all or nothing has taken nothing; of the others the rest follows.
    if (moved == Moved::later && written_ == 0) {
        outgoing_.clear();
        return moved;
    }
    ++next_out_;
    spoke_ = MonotonicClock::now();
    if (kind == FrameKind::data) {
        ++counts_.frames_sent;
        for (const View part : body) counts_.bytes_sent += part.size();
    }
    return Moved::done;
}

// What the wire takes at once goes from where it stands; only the rest is kept here.
Moved Ordered::begin(Parts body) {
    std::size_t moved = 0;
    const Moved result = wire_->gather(outgoing_, body, moved);
    if (result == Moved::gone) return wire_refuses();
    if (result == Moved::later) return result;
    written_ = std::min(moved, outgoing_.size());
    std::size_t skipped = moved - written_;
    for (const View part : body) {
        const View rest = part.subspan(std::min(skipped, part.size()));
        outgoing_.insert(outgoing_.end(), rest.begin(), rest.end());
        skipped -= part.size() - rest.size();
    }
    return flush();
}

Moved Ordered::flush() {
    while (written_ < outgoing_.size() || wire_->holds()) {
        std::size_t moved = 0;
        const Moved result = wire_->write(View(outgoing_).subspan(written_), moved);
        if (result == Moved::gone) return wire_refuses();
        if (result == Moved::later) {
            if (written_ > 0 || wire_->holds()) show_room(true);
            return result;
        }
        written_ += moved;
    }
    if (room_wanted_) show_room(false);
    return Moved::done;
}

Moved Ordered::wire_refuses() {
    if (ending_ == Ending::open) {
        end(Ending::lost, "the peer has ended");
        soft_ = true;
    }
    return Moved::gone;
}

Moved Ordered::finish(Ending ending, const std::string& reason) {
    if (soft_) ending_ = Ending::open;
    soft_ = false;
    begin_ = filled_ = 0;
    return end(ending, reason);
}

Moved Ordered::try_receive(View& body) {
    for (;;) {
        if (ending_ != Ending::open && !soft_) return Moved::gone;
        if (const Moved moved = cut(body); moved != Moved::later) return moved;
        const Moved moved = fill();
        if (moved == Moved::gone) return moved;
        if (moved == Moved::later) break;
    }
    if (soft_) return finish(ending_, reason_);
    greet();
    if (!drained())
        flush();
    else if (room_wanted_)
        show_room(false);
    if (alarm_passed()) tick();
    return ending_ == Ending::open ? Moved::later : Moved::gone;
}

Moved Ordered::cut(View& body) {
    while (begin_ < filled_) {
        const Decoded frame = decode_frame(View(incoming_).subspan(begin_, filled_ - begin_), largest());
        if (frame.fault == FrameFault::incomplete) return Moved::later;
        if (frame.fault != FrameFault::none)
            return finish(Ending::broken, std::string("the peer sent ") + text_of(frame.fault));
        begin_ += frame.bytes;
        if (const Moved moved = accept(frame, body); moved != Moved::later) return moved;
    }
    return Moved::later;
}

// returns: `done` with what was sent, `later` for what is the transport's own
Moved Ordered::accept(const Decoded& frame, View& body) {
    const bool first = !established();
    const auto refuse = [&](const char* why) { return finish(Ending::broken, why); };
    if (!meet(frame.head))
        return refuse(first ? "the peer did not say hello" : "a frame of another incarnation");
    if (frame.head.sequence != next_in_) return refuse("a frame out of its order");
    if (first != (frame.head.kind == FrameKind::hello)) return refuse("a second hello");
    ++next_in_;
    if (frame.head.kind == FrameKind::bye) return finish(Ending::closed, "the peer said goodbye");
    if (frame.head.kind != FrameKind::data) return Moved::later;
    body = frame.body;
    ++counts_.frames_received;
    counts_.bytes_received += body.size();
    return Moved::done;
}

Moved Ordered::fill() {
    // Less than a frame is left over: every whole one was cut.
    if (incoming_.size() - filled_ < traits_.most) {
        std::memmove(incoming_.data(), incoming_.data() + begin_, filled_ - begin_);
        filled_ -= begin_;
        begin_ = 0;
    }
    std::size_t moved = 0;
    const Moved result = wire_->read(std::span(incoming_).subspan(filled_), moved);
    if (result == Moved::done) {
        filled_ += moved;
        heard_ = MonotonicClock::now();
        return result;
    }
    if (const std::string why = wire_->refusal(); !why.empty()) return finish(Ending::broken, why);
    // What the peer wrote before it ended has been written by now: one more look finds it.
    if (result == Moved::later && readable(wire_->sign()) && !sign_seen_) {
        sign_seen_ = true;
        return Moved::done;
    }
    if (result == Moved::later && !sign_seen_) return result;
    if (begin_ < filled_) return finish(Ending::lost, "the peer ended within a frame");
    return finish(Ending::lost, established() ? "the peer has ended" : "the peer ended before it said hello");
}

bool Ordered::unread() const {
    return readable(wire_->reads());
}

void Ordered::tick() {
    const auto now = MonotonicClock::now();
    if (unread()) heard_ = now;
    if (now - heard_ >= options_.patience && (traits_.beats || !established())) {
        finish(Ending::lost, established() ? "the peer is silent" : "the peer did not say hello in time");
        return;
    }
    if (traits_.beats && now - spoke_ >= options_.patience / 4 - std::chrono::milliseconds(1))
        try_send(FrameKind::beat, {});
    if (traits_.beats || !established()) alarm_at(Deadline::at(now + options_.patience / 4));
}

void Ordered::show_room(bool wanted) {
    if (wanted == room_wanted_) return;
    // While the wire opens there is room for nothing, whatever the system says.
    asked_ = wanted && wire_->opening() && !wire_->holds();
    if (asked_) return;
    room_wanted_ = wanted;
    if (wire_->reads() == wire_->writes())
        change(wire_->reads(), wanted ? EPOLLIN | EPOLLOUT : EPOLLIN);
    else if (wanted)
        watch(wire_->writes(), EPOLLOUT);
    else
        unwatch(wire_->writes());
}

void Ordered::ask_for_room() {
    show_room(true);
}

void Ordered::wait_for_room(Deadline deadline) {
    alarm_at(Deadline::at(MonotonicClock::now() + options_.patience / 4));
    const bool opening = wire_->opening() && !wire_->holds();
    pollfd look[] = {{opening ? wire_->reads() : wire_->writes(), static_cast<short>(opening ? POLLIN : POLLOUT), 0},
                     {alarm(), POLLIN, 0}, {wire_->sign(), POLLIN, 0}};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        std::min<std::chrono::nanoseconds>(deadline.remaining(), std::chrono::hours(1)));
    poll(look, 3, static_cast<int>(left.count()));
    if (alarm_passed()) tick();
    if ((look[2].revents & POLLIN) != 0) wire_refuses();
}

}  // namespace umach::transport
