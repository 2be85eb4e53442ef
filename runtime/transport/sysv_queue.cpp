// SPDX-License-Identifier: BSL-1.0
#include "runtime/transport/sysv_queue.hpp"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <fstream>
#include <future>
#include <new>
#include <optional>
#include <system_error>
#include <thread>

#include <poll.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/transport/warded_queues.hpp"

namespace umach::transport {

using runtime::Deadline;
using runtime::Descriptor;
using runtime::last_fault;
using runtime::make_fault;
using runtime::Fault;
using runtime::Outcome;

namespace {

constexpr std::size_t most = 4'096;
constexpr auto farewell = std::chrono::milliseconds(500);  // for the peer to take what is left

// A frame; the end of what a dead peer wrote, put behind it by ourselves; the first message of who connects,
// by which the queue has the number of its writer.
enum MessageType : long { frame_type = 1, end_type = 2, knock_type = 3 };

struct Message {
    long type;
    std::byte bytes[most];
};

struct Knock {
    long type;
    std::int32_t to, from;  // queues, as the connecting side sees them
};

struct Seen {
    int writer, reader;  // processes that last did; 0 for none that lives
};

// Linux says which thread a waiting reader is.
// returns: 0 when it has ended
int process_of(int thread) {
    std::ifstream status("/proc/" + std::to_string(thread) + "/status");
    for (std::string word; status >> word;)
        if (int process = 0; word == "Tgid:" && status >> process) return process;
    return 0;
}

// returns: a fault when the queue is not there, of somebody who is not allowed, or open to others
Outcome<Seen> look_at(int queue, const Allowed& allowed) {
    msqid_ds seen{};
    const std::string what = "the System V queue " + std::to_string(queue);
    if (msgctl(queue, IPC_STAT, &seen) != 0) return last_fault("looking at " + what);
    for (const auto user : {seen.msg_perm.uid, seen.msg_perm.cuid})
        if (auto good = check_owner({what, static_cast<long>(user), seen.msg_perm.mode}, allowed); !good)
            return good.fault();
    return Seen{process_of(seen.msg_lspid), process_of(seen.msg_lrpid)};
}

unsigned long waiting_in(int queue) {
    msqid_ds seen{};
    return msgctl(queue, IPC_STAT, &seen) == 0 ? seen.msg_qnum : 0;
}

void remove(int queue) {
    msgctl(queue, IPC_RMID, nullptr);
}

// Queues that go with this object, unless they are released.
class OwnQueues {
public:
    explicit OwnQueues(WardedQueues queues) : queues_(std::move(queues)) {}
    ~OwnQueues() {
        for (const int id : queues_.ids)
            if (queues_.lifeline && id >= 0) remove(id);
    }
    OwnQueues(const OwnQueues&) = delete;
    OwnQueues& operator=(const OwnQueues&) = delete;
    int get(int which) const { return queues_.ids[which]; }
    Descriptor release() { return std::move(queues_.lifeline); }

private:
    WardedQueues queues_;
};

struct Ends {
    Descriptor near, far;
};

Outcome<Ends> socket_pair() {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return last_fault("making a pair of sockets");
    return Ends{Descriptor(ends[0]), Descriptor(ends[1])};
}

// The program's signals are for its own threads.
template <class Work>
Outcome<void> start_quietly(std::thread& thread, Work work) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    Outcome<void> started;
    try {
        thread = std::thread(work);
    } catch (const std::system_error& error) {
        started = make_fault(error.code().value(), "starting a thread");
    } catch (const std::bad_alloc&) {
        started = make_fault(ENOMEM, "starting a thread");
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return started;
}

// No call waits for a queue and a descriptor: three threads stand between the queues and a socket.
class SysvWire final : public Wire {
public:
    SysvWire(Ends ends, int in, int out, Descriptor process, Ends stop, Peer peer, Descriptor lifeline)
        : near_(ends.near.get()),
          far_(std::move(ends.far)),
          in_(in),
          out_(out),
          process_(std::move(process)),
          stop_(std::move(stop)),
          lifeline_(std::move(lifeline)),
          wire_(socket_wire(std::move(ends.near), {false, true, false, most}, peer)) {
    }

    // Once, and first: one that did not start can only go.
    Outcome<void> start() {
        if (auto started = start_quietly(writer_, [this] { take_out(); }); !started) return started;
        if (auto started = start_quietly(reader_, [this] { bring_in(); }); !started) return started;
        return start_quietly(watcher_, [this] { wait_for_end(); });
    }

