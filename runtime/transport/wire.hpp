// SPDX-License-Identifier: BSL-1.0
// Inside runtime/transport: what a mechanism does. It moves encoded frames as bytes and knows nothing of what
// is in them; whole frames, order and the end of a link are made of it in ordered.cpp and windowed.cpp, for
// all.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "runtime/clock.hpp"
#include "runtime/descriptor.hpp"
#include "runtime/transport/transport.hpp"

namespace umach::transport {

struct WireTraits {
    bool datagrams = false;  // it may lose, double and reorder; else bytes come in order or not at all
    bool atomic = false;     // a write of a whole frame is all or nothing
    bool beats = false;      // silence is the only sign, or the only sure one, that the peer has gone
    std::size_t most = 0;    // bytes of an encoded frame
};

class Wire {
public:
    Wire() = default;
    Wire(const Wire&) = delete;
    Wire& operator=(const Wire&) = delete;
    virtual ~Wire() = default;

    virtual WireTraits traits() const noexcept = 0;

    // Neither waits. `moved` is set when the answer is `done`: how many bytes, which are whole frames if the
    // wire is atomic or of datagrams. `gone` from write() says nothing about what can still be read.
    // Writing nothing does what is due.
    virtual Moved write(View bytes, std::size_t& moved) noexcept = 0;
    virtual Moved read(std::span<std::byte> into, std::size_t& moved) noexcept = 0;

    // The same of bytes that stand in several places: a first, and at most most_parts more.
    // returns: `done` with nothing moved where only write() can
    virtual Moved gather(View, Parts, std::size_t& moved) noexcept { return moved = 0, Moved::done; }

    virtual int reads() const noexcept = 0;           // readable when read() may find something
    virtual int writes() const noexcept = 0;          // writable when write() may take something
    virtual int sign() const noexcept { return -1; }  // readable once the peer's process has ended
    virtual runtime::Deadline due() const noexcept { return runtime::Deadline::never(); }  // to write nothing
    virtual Peer peer() const { return {}; }

    // It still finds out who the peer is, by what is read and written; a stream takes nothing before.
    virtual bool opening() const noexcept { return false; }
    // Bytes that it took are not with the system yet: the next write, even of nothing, goes on.
    virtual bool holds() const noexcept { return false; }
    virtual std::string refusal() const { return ""; }  // why it is gone, if the peer is refused, or refuses
};

using WireOutcome = runtime::Outcome<std::unique_ptr<Wire>>;

// Where peers come in: the listening half of a mechanism.
class Door {
public:
    Door() = default;
    Door(const Door&) = delete;
    Door& operator=(const Door&) = delete;
    virtual ~Door() = default;

    virtual int descriptor() const noexcept = 0;  // readable when accept() may find somebody
    // returns: null when nobody is there; a fault that says why who was there is refused, or cannot be let in
    virtual WireOutcome accept() = 0;
    virtual std::string place() const = 0;  // as a peer has to say it
};

using DoorOutcome = runtime::Outcome<std::unique_ptr<Door>>;

// A kind of transport that has addresses.
struct Mechanism {
    const char* name;
    DoorOutcome (*listen)(const std::string& place, const Options& options);
    WireOutcome (*connect)(const std::string& place, const Options& options, runtime::Deadline deadline);
};

// returns: null when there is no kind of that name
const Mechanism* mechanism_of(const std::string& kind);

// The transport over a wire: in order as it comes, or with a window of its own.
std::unique_ptr<Transport> over(std::unique_ptr<Wire> wire, const Options& options);

// A wire over one connected socket. What was read before, as `first`, is read first.
std::unique_ptr<Wire> socket_wire(runtime::Descriptor socket, WireTraits traits, Peer peer, Bytes first = {});

// What is known of a FIFO or a queue before it is used.
struct Owned {
    std::string what;  // "the queue 7"
    long user;
    unsigned mode;
};
// returns: why it is refused: it is somebody's who is not allowed, or open to others
runtime::Outcome<void> check_owner(const Owned& object, const Allowed& allowed);

// What an errno value of a write or read that failed means: it would have had to wait, or the peer has gone.
Moved moved_by(int error) noexcept;

// A descriptor that is readable once that process has ended; none if it has, or cannot be watched.
runtime::Descriptor watch_process(int process);

}  // namespace umach::transport
