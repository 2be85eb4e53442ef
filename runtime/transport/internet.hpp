// SPDX-License-Identifier: BSL-1.0
// Inside runtime/transport: addresses of the internet, for tcp and udp. A place is "HOST:SERVICE", with an
// IPv6 address in brackets.
#pragma once

#include <sys/socket.h>

#include "runtime/transport/wire.hpp"

namespace umach::transport {

struct InternetAddress {
    sockaddr_storage name{};
    socklen_t bytes = sizeof(sockaddr_storage);
    sockaddr* get() { return reinterpret_cast<sockaddr*>(&name); }
    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&name); }
};

// waits: for the system to look up a name that is not numeric
runtime::Outcome<InternetAddress> internet_address(const std::string& place, int socket_type);

std::string place_of(const InternetAddress& address);

// returns: why a link to or at that address would be plain though it must not; a seal makes any address good
runtime::Outcome<void> may_be_plain(const InternetAddress& address, const Options& options);

// A socket that does not wait.
runtime::Outcome<runtime::Descriptor> internet_socket(const InternetAddress& like, int socket_type);

// The socket bound to an address; shared with others if they, too, say so.
runtime::Outcome<runtime::Descriptor> bound_socket(const InternetAddress& address, int socket_type,
                                                   bool shared);
void share_address(int socket);

InternetAddress own_address(int socket);

}  // namespace umach::transport
