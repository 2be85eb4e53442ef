// SPDX-License-Identifier: BSL-1.0
#include "tasks/readiness.hpp"

#include "ports/wait.hpp"
#include "ports/watch.hpp"
#include "runtime/detail.hpp"
#include "tasks/fiber/scheduler.hpp"
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
    if (host.readiness() == nullptr) host.set_readiness(new Readiness(host.task()));
    Readiness* readiness = host.readiness();
    return readiness->start(host) ? readiness : nullptr;
}

// returns: whether there is a watcher
bool Readiness::start(Host& host) {
    {
        const std::lock_guard guard(lock_);
        if (thread_ != 0) return true;
    }
    auto seated = std::make_shared<std::promise<bool>>();
    auto is_seated = seated->get_future();
    auto started = start_hidden_thread("umach-watch", [this, &host, seated] {
        Seat* seat = enter_as_server(host, "descriptors");
        if (seat != nullptr) {
            const std::lock_guard guard(lock_);
            thread_ = seat->caller.thread.index;
        }
        seated->set_value(seat != nullptr);
        if (seat != nullptr) be_watcher(*seat);
    });
    if (!started) runtime::set_detail("%s", started.fault().what.c_str());
    if (!started || is_seated.get()) return started.ok();
    runtime::set_detail("no task and thread of control are free to watch ports");
    return false;
}

// Terminated, it leaves nothing that looks as if it were watched.
void Readiness::be_watcher(Seat& seat) {
    try {
        const Held held;  // its calls are left by an exception that ends here
        watch();
    } catch (const FiberEnds&) {
    }
    ports::end_task(seat.caller.k, seat.carrier, seat.caller.task);
    const std::lock_guard guard(lock_);
    mirrors_.clear();  // hangs up
    mirrored_.store(0);
    thread_ = 0;
}

kern_return_t Readiness::open(ports::Caller& caller, port_name_t name, int* descriptor) {
    const std::lock_guard guard(lock_);
    if (thread_ == 0) {
        runtime::set_detail("the thread that watches ports has just ended");
        return KERN_RESOURCE_SHORTAGE;
    }
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

void Readiness::after_receive(ports::Caller& receiver) {
    if (mirrored_.load() == 0) return;
    ports::Caller caller = for_task(receiver);
    const std::lock_guard guard(lock_);
    for (Mirror& mirror : mirrors_) {
        if (mirror.bytes == 0 || ports::look_at_watched(caller, mirror.name).pending) continue;
        take_out(mirror.pipe.get(), mirror.bytes);
        mirror.bytes = 0;
    }
}

void Readiness::watch() {
    while (look_once()) {
        std::unique_lock guard(lock_);
        first_.wait(guard, [this] { return !mirrors_.empty(); });
    }
}

// The wait begins before the ports are looked at, so an arrival after the look ends it.
// returns: false when the thread was terminated
bool Readiness::look_once() {
    const Trap trap;
    if (!trap || trap.seat().is_terminated()) return false;
    ports::Caller& caller = trap.caller();
    const std::uint32_t epoch = ports::begin_watch(caller);
    mirror_all(caller);
    ports::park(caller, epoch, runtime::Deadline::in(ports::slice), false);
    ports::end_watch(caller);
    look_after(caller.k);
    return true;
}

void Readiness::mirror_all(ports::Caller& watcher) {
    ports::Caller caller = for_task(watcher);
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
