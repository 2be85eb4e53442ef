// SPDX-License-Identifier: BSL-1.0
#include "runtime/transport/posix_queue.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <mqueue.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "runtime/transport/posix_names.hpp"

namespace umach::transport {

using runtime::Deadline;
using runtime::Descriptor;
using runtime::last_fault;
using runtime::make_fault;

namespace {

constexpr std::int32_t mark = 0x756D4B31;

// Left at the door: where the listener finds the two queues, as the connecting side sees them.
struct Knock {
    std::int32_t mark, process, to, from;
};
// The first message back: who listens. Shorter than any frame.
struct Answer {
    std::int32_t mark, process;
};

class PosixWire final : public Wire {
public:
    PosixWire(Descriptor in, Descriptor out)
        : in_(std::move(in)), out_(std::move(out)), sign_(epoll_create1(EPOLL_CLOEXEC)) {}

    WireTraits traits() const noexcept override { return {false, true, false, queue_message_bytes}; }
    int reads() const noexcept override { return in_.get(); }
    int writes() const noexcept override { return out_.get(); }
    int sign() const noexcept override { return sign_.get(); }
    Peer peer() const override { return {process_, static_cast<long>(geteuid()), -1}; }

    Moved write(View bytes, std::size_t& moved) noexcept override {
        moved = bytes.size();
        const auto* text = reinterpret_cast<const char*>(bytes.data());
        return mq_send(out_.get(), text, bytes.size(), 0) == 0 ? Moved::done : moved_by(errno);
    }

    Moved read(std::span<std::byte> into, std::size_t& moved) noexcept override {
        const ssize_t got = mq_receive(in_.get(), reinterpret_cast<char*>(into.data()), into.size(), nullptr);
        if (got < 0) return moved_by(errno);
        moved = static_cast<std::size_t>(got);
        Answer answer{};
        if (moved == sizeof answer && process_ < 0) {
            std::memcpy(&answer, into.data(), sizeof answer);
            moved = 0;
            watch(answer.process);
        }
        return Moved::done;
    }

    void watch(int process) noexcept {
        process_ = process;
        ended_ = watch_process(process);
        epoll_event event{};
        event.events = EPOLLIN;
        epoll_ctl(sign_.get(), EPOLL_CTL_ADD, ended_.get(), &event);
    }

private:
    Descriptor in_, out_, sign_, ended_;
    int process_ = -1;
};

class PosixDoor final : public Door {
public:
    PosixDoor(Listening door, const Allowed& allowed) : door_(std::move(door)), allowed_(allowed) {}

    int descriptor() const noexcept override { return door_.get(); }
    std::string place() const override { return door_.name(); }

    WireOutcome accept() override {
        Knock knock{};
        char bytes[queue_message_bytes];
        const ssize_t got = mq_receive(door_.get(), bytes, sizeof bytes, nullptr);
        if (got < 0) return std::unique_ptr<Wire>();
        std::memcpy(&knock, bytes, std::min(sizeof knock, static_cast<std::size_t>(got)));
        if (got != sizeof knock || knock.mark != mark)
            return make_fault(EPROTO, "refused what is no knock at posix:" + place());
        const std::string process = std::to_string(knock.process);
        const auto open_queue = [&](std::int32_t number, int how) {
            const std::string file = "/proc/" + process + "/fd/" + std::to_string(number);
            return Descriptor(::open(file.c_str(), how | O_NONBLOCK | O_CLOEXEC));
        };
        Descriptor in = open_queue(knock.to, O_RDONLY), out = open_queue(knock.from, O_WRONLY);
        const std::string what = "a queue of process " + process + " at posix:" + place();
        if (!in || !out) return make_fault(EPERM, "refused " + what + ": it cannot be opened");
        for (const int queue : {in.get(), out.get()})
            if (auto good = check_queue(queue, what, allowed_); !good) return good.fault();
        auto wire = std::make_unique<PosixWire>(std::move(in), std::move(out));
        wire->watch(knock.process);
        const Answer answer{mark, getpid()};
        mq_send(wire->writes(), reinterpret_cast<const char*>(&answer), sizeof answer, 0);
        return std::unique_ptr<Wire>(std::move(wire));
    }

private:
    Listening door_;
    Allowed allowed_;
};

DoorOutcome listen_posix(const std::string& place, const Options& options) {
    if (place.size() < 2 || place[0] != '/' || place.find('/', 1) != std::string::npos)
        return make_fault(EINVAL, "\"" + place + "\" is no name of a POSIX queue");
    auto door = Listening::begin(queue_name(place, options.allowed));
    if (!door) return std::move(door).fault();
    return std::unique_ptr<Door>(std::make_unique<PosixDoor>(std::move(door).value(), options.allowed));
}

WireOutcome connect_posix(const std::string& place, const Options& options, Deadline) {
    const auto door = open_listened(place, options.allowed);
    if (!door) return door.fault();
    auto made = make_nameless_queues();
    if (!made) return std::move(made).fault();
    auto& [to, from] = made.value();
    const Knock knock{mark, getpid(), to.get(), from.get()};
    if (mq_send(door.value().get(), reinterpret_cast<const char*>(&knock), sizeof knock, 0) != 0)
        return last_fault("knocking at posix:" + place);
    return std::unique_ptr<Wire>(std::make_unique<PosixWire>(std::move(from), std::move(to)));
}

}  // namespace

const Mechanism posix_mechanism{"posix", listen_posix, connect_posix};

}  // namespace umach::transport
