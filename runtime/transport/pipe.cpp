// SPDX-License-Identifier: BSL-1.0
#include "runtime/transport/pipe.hpp"

#include <cerrno>
#include <charconv>
#include <climits>
#include <csignal>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace umach::transport {

using runtime::Deadline;
using runtime::Descriptor;
using runtime::last_fault;
using runtime::make_fault;
using runtime::Outcome;

namespace {

// While it lives a write to a pipe that nobody reads gives EPIPE and no signal.
class NoPipeSignal {
public:
    NoPipeSignal() {
        sigemptyset(&pipe_);
        sigaddset(&pipe_, SIGPIPE);
        sigset_t waiting;
        sigpending(&waiting);
        was_waiting_ = sigismember(&waiting, SIGPIPE) == 1;
        pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
    }
    ~NoPipeSignal() {
        const int kept = errno;
        const timespec at_once{};
        if (kept == EPIPE && !was_waiting_) sigtimedwait(&pipe_, nullptr, &at_once);
        pthread_sigmask(SIG_SETMASK, &before_, nullptr);
        errno = kept;
    }
    NoPipeSignal(const NoPipeSignal&) = delete;
    NoPipeSignal& operator=(const NoPipeSignal&) = delete;

private:
    sigset_t pipe_, before_;
    bool was_waiting_;
};

class PipeWire final : public Wire {
public:
    PipeWire(PipeEnds ends, Peer peer) : ends_(std::move(ends)), peer_(peer) {}

    WireTraits traits() const noexcept override { return {false, true, false, PIPE_BUF}; }
    int reads() const noexcept override { return ends_.in.get(); }
    int writes() const noexcept override { return ends_.out.get(); }
    Peer peer() const override { return peer_; }

    Moved write(View bytes, std::size_t& moved) noexcept override {
        const NoPipeSignal quiet;
        errno = 0;
        const ssize_t written = ::write(ends_.out.get(), bytes.data(), bytes.size());
        if (written < 0) return moved_by(errno);
        moved = static_cast<std::size_t>(written);
        return Moved::done;
    }

    Moved read(std::span<std::byte> into, std::size_t& moved) noexcept override {
        const ssize_t got = ::read(ends_.in.get(), into.data(), into.size());
        if (got < 0) return moved_by(errno);
        if (got == 0) return hung_up() ? Moved::gone : Moved::later;
        moved = static_cast<std::size_t>(got);
        return Moved::done;
    }

private:
    // A FIFO that nobody has opened for writing yet reads as ended, too.
    bool hung_up() const noexcept {
        pollfd look{ends_.in.get(), POLLIN, 0};
        return poll(&look, 1, 0) > 0 && (look.revents & POLLHUP) != 0;
    }

    PipeEnds ends_;
    Peer peer_;
};

WireOutcome inherited(const std::string& place, const Options&, Deadline) {
    int in = -1, out = -1;
    const char* const end = place.data() + place.size();
    const auto first = std::from_chars(place.data(), end, in);
    const bool comma = first.ec == std::errc() && first.ptr != end && *first.ptr == ',';
    if (!comma || std::from_chars(first.ptr + 1, end, out).ptr != end || in < 0 || out < 0)
        return make_fault(EINVAL, "\"" + place + "\" is not the numbers of two descriptors");
    for (const int one : {in, out})
        if (fcntl(one, F_SETFL, fcntl(one, F_GETFL) | O_NONBLOCK) != 0 ||
            fcntl(one, F_SETFD, FD_CLOEXEC) != 0)
            return last_fault("descriptor " + std::to_string(one) + " of a pipe");
    return pipe_wire({Descriptor(in), Descriptor(out)}, {});
}

DoorOutcome no_door(const std::string&, const Options&) {
    return make_fault(EINVAL, "a pipe is inherited: nobody can listen at one");
}

}  // namespace

Outcome<PipePair> pipe_pair() {
    int there[2], back[2];
    if (pipe2(there, O_CLOEXEC | O_NONBLOCK) != 0) return last_fault("making a pipe");
    PipePair pair;
    pair.first.out.reset(there[1]);
    pair.second.in.reset(there[0]);
    if (pipe2(back, O_CLOEXEC | O_NONBLOCK) != 0) return last_fault("making a pipe");
    pair.second.out.reset(back[1]);
    pair.first.in.reset(back[0]);
    return pair;
}

std::unique_ptr<Wire> pipe_wire(PipeEnds ends, Peer peer) {
    return std::make_unique<PipeWire>(std::move(ends), peer);
}

const Mechanism pipe_mechanism{"pipe", no_door, inherited};

}  // namespace umach::transport