    ~SysvWire() override {
        shutdown(near_, SHUT_WR);
        if (writer_.joinable()) wait_until_taken();
        remove(out_);
        if (writer_.joinable()) writer_.join();
        shutdown(near_, SHUT_RDWR);
        remove(in_);
        if (reader_.joinable()) reader_.join();
        shutdown(stop_.near.get(), SHUT_RDWR);
        if (watcher_.joinable()) watcher_.join();
    }

    WireTraits traits() const noexcept override { return wire_->traits(); }
    int reads() const noexcept override { return near_; }
    int writes() const noexcept override { return near_; }
    Peer peer() const override { return wire_->peer(); }
    Moved write(View bytes, std::size_t& moved) noexcept override { return wire_->write(bytes, moved); }
    Moved read(std::span<std::byte> into, std::size_t& moved) noexcept override {
        return wire_->read(into, moved);
    }

private:
    // By the queue, and out of it by the peer, unless that has ended.
    void wait_until_taken() {
        const Deadline late = Deadline::in(farewell);
        written_.get_future().wait_for(farewell);
        pollfd look{process_.get(), POLLIN, 0};
        while (!late.passed() && waiting_in(out_) > 0 && poll(&look, 1, 1) == 0) {
        }
    }

    void bring_in() {
        Message message;
        for (;;) {
            const ssize_t got = msgrcv(in_, &message, most, 0, MSG_NOERROR);
            if (got < 0 || message.type == end_type) break;
            if (message.type != frame_type) continue;
            if (::send(far_.get(), message.bytes, static_cast<std::size_t>(got), MSG_NOSIGNAL) < 0) break;
        }
        shutdown(far_.get(), SHUT_WR);
    }

    void take_out() {
        Message message{frame_type, {}};
        for (;;) {
            const ssize_t got = ::recv(far_.get(), message.bytes, most, 0);
            if (got <= 0) break;
            if (msgsnd(out_, &message, static_cast<std::size_t>(got), 0) != 0) break;
        }
        shutdown(far_.get(), SHUT_RD);
        written_.set_value();
    }

    void wait_for_end() {
        pollfd look[] = {{process_.get(), POLLIN, 0}, {stop_.far.get(), POLLIN, 0}};
        while (poll(look, 2, -1) < 0 && errno == EINTR) {
        }
        if (look[1].revents != 0) return;
        remove(out_);
        const Message last{end_type, {}};
        msgsnd(in_, &last, 0, 0);
    }

    const int near_;  // wire_'s
    Descriptor far_;
    const int in_, out_;
    Descriptor process_;
    Ends stop_;   // shut down, the near one ends the watcher, whoever else has copies of it
    Descriptor lifeline_;
    std::unique_ptr<Wire> wire_;
    std::promise<void> written_;
    std::thread reader_, writer_, watcher_;
};

struct Watched {
    int process;
    Descriptor sign;
};

Outcome<Watched> watched(int process) {
    Descriptor sign = watch_process(process);
    if (!sign) return last_fault("watching process " + std::to_string(process));
    return Watched{process, std::move(sign)};
}

// takes: the queues, when it succeeds; one that fails late has removed them. `made` in the process that made them
WireOutcome make_wire(int in, int out, Watched& peer, OwnQueues* made) {
    auto ends = socket_pair();
    if (!ends) return ends.fault();
    auto stop = socket_pair();
    if (!stop) return stop.fault();
    auto wire = std::make_unique<SysvWire>(
        std::move(ends).value(), in, out, std::move(peer.sign), std::move(stop).value(),
        Peer{peer.process, static_cast<long>(geteuid()), -1}, made != nullptr ? made->release() : Descriptor());
    if (auto started = wire->start(); !started) return started.fault();
    return std::unique_ptr<Wire>(std::move(wire));
}

Outcome<key_t> key_of(const std::string& place) {
    int key = 0;
    const bool hex = place.starts_with("0x");
    const char* const end = place.data() + place.size();
    const auto parsed = std::from_chars(place.data() + (hex ? 2 : 0), end, key, hex ? 16 : 10);
    if (parsed.ec != std::errc() || parsed.ptr != end || key == IPC_PRIVATE)
        return make_fault(EINVAL, "\"" + place + "\" is no key of a System V queue");
    return key;
}

class SysvDoor final : public Door {
public:
    SysvDoor(std::string place, OwnQueues& door, Ends ends, const Allowed& allowed)
        : place_(std::move(place)),
          allowed_(allowed),
          door_(door.get(0)),
          lifeline_(door.release()),
          near_(std::move(ends.near)),
          far_(std::move(ends.far)) {}
    ~SysvDoor() override {
        remove(door_);
        shutdown(near_.get(), SHUT_RDWR);
        if (reader_.joinable()) reader_.join();
    }

