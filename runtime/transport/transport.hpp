// SPDX-License-Identifier: BSL-1.0
// Transports: what moves whole frames between two ends. One contract, and one kind a file:
//
//   pipe   two pipes, inherited          unix   a Unix socket            udp    datagrams, with a window
//   fifo   two FIFOs, by a path          tcp    a stream                 sysv   two System V message queues
//   posix  two POSIX message queues      loopback   datagrams within one machine, with weather by a seed
//
// Whatever the kind: a frame arrives whole, once, and in the order in which it was sent, or the link ends and
// says why. What was received before the end is still handed out. A link is of two ends, and ends once:
//
//    begun --hello from the peer--> established --> closed   the peer said goodbye
//      |                                 |--------> lost     the peer has ended, or is silent for too long
//      +--no hello in time, refused------+--------> broken   the peer sent what is no frame, or a wrong one
//
// An end belongs to one thread at a time. It works while its owner calls it: an owner that waits elsewhere
// polls `descriptor()` and calls `receive` until it says `later`.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "runtime/clock.hpp"
#include "runtime/descriptor.hpp"
#include "runtime/fault.hpp"
#include "runtime/transport/frame.hpp"
#include "runtime/transport/seal.hpp"

namespace umach::transport {

using runtime::Deadline;

enum class Moved {
    done,
    later,  // not before the deadline; nothing was taken
    gone,   // the link has ended
};

inline constexpr std::size_t most_parts = 8;  // of a frame that is sent

enum class Ending { open, closed, lost, broken };

// Who may be at the other end, and whose FIFOs and queues are used: where the system says who it is. This user
// and root always, since they can do all that this process can.
struct Allowed {
    std::set<long> users{}, groups{};
    bool has(long user, long group = -1) const;
};

struct Options {
    std::chrono::nanoseconds patience = std::chrono::seconds(3);  // how long the peer may be silent
    unsigned window = 32;  // udp and loopback: frames on their way, 1 to 32; 1 is stop-and-wait
    std::shared_ptr<const Seal> seal{};  // tcp and udp: who we are and whom we trust
    bool insecure = false;               // tcp and udp without a seal, which only loopback addresses allow
    Allowed allowed{};                   // unix, fifo, sysv and posix
};

// Who the system says is at the other end; -1 where it does not say.
struct Peer {
    int process = -1;
    long user = -1;
    long group = -1;
    std::string key{};  // the fingerprint that it has shown; "" where nothing is sealed
};

struct Counts {
    std::uint64_t frames_sent = 0, frames_received = 0;
    std::uint64_t bytes_sent = 0, bytes_received = 0;  // of bodies
    std::uint64_t sent_again = 0;                      // frames of a window, because no answer came
    std::uint64_t discarded = 0;                       // frames that came twice, damaged or from elsewhere
    std::chrono::nanoseconds round_trip{0};            // smoothed; 0 where it is not measured
};

class Transport {
public:
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;
    // Says goodbye, without waiting: what the system, or the window, still holds may be lost.
    virtual ~Transport();

    // Sends one frame, which may stand in parts.
    // takes: the bytes, when done: they are the transport's to deliver
    // waits: for room, until the deadline
    // limits: at most largest() bytes in most_parts, else it is a bug; 0 bytes are a frame too
    Moved send(Parts body, runtime::Deadline deadline);
    Moved send(View body, runtime::Deadline deadline) { return send(Parts(&body, 1), deadline); }

    // Receives one frame, and does what is due: answers, repeats, beats.
    // waits: until the deadline; a signal does not end it
    // returns: `gone` when the link has ended and every frame that had come before was handed out. A view is of
    //          bytes that stand there until the next call
    Moved receive(View& body, runtime::Deadline deadline);
    Moved receive(Bytes& body, runtime::Deadline deadline);

    // Says goodbye and lets go, once everything sent has left: for udp, when it was acknowledged; for the
    // others when the system has it.
    // waits: until the deadline
    // returns: `done`, or what kept it; the link has ended in every case
    Moved close(runtime::Deadline deadline);

    // Readable when receive() may have something to do, after it said `later`; and after send() said `later`,
    // when there may be room. Stays the transport's.
    int descriptor() const noexcept { return ready_.get(); }

    std::size_t largest() const noexcept { return largest_; }
    bool established() const noexcept { return peer_incarnation_ != 0; }
    std::uint64_t incarnation() const noexcept { return incarnation_; }
    std::uint64_t peer_incarnation() const noexcept { return peer_incarnation_; }
    Ending ending() const noexcept { return ending_; }
    const std::string& reason() const noexcept { return reason_; }  // in words; "" while open
    virtual Peer peer() const { return {}; }
    const Counts& counts() const noexcept { return counts_; }

protected:
    Transport(const Options& options, std::size_t largest);

    virtual Moved try_send(FrameKind kind, Parts body) = 0;
    virtual Moved try_receive(View& body) = 0;
    virtual bool drained() const = 0;                            // nothing sent waits here any more
    virtual void wait_for_room(runtime::Deadline deadline) = 0;  // or for an end
    virtual void ask_for_room() = 0;                             // descriptor() then tells of it

    // The first end counts.
    Moved end(Ending ending, const std::string& reason);
    // Checks a frame of the peer's against its first.
    // returns: whether it is the peer's; a wrong first one ends the link
    bool meet(const FrameHead& head);
    void watch(int descriptor, std::uint32_t events);
    void change(int descriptor, std::uint32_t events);
    void unwatch(int descriptor);
    // The alarm makes descriptor() readable at an instant, the earliest asked for.
    void alarm_at(runtime::Deadline instant);
    bool alarm_passed();  // and forgets it
    int alarm() const noexcept { return alarm_.get(); }

    Options options_;
    std::uint64_t incarnation_;
    std::uint64_t peer_incarnation_ = 0;
    Ending ending_ = Ending::open;
    std::string reason_;
    Counts counts_;
    void wait(runtime::Deadline deadline);  // until descriptor() is readable

private:
    const std::size_t largest_;
    runtime::Descriptor ready_, alarm_;
    runtime::Deadline alarm_set_ = runtime::Deadline::never();
};

using TransportOutcome = runtime::Outcome<std::unique_ptr<Transport>>;

class Door;

// Where peers come in.
class Listener {
public:
    Listener(std::string kind, std::unique_ptr<Door> door, const Options& options);
    Listener(Listener&&) noexcept;
    Listener& operator=(Listener&&) noexcept;
    ~Listener();

    int descriptor() const noexcept;  // readable when accept() may find somebody
    // returns: null when nobody is there; a fault that says why who was there is refused, or cannot be let in
    TransportOutcome accept();
    std::string address() const;  // for connect(), with what the system chose filled in

private:
    std::string kind_;
    std::unique_ptr<Door> door_;
    Options options_;
};

// An address is "KIND:PLACE": fifo:/path, unix:/path or unix:@name, tcp:host:service, udp:host:service,
// sysv:key, posix:/name, and pipe:in,out, two descriptors that this process has inherited.
// returns: a fault that says what is wrong with the address, or of the call that failed (EADDRINUSE)
runtime::Outcome<Listener> listen(const std::string& address, const Options& options);

// Neither waits for the peer's hello: what is sent before it comes stands in line.
// waits: until the deadline, where the system connects (tcp)
// returns: a fault of the address, or of the call that failed (ECONNREFUSED: nobody listens there)
TransportOutcome connect(const std::string& address, const Options& options, runtime::Deadline deadline);

}  // namespace umach::transport
