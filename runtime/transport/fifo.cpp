// SPDX-License-Identifier: BSL-1.0
#include "runtime/transport/fifo.hpp"

#include <cerrno>

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/transport/pipe.hpp"

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

// Makes the FIFO, in place of one that a killed listener left.
Outcome<void> make_fifo(const std::string& path, const Allowed& allowed) {
    for (int times = 0; times < 2; ++times) {
        if (mkfifo(path.c_str(), 0600) == 0) return {};
        if (errno != EEXIST) return last_fault("making " + path);
        const auto reader = open_fifo(path, O_WRONLY, allowed);
        if (reader) return make_fault(EADDRINUSE, path + " has a listener");
        if (reader.fault().error != ENXIO) return reader.fault();
        unlink(path.c_str());
    }
    return make_fault(EADDRINUSE, path);
}

class FifoDoor final : public Door {
public:
    FifoDoor(std::string place, const Allowed& allowed) : place_(std::move(place)), allowed_(allowed) {}
    ~FifoDoor() override { forget(); }

    int descriptor() const noexcept override { return in_.get(); }
    std::string place() const override { return place_; }

    // The FIFO that peers write to, open for reading before anybody can see that it has no reader.
    Outcome<void> open() {
        if (auto made = make_fifo(to(place_), allowed_); !made) return made;
        made_ = true;
        auto in = open_fifo(to(place_), O_RDONLY, allowed_);
        if (!in) return in.fault();
        in_ = std::move(in).value();
        unlink(from(place_).c_str());
        if (mkfifo(from(place_).c_str(), 0600) != 0) return last_fault("making " + from(place_));
        return {};
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
        PipeEnds ends{std::move(in_), std::move(out).value()};
        if (auto again = begin_again(); !again) return again.fault();
        return pipe_wire(std::move(ends), {-1, static_cast<long>(geteuid()), -1});
    }

private:
    Outcome<void> begin_again() {
        forget();
        return open();
    }

    void forget() {
        if (!made_) return;
        unlink(to(place_).c_str());
        unlink(from(place_).c_str());
        made_ = false;
    }

    std::string place_;
    Allowed allowed_;
    Descriptor in_;
    bool made_ = false;
};

DoorOutcome listen_fifo(const std::string& place, const Options& options) {
    auto door = std::make_unique<FifoDoor>(place, options.allowed);
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
