// SPDX-License-Identifier: BSL-1.0
#include "runtime/transport/posix_queue.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <mqueue.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace umach::transport {

using runtime::Deadline;
using runtime::Descriptor;
using runtime::last_fault;
using runtime::make_fault;
using runtime::Outcome;

namespace {

constexpr std::size_t most = 4'096;
constexpr long frames = 8;
constexpr long queue_file_system = 0x19800202;
constexpr std::int32_t mark = 0x756D4B31;

// Left at the door: where the listener finds the two queues, as the connecting side sees them.
struct Knock {
    std::int32_t mark, process, to, from;
};
// The first message back: who listens. Shorter than any frame.
struct Answer {
    std::int32_t mark, process;
};

// returns: why it is refused: it is no queue, of somebody who is not allowed, or open to others
Outcome<void> check_queue(int queue, const std::string& what, const Allowed& allowed) {
    struct stat file {};
    struct statfs system {};
    mq_attr attributes{};
    const bool is_one = fstat(queue, &file) == 0 && fstatfs(queue, &system) == 0 &&
                        system.f_type == queue_file_system && mq_getattr(queue, &attributes) == 0;
    if (!is_one) return make_fault(EPERM, what + " is no queue");
    return check_owner({what, static_cast<long>(file.st_uid), file.st_mode}, allowed);
}

Outcome<Descriptor> make_queue(const std::string& name, std::size_t bytes) {
    mq_attr attributes{};
    attributes.mq_maxmsg = frames;
    attributes.mq_msgsize = static_cast<long>(bytes);
    Descriptor queue(
        mq_open(name.c_str(), O_CREAT | O_EXCL | O_RDWR | O_NONBLOCK | O_CLOEXEC, 0600, &attributes));
    if (!queue) return last_fault("making the queue posix:" + name);
    return queue;
}

Outcome<Descriptor> make_nameless_queue() {
    std::uint64_t number = 0;
    if (getrandom(&number, sizeof number, 0) != sizeof number) return last_fault("drawing a number");
    const std::string name = "/umach-" + std::to_string(number);
    auto queue = make_queue(name, most);
    if (queue) mq_unlink(name.c_str());
    return queue;
}

class PosixWire final : public Wire {
public:
    PosixWire(Descriptor in, Descriptor out)
        : in_(std::move(in)), out_(std::move(out)), sign_(epoll_create1(EPOLL_CLOEXEC)) {}

    WireTraits traits() const noexcept override { return {false, true, false, most}; }
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
    PosixDoor(std::string place, Descriptor door, const Allowed& allowed)
        : place_(std::move(place)), door_(std::move(door)), allowed_(allowed) {}
    ~PosixDoor() override { mq_unlink(place_.c_str()); }

    int descriptor() const noexcept override { return door_.get(); }
    std::string place() const override { return place_; }

    WireOutcome accept() override {
        Knock knock{};
        char bytes[most];
        const ssize_t got = mq_receive(door_.get(), bytes, sizeof bytes, nullptr);
        if (got < 0) return std::unique_ptr<Wire>();
        std::memcpy(&knock, bytes, std::min(sizeof knock, static_cast<std::size_t>(got)));
        if (got != sizeof knock || knock.mark != mark)
            return make_fault(EPROTO, "refused what is no knock at posix:" + place_);
        const std::string open_files = "/proc/" + std::to_string(knock.process) + "/fd/";
        const auto open_queue = [&](std::int32_t number, int how) {
            return Descriptor(
                ::open((open_files + std::to_string(number)).c_str(), how | O_NONBLOCK | O_CLOEXEC));
        };
        Descriptor in = open_queue(knock.to, O_RDONLY), out = open_queue(knock.from, O_WRONLY);
        const std::string what = "a queue of process " + std::to_string(knock.process) + " at posix:" + place_;
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
    std::string place_;
    Descriptor door_;
    Allowed allowed_;
};

// Its listener was killed: the lock that a living one holds is free.
bool is_stale(const std::string& place, const Allowed& allowed) {
    Descriptor door(mq_open(place.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
    return door.valid() && check_queue(door.get(), place, allowed).ok() && flock(door.get(), LOCK_EX | LOCK_NB) == 0;
}

DoorOutcome listen_posix(const std::string& place, const Options& options) {
    if (place.size() < 2 || place[0] != '/' || place.find('/', 1) != std::string::npos)
        return make_fault(EINVAL, "\"" + place + "\" is no name of a POSIX queue");
    auto door = make_queue(place, most);
    if (!door && door.fault().error == EEXIST && is_stale(place, options.allowed)) {
        mq_unlink(place.c_str());
        door = make_queue(place, most);
    }
    if (!door)
        return make_fault(door.fault().error == EEXIST ? EADDRINUSE : door.fault().error, "posix:" + place);
    flock(door.value().get(), LOCK_EX | LOCK_NB);
    return std::unique_ptr<Door>(std::make_unique<PosixDoor>(place, std::move(door).value(), options.allowed));
}

WireOutcome connect_posix(const std::string& place, const Options& options, Deadline) {
    Descriptor door(mq_open(place.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (door)
        if (auto good = check_queue(door.get(), "posix:" + place, options.allowed); !good) return good.fault();
    if (!door || flock(door.get(), LOCK_EX | LOCK_NB) == 0)
        return make_fault(ECONNREFUSED, "nobody of this user listens at posix:" + place);
    auto to = make_nameless_queue(), from = make_nameless_queue();
    if (!to) return to.fault();
    if (!from) return from.fault();
    const Knock knock{mark, getpid(), to.value().get(), from.value().get()};
    if (mq_send(door.get(), reinterpret_cast<const char*>(&knock), sizeof knock, 0) != 0)
        return last_fault("knocking at posix:" + place);
    return std::unique_ptr<Wire>(std::make_unique<PosixWire>(std::move(from).value(), std::move(to).value()));
}

}  // namespace

const Mechanism posix_mechanism{"posix", listen_posix, connect_posix};

}  // namespace umach::transport
