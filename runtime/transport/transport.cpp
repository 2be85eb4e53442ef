// SPDX-License-Identifier: BSL-1.0
#include "runtime/transport/transport.hpp"

#include <algorithm>
#include <atomic>

#include <poll.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "runtime/bug.hpp"

namespace umach::transport {

using runtime::Deadline;

namespace {

// Not 0. Where the system has no number to give, one that hardly any end before this one had.
std::uint64_t drawn() {
    std::uint64_t number = 0;
    if (getrandom(&number, sizeof number, 0) == sizeof number && number != 0) return number;
    static std::atomic<std::uint64_t> ends{0};
    const auto now = static_cast<std::uint64_t>(runtime::MonotonicClock::now().time_since_epoch().count());
    return (now << 20 ^ static_cast<std::uint64_t>(getpid()) << 8 ^ ++ends) | 1;
}

void control(int set, int what, int descriptor, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = descriptor;
    epoll_ctl(set, what, descriptor, &event);
}

}  // namespace

Transport::Transport(const Options& options, std::size_t largest)
    : options_(options),
      incarnation_(drawn()),
      largest_(largest),
      ready_(epoll_create1(EPOLL_CLOEXEC)),
      alarm_(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) {
    if (!ready_ || !alarm_) end(Ending::lost, "there is no descriptor left for the link");
    watch(alarm_.get(), EPOLLIN);
}

Transport::~Transport() = default;

Moved Transport::send(Parts body, Deadline deadline) {
    std::size_t bytes = 0;
    for (const View part : body) bytes += part.size();
    UMACH_ASSERT(bytes <= largest_ && body.size() <= most_parts);
    for (;;) {
        if (ending_ != Ending::open) return Moved::gone;
        const Moved moved = try_send(FrameKind::data, body);
        if (moved != Moved::later) return moved;
        if (deadline.passed()) {
            ask_for_room();
            return Moved::later;
        }
        wait_for_room(deadline);
    }
}

Moved Transport::receive(Bytes& body, Deadline deadline) {
    View there;
    const Moved moved = receive(there, deadline);
    if (moved == Moved::done) body.assign(there.begin(), there.end());
    return moved;
}

Moved Transport::receive(View& body, Deadline deadline) {
    for (;;) {
        const Moved moved = try_receive(body);
        if (moved != Moved::later) return moved;
        if (deadline.passed()) return Moved::later;
        wait(deadline);
    }
}

Moved Transport::close(Deadline deadline) {
    Moved moved = Moved::later;
    while (ending_ == Ending::open && (moved = try_send(FrameKind::bye, {})) == Moved::later &&
           !deadline.passed())
        wait_for_room(deadline);
    if (moved != Moved::done) {
        end(Ending::closed, "closed here");
        return moved;
    }
    while (ending_ == Ending::open && !drained() && !deadline.passed()) wait_for_room(deadline);
    const bool left = drained();
    end(Ending::closed, "closed here");
    return left ? Moved::done : Moved::later;
}

void Transport::wait(Deadline deadline) {
    pollfd look{ready_.get(), POLLIN, 0};
    const timespec left = [&] {
        const auto remaining =
            std::min<std::chrono::nanoseconds>(deadline.remaining(), std::chrono::hours(1));
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(remaining);
        return timespec{seconds.count(), (remaining - seconds).count()};
    }();
    ppoll(&look, 1, &left, nullptr);
}

Moved Transport::end(Ending ending, const std::string& reason) {
    if (ending_ == Ending::open) {
        ending_ = ending;
        reason_ = reason;
    }
    return Moved::gone;
}

bool Transport::meet(const FrameHead& head) {
    if (established()) return head.incarnation == peer_incarnation_;
    if (head.kind != FrameKind::hello || head.sequence != 0 || head.incarnation == 0) return false;
    peer_incarnation_ = head.incarnation;
    return true;
}

void Transport::watch(int descriptor, std::uint32_t events) {
    control(ready_.get(), EPOLL_CTL_ADD, descriptor, events);
}

void Transport::change(int descriptor, std::uint32_t events) {
    control(ready_.get(), EPOLL_CTL_MOD, descriptor, events);
}

void Transport::unwatch(int descriptor) {
    control(ready_.get(), EPOLL_CTL_DEL, descriptor, 0);
}

void Transport::alarm_at(Deadline instant) {
    if (instant.is_never() || (!alarm_set_.is_never() && alarm_set_.instant() <= instant.instant())) return;
    itimerspec at{};
    at.it_value = instant.absolute();
    if (at.it_value.tv_sec == 0 && at.it_value.tv_nsec == 0) at.it_value.tv_nsec = 1;
    timerfd_settime(alarm_.get(), TFD_TIMER_ABSTIME, &at, nullptr);
    alarm_set_ = instant;
}

bool Transport::alarm_passed() {
    if (!alarm_set_.passed()) return false;
    std::uint64_t times = 0;
    [[maybe_unused]] const auto got = read(alarm_.get(), &times, sizeof times);
    alarm_set_ = Deadline::never();
    return true;
}

}  // namespace umach::transport
