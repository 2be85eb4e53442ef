// SPDX-License-Identifier: BSL-1.0
#include "runtime/transport/fifo.hpp"

#include <cerrno>

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/transport/lock_file.hpp"
#include "runtime/transport/pipe.hpp"
#include "runtime/unseen.hpp"

namespace umach::transport {

using runtime::Deadline;
using runtime::Descriptor;
using runtime::Fault;
using runtime::last_fault;
using runtime::make_fault;
using runtime::Outcome;

namespace {

// As the connecting side sees it.
std::string to(const std::string& place) {
    return place + ".to";
}
std::string from(const std::string& place) {
    return place + ".from";
}

// Who could put another file there could be anybody: the file is looked at once it is open, and no link is
// followed.
Outcome<Descriptor> open_fifo(const std::string& path, int how, const Allowed& allowed) {
    Descriptor fifo(::open(path.c_str(), how | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW));
    if (!fifo && errno == ELOOP) return make_fault(ELOOP, path + " is a symbolic link");
    if (!fifo) return last_fault("opening " + path);
    struct stat file {};
    if (fstat(fifo.get(), &file) != 0) return last_fault("looking at " + path);
    if (!S_ISFIFO(file.st_mode)) return make_fault(EPERM, path + " is no FIFO");
    const auto owned = check_owner({"the FIFO " + path, static_cast<long>(file.st_uid), file.st_mode}, allowed);
    if (!owned) return owned.fault();
    return fifo;
}

UMACH_UNSEEN bool nobody_reads(const char* fifo) noexcept {
    constexpr int how = O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC;
    const int file = static_cast<int>(syscall(SYS_openat, AT_FDCWD, fifo, how, 0));
    if (file < 0) return errno == ENXIO;
    syscall(SYS_close, file);
    return false;
}

class FifoFiles final : public LockFile {
public:
    FifoFiles(const std::string& place, const Allowed& allowed)
        : LockFile("fifo", place, allowed), to_(to(absolute(place))), from_(from(absolute(place))) {}

    UMACH_UNSEEN void clear() const noexcept override {
        mode_t type = 0;
        const bool is_there = look_at(to_text_, type);
        if (is_there && !(S_ISFIFO(type) && nobody_reads(to_text_))) return;
        if (look_at(from_text_, type) && S_ISFIFO(type)) remove_file(from_text_);
        if (is_there) remove_file(to_text_);
    }

private:
    const std::string to_, from_;
    const char *const to_text_ = to_.c_str(), *const from_text_ = from_.c_str();
};

Outcome<void> make_fifo(const std::string& path, const Allowed& allowed) {
    if (mkfifo(path.c_str(), 0600) == 0) return {};
    if (errno != EEXIST) return last_fault("making " + path);
    const auto reader = open_fifo(path, O_WRONLY, allowed);
    return reader ? make_fault(EADDRINUSE, path + " has a listener") : reader.fault();
}

class FifoDoor final : public Door {
public:
    FifoDoor(std::string place, const Allowed& allowed, Listening lock)
        : place_(std::move(place)), allowed_(allowed), lock_(std::move(lock)) {}
    ~FifoDoor() override { forget(); }

    int descriptor() const noexcept override { return in_.get(); }
    std::string place() const override { return place_; }

    // The FIFO that peers write to, open for reading before anybody can see that it has no reader.
    Outcome<void> open() {
        if (auto made = make_fifo(to(place_), allowed_); !made) return made;
        auto in = open_fifo(to(place_), O_RDONLY, allowed_);
        if (!in) return in.fault();
        in_ = std::move(in).value();
        return make_fifo(from(place_), allowed_);
    }

    WireOutcome accept() override {
        pollfd look{in_.get(), POLLIN, 0};
        if (poll(&look, 1, 0) <= 0) return std::unique_ptr<Wire>();
        auto out = open_fifo(from(place_), O_WRONLY, allowed_);
        if (!out) {
            if (out.fault().error != ENXIO) return out.fault();
            // Who wrote there has gone again, or reads nothing: a fresh pair for the next one.
            if (auto again = begin_again(); !again) return again.fault();
            return std::unique_ptr<Wire>();
        }
        forget();
        PipeEnds ends{std::move(in_), std::move(out).value()};
        if (auto next = open(); !next) return next.fault();
        return pipe_wire(std::move(ends), {-1, static_cast<long>(geteuid()), -1});
    }

private:
    Outcome<void> begin_again() {
        forget();
        return open();
    }

    void forget() {
        struct stat ours {}, now {};
        if (fstat(in_.get(), &ours) != 0 || lstat(to(place_).c_str(), &now) != 0) return;
        if (ours.st_dev != now.st_dev || ours.st_ino != now.st_ino) return;
        unlink(from(place_).c_str());
        unlink(to(place_).c_str());
    }

    std::string place_;
    Allowed allowed_;
    Listening lock_;
    Descriptor in_;
};

DoorOutcome listen_fifo(const std::string& place, const Options& options) {
    auto lock = Listening::begin(std::make_unique<FifoFiles>(place, options.allowed));
    if (!lock) return std::move(lock).fault();
    auto door = std::make_unique<FifoDoor>(place, options.allowed, std::move(lock).value());
    if (auto opened = door->open(); !opened) return opened.fault();
    return std::unique_ptr<Door>(std::move(door));
}

// Nobody reads there, or the listener is just making the next pair.
Fault refused(const Fault& fault, const std::string& place) {
    const bool nobody = fault.error == ENXIO || fault.error == ENOENT;
    return nobody ? make_fault(ECONNREFUSED, "nobody listens at fifo:" + place) : fault;
}

WireOutcome connect_fifo(const std::string& place, const Options& options, Deadline) {
    auto out = open_fifo(to(place), O_WRONLY, options.allowed);
    if (!out) return refused(out.fault(), place);
    if (flock(out.value().get(), LOCK_EX | LOCK_NB) != 0)
        return make_fault(EBUSY, "somebody is connecting to fifo:" + place);
    auto in = open_fifo(from(place), O_RDONLY, options.allowed);
    if (!in) return refused(in.fault(), place);
    PipeEnds ends{std::move(in).value(), std::move(out).value()};
    return pipe_wire(std::move(ends), {-1, static_cast<long>(geteuid()), -1});
}

}  // namespace

const Mechanism fifo_mechanism{"fifo", listen_fifo, connect_fifo};

}  // namespace umach::transport
