// SPDX-License-Identifier: BSL-1.0
// The kinds by name, and what they have in common: addresses, listeners, and the transport over a wire.
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/transport/fifo.hpp"
#include "runtime/transport/ordered.hpp"
#include "runtime/transport/pipe.hpp"
#include "runtime/transport/posix_queue.hpp"
#include "runtime/transport/sysv_queue.hpp"
#include "runtime/transport/tcp.hpp"
#include "runtime/transport/udp.hpp"
#include "runtime/transport/unix_socket.hpp"
#include "runtime/transport/windowed.hpp"

namespace umach::transport {

using runtime::Deadline;
using runtime::Descriptor;
using runtime::make_fault;
using runtime::Outcome;

namespace {

struct Place {
    const Mechanism* mechanism;
    std::string place;
};

Outcome<Place> place_of(const std::string& address) {
    const auto colon = address.find(':');
    const Mechanism* mechanism = mechanism_of(address.substr(0, colon));
    if (mechanism == nullptr || colon == std::string::npos)
        return make_fault(EINVAL, "\"" + address + "\" is not KIND:PLACE with a kind of transport");
    return Place{mechanism, address.substr(colon + 1)};
}

}  // namespace

const Mechanism* mechanism_of(const std::string& kind) {
    for (const Mechanism* known : {&pipe_mechanism, &fifo_mechanism, &unix_mechanism, &tcp_mechanism,
                                   &udp_mechanism, &sysv_mechanism, &posix_mechanism})
        if (kind == known->name) return known;
    return nullptr;
}

std::unique_ptr<Transport> over(std::unique_ptr<Wire> wire, const Options& options) {
    if (wire->traits().datagrams) return std::make_unique<Windowed>(std::move(wire), options);
    return std::make_unique<Ordered>(std::move(wire), options);
}

bool Allowed::has(long user, long group) const {
    return user == static_cast<long>(geteuid()) || user == 0 || users.contains(user) || groups.contains(group);
}

Outcome<void> check_owner(const Owned& object, const Allowed& allowed) {
    if (!allowed.has(object.user))
        return make_fault(EPERM, object.what + " is of user " + std::to_string(object.user) +
                                     ", who is not allowed");
    if ((object.mode & 077) == 0) return {};
    char mode[8] = "";
    std::snprintf(mode, sizeof mode, "%03o", object.mode & 0777);
    return make_fault(EPERM, object.what + " is open to others: its mode is " + mode);
}

Moved moved_by(int error) noexcept {
    const bool for_later =
        error == EAGAIN || error == EWOULDBLOCK || error == EINTR || error == ENOBUFS || error == ENOMEM;
    return for_later ? Moved::later : Moved::gone;
}

Descriptor watch_process(int process) {
    return Descriptor(static_cast<int>(syscall(SYS_pidfd_open, process, 0)));
}

Listener::Listener(std::string kind, std::unique_ptr<Door> door, const Options& options)
    : kind_(std::move(kind)), door_(std::move(door)), options_(options) {}
Listener::Listener(Listener&&) noexcept = default;
Listener& Listener::operator=(Listener&&) noexcept = default;
Listener::~Listener() = default;

int Listener::descriptor() const noexcept {
    return door_->descriptor();
}

std::string Listener::address() const {
    return kind_ + ":" + door_->place();
}

TransportOutcome Listener::accept() {
    auto wire = door_->accept();
    if (!wire) return wire.fault();
    if (wire.value() == nullptr) return std::unique_ptr<Transport>();
    return over(std::move(wire).value(), options_);
}

Outcome<Listener> listen(const std::string& address, const Options& options) {
    const auto place = place_of(address);
    if (!place) return place.fault();
    auto door = place.value().mechanism->listen(place.value().place, options);
    if (!door) return door.fault();
    return Listener(place.value().mechanism->name, std::move(door).value(), options);
}

TransportOutcome connect(const std::string& address, const Options& options, Deadline deadline) {
    const auto place = place_of(address);
    if (!place) return place.fault();
    auto wire = place.value().mechanism->connect(place.value().place, options, deadline);
    if (!wire) return wire.fault();
    return over(std::move(wire).value(), options);
}

}  // namespace umach::transport
