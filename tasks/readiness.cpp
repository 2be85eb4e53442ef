// SPDX-License-Identifier: BSL-1.0
#include "tasks/readiness.hpp"

#include "ports/wait.hpp"
#include "ports/watch.hpp"
#include "runtime/detail.hpp"
#include "tasks/hidden_thread.hpp"
#include "tasks/keeper.hpp"
#include "tasks/membership.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <future>
#include <string>

namespace umach::tasks {
namespace {

constexpr unsigned most_bytes = 4096;  // a pipe of one page holds as many

// The program has the reading end, and may have closed it or put something else under its number; so the pipe
// is opened once more for each taking out.
void take_out(int pipe, unsigned bytes) {
    std::array<char, most_bytes> sink;
    const std::string path = "/proc/self/fd/" + std::to_string(pipe);
    const auto reader =
        PrivateDescriptor::from([&] { return ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC); });
    if (!reader) return;
    while (bytes > 0) {
        const ssize_t taken = ::read(reader.get(), sink.data(), std::min<std::size_t>(bytes, sink.size()));
        if (taken <= 0) return;
        bytes -= static_cast<unsigned>(taken);
    }
}

bool nobody_reads(int pipe) {
    pollfd look{pipe, 0, 0};
    return poll(&look, 1, 0) == 1 && (look.revents & POLLERR) != 0;
}

// SIGPIPE is blocked in the hidden thread; anybody else writes only before the program has the reading end.
bool put_in(int pipe) {
    return ::write(pipe, "", 1) == 1;
}

}  // namespace

Readiness* Readiness::of(Host& host) {
    const std::lock_guard guard(host.readiness_lock());
    if (Readiness* there = host.readiness()) return there;
    auto made = std::make_unique<Readiness>();
    auto seated = std::make_shared<std::promise<std::uint32_t>>();
    auto thread = seated->get_future();
    auto started = start_hidden_thread("umach-watch", [readiness = made.get(), seated] {
        Seat* seat = enter();
        seated->set_value(seat != nullptr ? seat->caller.thread.index : 0);
        if (seat != nullptr) readiness->watch(seat->caller);
    });
    if (!started) runtime::set_detail("%s", started.fault().what.c_str());
    made->thread_ = started ? thread.get() : 0;
    if (started && made->thread_ == 0) runtime::set_detail("no thread of control is free to watch ports");
    if (made->thread_ == 0) return nullptr;
    host.set_readiness(made.get());
    return made.release();
}

kern_return_t Readiness::open(ports::Caller& caller, port_name_t name, int* descriptor) {
    const std::lock_guard guard(lock_);
    const kern_return_t code = ports::set_watch(caller, name, thread_);
    if (code != KERN_SUCCESS) return code;
    Mirror mirror{.name = name, .pipe = {}};
    int reader = -1;
    mirror.pipe = PrivateDescriptor::pipe_to_program(&reader);
    if (!mirror.pipe) {
        runtime::set_detail("no descriptor is free for a pipe");
        forget_if_last(caller, name);
        return KERN_RESOURCE_SHORTAGE;
    }
    *descriptor = reader;
    if (ports::look_at_watched(caller, name).pending && put_in(mirror.pipe.get())) mirror.bytes = 1;
    mirrored_.fetch_add(1);
    mirrors_.push_back(std::move(mirror));
    first_.notify_one();
    return KERN_SUCCESS;
}

void Readiness::forget_if_last(ports::Caller& caller, port_name_t name) {
    for (const Mirror& other : mirrors_)
        if (other.name == name) return;
    ports::set_watch(caller, name, 0);
}

void Readiness::after_receive(ports::Caller& caller) {
    if (mirrored_.load() == 0) return;
    const std::lock_guard guard(lock_);
    for (Mirror& mirror : mirrors_) {
        if (mirror.bytes == 0 || ports::look_at_watched(caller, mirror.name).pending) continue;
        take_out(mirror.pipe.get(), mirror.bytes);
        mirror.bytes = 0;
    }
}

// The wait begins before the ports are looked at, so an arrival after the look ends it.
void Readiness::watch(ports::Caller& caller) {
    for (;;) {
        const std::uint32_t epoch = ports::begin_watch(caller);
        mirror_all(caller);
        ports::park(caller, epoch, runtime::Deadline::in(ports::slice), false);
        ports::end_watch(caller);
        look_after(caller.k);
        std::unique_lock guard(lock_);
        first_.wait(guard, [this] { return !mirrors_.empty(); });
        caller.carrier.arm();
    }
}

void Readiness::mirror_all(ports::Caller& caller) {
    const std::lock_guard guard(lock_);
    for (auto at = mirrors_.begin(); at != mirrors_.end();) {
        if (mirror(caller, *at)) {
            ++at;
            continue;
        }
        const port_name_t name = at->name;
        at = mirrors_.erase(at);  // hangs up
        mirrored_.fetch_sub(1);
        forget_if_last(caller, name);
    }
}

// returns: false when there is nothing left to mirror, or nobody who would see it
bool Readiness::mirror(ports::Caller& caller, Mirror& mirror) {
    const ports::Watched seen = ports::look_at_watched(caller, mirror.name);
    if (!seen.there || nobody_reads(mirror.pipe.get())) return false;
    if (seen.pending && (mirror.bytes == 0 || seen.arrivals != mirror.arrivals)) {
        if (mirror.bytes == most_bytes) {
            take_out(mirror.pipe.get(), most_bytes - 1);  // never all, so it stays readable
            mirror.bytes = 1;
        }
        if (put_in(mirror.pipe.get())) ++mirror.bytes;
    } else if (!seen.pending && mirror.bytes != 0) {
        take_out(mirror.pipe.get(), mirror.bytes);
        mirror.bytes = 0;
    }
    mirror.arrivals = seen.arrivals;
    return true;
}

}  // namespace umach::tasks
