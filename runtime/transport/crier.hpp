// SPDX-License-Identifier: BSL-1.0
// A crier asks everybody who listens on a group of machines, in one datagram, and hears answers; and hears
// what others ask. For what has to be found before there is an address to connect to. A place is
// "multicast:GROUP:SERVICE" or "broadcast:SERVICE"; IPv4 only. Datagrams may be lost, come twice, and come
// from anybody.
#pragma once

#include <vector>

#include "runtime/transport/internet.hpp"

namespace umach::transport {

inline constexpr std::size_t most_cried = 512;  // bytes

class Crier {
public:
    // returns: a fault that says what is wrong with the place, or of the call that failed
    static runtime::Outcome<Crier> open(const std::string& place);

    // Readable when a question, or an answer, may have come.
    int questions() const noexcept { return group_socket_.get(); }
    int answers() const noexcept { return own_socket_.get(); }

    // Asks on every interface that is up. What is asked here comes to questions() here, too.
    void ask(View bytes) const;
    void answer(const InternetAddress& to, View bytes) const;
    // returns: false when nothing is there
    bool hear_question(Bytes& bytes, InternetAddress& from) const;
    bool hear_answer(Bytes& bytes, InternetAddress& from) const;

private:
    Crier(runtime::Descriptor group_socket, runtime::Descriptor own_socket, InternetAddress group, bool broadcast)
        : group_socket_(std::move(group_socket)),
          own_socket_(std::move(own_socket)),
          group_(group),
          broadcast_(broadcast) {}

    runtime::Descriptor group_socket_, own_socket_;
    InternetAddress group_;
    bool broadcast_;
};

// The same machine with another service: "tcp:0.0.0.0:7000" as heard from 10.0.0.2 is "tcp:10.0.0.2:7000".
std::string as_heard_from(const std::string& address, const InternetAddress& from);

}  // namespace umach::transport