    // Once, and first: one that did not start can only go.
    Outcome<void> start() {
        return start_quietly(reader_, [this] { bring_in(); });
    }

    int descriptor() const noexcept override { return near_.get(); }
    std::string place() const override { return place_; }

    WireOutcome accept() override {
        Knock knock{};
        const ssize_t got = ::recv(near_.get(), &knock, sizeof knock, MSG_DONTWAIT);
        if (got == 0) return make_fault(EIDRM, "sysv:" + place_ + " was removed");
        if (got < 0) return std::unique_ptr<Wire>();
        const auto to = look_at(knock.to, allowed_), from = look_at(knock.from, allowed_);
        for (const auto* seen : {&to, &from})
            if (!*seen) return Fault{EPERM, "refused at sysv:" + place_ + ": " + seen->fault().what};
        if (to.value().writer == 0) return std::unique_ptr<Wire>();
        auto guest = watched(to.value().writer);
        auto wire = guest ? make_wire(knock.to, knock.from, guest.value(), nullptr) : WireOutcome(std::unique_ptr<Wire>());
        if (wire && wire.value() != nullptr) return wire;
        // Who knocked has ended, or the system gives us too little: nobody else will ever read those queues.
        remove(knock.to);
        remove(knock.from);
        return wire;
    }

private:
    void bring_in() {
        Knock knock{};
        while (msgrcv(door_, &knock, sizeof knock - sizeof knock.type, 0, MSG_NOERROR) >= 0)
            if (::send(far_.get(), &knock, sizeof knock, MSG_NOSIGNAL) < 0) break;
        shutdown(far_.get(), SHUT_WR);
    }

    std::string place_;
    Allowed allowed_;
    int door_;
    Descriptor lifeline_, near_, far_;
    std::thread reader_;
};

// The door of a listener that was killed is replaced, if its warden has not removed it yet.
Outcome<WardedQueues> make_door(key_t key, const std::string& place, const Allowed& allowed) {
    for (int times = 0; times < 2; ++times) {
        auto door = make_warded_queue(key, "sysv:" + place);
        if (door || door.fault().error != EEXIST) return door;
        const int there = msgget(key, 0);
        if (there < 0) continue;   // its warden has just removed it
        const auto seen = look_at(there, allowed);
        if (!seen || seen.value().reader != 0) break;
        remove(there);
    }
    return make_fault(EADDRINUSE, "sysv:" + place);
}

DoorOutcome listen_sysv(const std::string& place, const Options& options) {
    const auto key = key_of(place);
    if (!key) return key.fault();
    auto made = make_door(key.value(), place, options.allowed);
    if (!made) return made.fault();
    OwnQueues door(std::move(made).value());
    // Whoever connects reads in the queue who listens: who has read from it last.
    Knock own{knock_type, 0, 0};
    constexpr std::size_t bytes = sizeof own - sizeof own.type;
    if (msgsnd(door.get(0), &own, bytes, IPC_NOWAIT) != 0 ||
        msgrcv(door.get(0), &own, bytes, 0, IPC_NOWAIT) < 0)
        return last_fault("trying sysv:" + place);
    auto ends = socket_pair();
    if (!ends) return ends.fault();
    auto opened = std::make_unique<SysvDoor>(place, door, std::move(ends).value(), options.allowed);
    if (auto started = opened->start(); !started) return started.fault();
    return std::unique_ptr<Door>(std::move(opened));
}

WireOutcome connect_sysv(const std::string& place, const Options& options, Deadline) {
    const auto key = key_of(place);
    if (!key) return key.fault();
    const int door = msgget(key.value(), 0);
    const auto seen = look_at(door, options.allowed);
    if (!seen && seen.fault().error == EPERM) return seen.fault();
    if (!seen || seen.value().reader == 0) return make_fault(ECONNREFUSED, "nobody listens at sysv:" + place);
    auto host = watched(seen.value().reader);
    if (!host) return host.fault();
    auto made = make_warded_pair(host.value().sign.get());
    if (!made) return made.fault();
    OwnQueues pair(std::move(made).value());
    const int to = pair.get(0), from = pair.get(1);
    const Knock knock{knock_type, to, from};
    constexpr std::size_t bytes = sizeof knock - sizeof knock.type;
    if (msgsnd(to, &knock, bytes, IPC_NOWAIT) != 0 || msgsnd(door, &knock, bytes, IPC_NOWAIT) != 0)
        return last_fault("knocking at sysv:" + place);
    return make_wire(from, to, host.value(), &pair);
}

}  // namespace

const Mechanism sysv_mechanism{"sysv", listen_sysv, connect_sysv};

}  // namespace umach::transport
